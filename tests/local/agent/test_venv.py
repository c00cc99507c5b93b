"""Virtual environments from requirements.txt: made once, kept, and reported when pip fails."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.local.agent.launcher import Job, RunDir
from taskspec.local.agent.venv import VirtualEnvironments
from tests.local.serving import write_app

if TYPE_CHECKING:
    from tests.local.serving import RunningServer

WHEEL = "greeting-1.0-py3-none-any.whl"


def write_wheel(folder: Path) -> None:
    """Make a package that pip installs without an index."""
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("greeting.py", "WORD = 'installed'\n")
        wheel.writestr("greeting-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n")
        wheel.writestr("greeting-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greeting-1.0.dist-info/RECORD", "")


def test_requirements_are_installed_once_for_all_launches(own_server: RunningServer) -> None:
    path = write_app(own_server.apps / "greets", entrypoint="python -c 'import greeting; print(greeting.WORD)'")
    write_wheel(path)
    (path / "requirements.txt").write_text(f"./{WHEEL}\n")
    own_server.start("--app-environments")
    module = own_server.control("modules.register", path=str(path))["moduleId"]
    tasks = [own_server.start_app(module) for _ in range(2)]
    assert [own_server.end_of(task)["status"] for task in tasks] == ["finished", "finished"]
    logs = [own_server.messages(task) for task in tasks]
    assert [lines[-1] for lines in logs] == ["installed", "installed"]
    assert sum("Successfully installed greeting-1.0" in lines for lines in logs) == 1
    assert len([place for place in own_server.home.environments.iterdir() if place.is_dir()]) == 1


def test_requirements_that_cannot_be_installed_are_the_error(own_server: RunningServer) -> None:
    path = write_app(own_server.apps / "wants-too-much", entrypoint="echo never")
    (path / "requirements.txt").write_text("./no-such-1.0-py3-none-any.whl\n")
    own_server.start(environ={"TASKSPEC_APP_ENVIRONMENTS": "1"})
    task_id = own_server.start_app(own_server.control("modules.register", path=str(path))["moduleId"])
    task = own_server.end_of(task_id)
    assert task["status"] == "error"
    assert task["meta"]["error"]["message"].startswith("requirements.txt cannot be installed")
    assert "no-such" in task["meta"]["error"]["details"]
    assert "never" not in own_server.messages(task_id)


def test_requirements_are_left_alone_unless_asked(local_server: RunningServer) -> None:
    path = write_app(local_server.apps / "asks-nothing", entrypoint="echo ran")
    (path / "requirements.txt").write_text("no-such-package\n")
    task_id = local_server.start_app(local_server.control("modules.register", path=str(path))["moduleId"])
    assert local_server.end_of(task_id)["status"] == "finished"
    assert local_server.messages(task_id) == ["ran"]


def test_one_environment_for_each_content(tmp_path: Path) -> None:
    def place(name: str, text: str, config_dir: str = "") -> str | None:
        folder = tmp_path / name
        (folder / config_dir).mkdir(parents=True, exist_ok=True)
        (folder / config_dir / "requirements.txt").write_text(text)
        job = Job(RunDir(tmp_path), folder, "run", {"PATH": "/bin"})
        return VirtualEnvironments(tmp_path / "environments").install(job, config_dir).environment.get("VIRTUAL_ENV")

    assert place("a", "numpy==1\n") == place("b", "numpy==1\n") == place("c", "numpy==1\n", "sub")
    assert place("a", "numpy==1\n") != place("d", "numpy==2\n")
    assert place("e", " \n") is None


def test_the_requirements_next_to_the_config_come_first(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "requirements.txt").write_text("root")
    (tmp_path / "sub" / "requirements.txt").write_text("sub")
    job = Job(RunDir(tmp_path), tmp_path, "run", {})
    assert f"{tmp_path}/sub/requirements.txt" in VirtualEnvironments(tmp_path).install(job, "sub").command
    assert f"{tmp_path}/requirements.txt" in VirtualEnvironments(tmp_path).install(job, "other").command


def test_an_image_is_named_and_not_used(local_server: RunningServer) -> None:
    task_id = local_server.start_app(
        local_server.register("imaged", entrypoint="echo ran", docker_image="supervisely/base:6.7")
    )
    local_server.end_of(task_id)
    note, ran = local_server.logs(task_id)
    assert "supervisely/base:6.7" in note["message"]
    assert (note["level"], ran["message"]) == ("info", "ran")
