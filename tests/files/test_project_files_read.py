"""Which files a spec may read, and what is said about the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from taskspec.errors import UsageError
from taskspec.files.project_files import TEXT_LIMIT, ProjectFiles, project_root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder under version control with a folder of specs; a secret is outside."""
    (tmp_path / "secret").write_text("token")
    (tmp_path / "home" / ".git").mkdir(parents=True)
    (tmp_path / "home" / "specs").mkdir()
    return tmp_path / "home"


def refusal(files: ProjectFiles, folder: Path, path: str) -> str:
    with pytest.raises(UsageError) as error:
        files.text(folder, path)
    return error.value.message


def test_the_project_is_the_nearest_folder_under_version_control(project: Path) -> None:
    assert project_root(project / "specs") == project


def test_without_version_control_the_project_is_the_folder_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    assert project_root(tmp_path / "specs") == tmp_path / "specs"


def test_a_file_anywhere_in_the_project_is_read_as_it_is(project: Path) -> None:
    (project / "note.txt").write_bytes("\ufeffGrüße\r\n  x\n".encode())
    assert ProjectFiles(project).text(project / "specs", "../note.txt") == "Grüße\r\n  x\n"


@pytest.mark.parametrize("path", ["../../secret", "{above}/secret", "link", "linked/secret"])
def test_what_lies_outside_is_refused_by_whatever_way(project: Path, path: str) -> None:
    (project / "specs" / "link").symlink_to(project.parent / "secret")
    (project / "specs" / "linked").symlink_to(project.parent)
    path = path.format(above=project.parent)
    assert refusal(ProjectFiles(project), project / "specs", path) == f'"{path}" is outside of the project'
    assert ProjectFiles(project, allow_outside=True).text(project / "specs", path) == "token"


def test_the_version_control_is_out_of_reach_even_when_outside_is_allowed(project: Path) -> None:
    (project / ".git" / "config").write_text("token")
    (project / "specs" / "link").symlink_to(project / ".git" / "config")
    for path in ("../.git/config", "link"):
        said = refusal(ProjectFiles(project, allow_outside=True), project / "specs", path)
        assert said == f'"{path}" belongs to the version control'


def test_only_texts_of_bounded_size_are_read(project: Path) -> None:
    (project / "large").write_bytes(b"x" * (TEXT_LIMIT + 1))
    (project / "just").write_bytes(b"x" * TEXT_LIMIT)
    (project / "nul").write_bytes(b"a\0b")
    os.mkfifo(project / "pipe")
    files = ProjectFiles(project)
    assert refusal(files, project, "large") == '"large" is larger than 1 MiB'
    assert refusal(files, project, "nul") == '"nul" is not a text file: it contains a zero byte'
    assert refusal(files, project, "pipe") == '"pipe" is not a file'
    assert refusal(files, project, "specs") == '"specs" is not a file'
    assert refusal(files, project, "a\0b").startswith('"a\0b" cannot be read')
    assert len(files.text(project, "just")) == TEXT_LIMIT


def test_a_circle_of_links_is_no_file(project: Path) -> None:
    (project / "round").symlink_to(project / "round")
    with pytest.raises(UsageError):
        ProjectFiles(project).text(project, "round")


def test_a_file_is_read_once_so_that_a_plan_and_its_apply_see_the_same(project: Path) -> None:
    (project / "note").write_text("before")
    files = ProjectFiles(project)
    files.text(project, "note")
    (project / "note").write_text("after")
    assert files.text(project / "specs", "../note") == "before"
