"""The root of a project: which folder it is, and which marks do not count."""

from __future__ import annotations

from pathlib import Path

import pytest

from taskspec.files.project_files import project_root, root_reason


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
