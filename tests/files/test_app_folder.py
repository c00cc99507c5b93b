"""An app's folder: its defaults, and a digest that covers what belongs to it and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from taskspec.files import app_folder
from taskspec.files.app_folder import AppFolderError, app_files, read_app_folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    (folder / "config.json").write_text('{"name": "Train", "modal_template_state": {"lr": 0.1}}')
    (folder / "src" / "main.py").write_text("print(1)\n")
    return folder


def write(path: str, content: bytes = b"x") -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)

    return change


CHANGES: dict[str, Callable[[Path], Any]] = {
    "a byte": write("src/main.py", b"print(2)\n"),
    "the settings": write("config.json", b"{}"),
    "a new file": write("new.txt"),
    "an empty file": write("empty", b""),
    "a new file in a folder": write("a/b/c.txt"),
    "a file gone": lambda folder: (folder / "src" / "main.py").unlink(),
    "a new name": lambda folder: (folder / "src" / "main.py").rename(folder / "src" / "other.py"),
    "moved to another folder": lambda folder: (folder / "src" / "main.py").rename(folder / "main.py"),
    "the executable bit": lambda folder: (folder / "src" / "main.py").chmod(0o755),
    "a byte moved to the next file": lambda folder: (
        write("src/main.py", b"print(1)")(folder),
        write("src/n", b"\n")(folder),
    ),
}
NO_CHANGES: dict[str, Callable[[Path], Any]] = {
    "nothing": lambda folder: None,
    "compiled files": write("src/__pycache__/main.pyc"),
    "a hidden file": write(".env"),
    "a hidden folder": write(".git/HEAD"),
    "packages of node": write("node_modules/x/y.js"),
    "an empty folder": lambda folder: (folder / "empty").mkdir(),
    "a link that leads outside": lambda folder: (folder / "outside").symlink_to("/etc/hostname"),
    "a link to nowhere": lambda folder: (folder / "nowhere").symlink_to("missing"),
    "the time of a file": lambda folder: (folder / "src" / "main.py").touch(),
    "readable by all": lambda folder: (folder / "src" / "main.py").chmod(0o644),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_change_to_what_belongs_to_the_app_is_a_new_version(app: Path, change: Callable[[Path], Any]) -> None:
    before = read_app_folder(app).version
    change(app)
    assert read_app_folder(app).version != before


@pytest.mark.parametrize("change", NO_CHANGES.values(), ids=list(NO_CHANGES))
def test_anything_else_leaves_the_version_as_it_is(app: Path, change: Callable[[Path], Any]) -> None:
    before = read_app_folder(app).version
    change(app)
    assert read_app_folder(app).version == before


def test_the_same_folder_elsewhere_is_the_same_version(app: Path, tmp_path: Path) -> None:
    shutil.copytree(app, tmp_path / "copy")
    assert read_app_folder(tmp_path / "copy").version == read_app_folder(app).version


@pytest.mark.parametrize("content", [b"1b\x0002", b"1b\x000\x002", b"1b\x002", b"1b2", b"12"])
def test_one_file_cannot_pass_for_two(app: Path, content: bytes) -> None:
    write("a", b"1")(app)
    write("b", b"2")(app)
    two = read_app_folder(app).version
    (app / "b").unlink()
    write("a", content)(app)
    assert read_app_folder(app).version != two


def test_what_an_app_says_of_itself(app: Path) -> None:
    read = read_app_folder(app)
    assert (read.name, read.defaults, read.path) == ("Train", {"lr": 0.1}, app.resolve())
    write("config.json", b"{}")(app)
    assert (read_app_folder(app).name, read_app_folder(app).defaults) == ("app", {})
    write("config.json", b'{"modal_template_state": null}')(app)
    assert read_app_folder(app).defaults == {}


def test_the_files_are_listed_in_order(app: Path) -> None:
    write("b.txt")(app)
    write("a/z.txt")(app)
    assert [file.as_posix() for file in app_files(app)] == ["b.txt", "config.json", "a/z.txt", "src/main.py"]


@pytest.mark.parametrize(
    "config",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"modal_template_state": []}', b'{"modal_template_state": "x"}'],
)
def test_settings_that_cannot_be_read_say_so_and_what_to_do(app: Path, config: bytes) -> None:
    write("config.json", config)(app)
    with pytest.raises(AppFolderError) as error:
        read_app_folder(app)
    assert "config.json" in error.value.message
    assert error.value.remedy


@pytest.mark.parametrize("path", ["missing", "src", "config.json"])
def test_what_is_no_app_says_so_and_what_to_do(app: Path, path: str) -> None:
    with pytest.raises(AppFolderError) as error:
        read_app_folder(app / path)
    assert path in error.value.message
    assert error.value.remedy


def test_data_in_the_folder_of_an_app_is_refused(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_folder, "SIZE_LIMIT", 2**20)
    write("data.bin", bytes(2**20))(app)
    with pytest.raises(AppFolderError, match="holds more than 1 MiB"):
        read_app_folder(app)


def test_the_quickstart_apps_are_apps() -> None:
    for config in sorted(Path(__file__).parents[2].glob("examples/apps/*/config.json")):
        assert read_app_folder(config.parent).name == json.loads(config.read_text())["name"]
