"""The root of a project: which folder it is, and which marks do not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskspec.errors import UsageError
from taskspec.files.project_files import project_root, read_file, root_reason


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    """A folder two levels below the top."""
    folder = tmp_path / "top" / "middle" / "specs"
    folder.mkdir(parents=True)
    return folder


def mark(folder: Path, name: str) -> Path:
    (folder / name).mkdir() if name == ".git" else (folder / name).touch()
    return folder


def test_without_a_mark_it_is_the_folder_itself(specs: Path) -> None:
    assert project_root(specs) == specs
    assert root_reason(specs).startswith("the folder of the spec, since none above it holds .git")


@pytest.mark.parametrize("name", [".git", "taskspec.root", "pyproject.toml"])
def test_it_is_the_nearest_folder_with_a_mark(specs: Path, name: str) -> None:
    mark(specs.parent.parent, name)
    nearest = mark(specs.parent, name)
    assert project_root(specs) == nearest
    assert root_reason(nearest) == f"the nearest folder above the spec with {name}"
    assert project_root(mark(specs, name)) == specs


def test_a_package_inside_a_repository_is_not_the_whole_project(specs: Path) -> None:
    top = mark(specs.parent.parent, ".git")
    mark(specs.parent, "pyproject.toml")
    assert project_root(specs) == top


def test_a_repository_inside_a_marked_folder_is_a_project_of_its_own(specs: Path) -> None:
    mark(specs.parent.parent, "taskspec.root")
    assert project_root(mark(specs.parent, ".git")) == specs.parent


@pytest.mark.parametrize("name", ["taskspec.root", "pyproject.toml"])
def test_a_file_where_all_users_may_write_marks_nothing(specs: Path, name: str) -> None:
    top = mark(specs.parent.parent, name)
    top.chmod(0o1777)
    assert project_root(specs) == specs
    top.chmod(0o755)
    assert project_root(specs) == top


def test_a_link_to_a_folder_is_where_it_leads(specs: Path, tmp_path: Path) -> None:
    mark(tmp_path, "taskspec.root")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(mark(specs.parent, ".git"))
    assert project_root(elsewhere / "specs") == specs.parent


def test_a_link_that_leads_out_of_the_project_is_not_read(specs: Path, tmp_path: Path) -> None:
    mark(tmp_path / "top", ".git")
    (tmp_path / "credentials").write_text("PASSWORD=open-sesame\n", encoding="ascii")
    link = specs / "spec.yaml"
    link.symlink_to(tmp_path / "credentials")
    with pytest.raises(UsageError, match="leads by a link out of the project") as refused:
        read_file(link, "spec ")
    assert "sesame" not in f"{refused.value.message} {refused.value.remedy}"
    assert read_file(link, allow_outside=True)


def test_a_link_within_the_project_and_a_named_file_outside_of_it_are_read(specs: Path, tmp_path: Path) -> None:
    mark(tmp_path / "top", ".git")
    inside, outside = tmp_path / "top" / "real.yaml", tmp_path / "named.yaml"
    for file in (inside, outside):
        file.write_text("x", encoding="ascii")
    (specs / "spec.yaml").symlink_to(inside)
    assert read_file(specs / "spec.yaml") == read_file(outside) == b"x"


@pytest.mark.parametrize("target", ["spec.yaml", "/dev/zero"])
def test_a_link_to_itself_or_to_a_device_is_refused(specs: Path, target: str) -> None:
    (specs / "spec.yaml").symlink_to(target)
    with pytest.raises(UsageError):
        read_file(specs / "spec.yaml", allow_outside=True)


def test_a_folder_that_is_a_link_leads_out_too(specs: Path, tmp_path: Path) -> None:
    mark(tmp_path / "top", ".git")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "spec.yaml").write_text("PASSWORD: open-sesame\n", encoding="ascii")
    (specs / "linked").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="leads by a link out of the project"):
        read_file(specs / "linked" / "spec.yaml")


def test_a_project_may_itself_be_reached_by_a_link(specs: Path, tmp_path: Path) -> None:
    mark(tmp_path / "top", ".git")
    (specs / "spec.yaml").write_text("x", encoding="ascii")
    (tmp_path / "short").symlink_to(tmp_path / "top")
    assert read_file(tmp_path / "short" / "middle" / "specs" / "spec.yaml") == b"x"
