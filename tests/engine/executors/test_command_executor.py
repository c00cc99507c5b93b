"""A command never runs twice at a time, also when taskspec was killed while it ran."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from taskspec.engine.executors.call_protocol import CallFailed, CallOrder
from taskspec.engine.executors.command_executor import CommandExecutor, lock_command
from taskspec.specfile.fields.kinds import Kind, read_call

PERFORM = f"""
import os, sys, time
from pathlib import Path
from {__name__} import commands, order
commands(Path(sys.argv[1])).perform(order("-c", sys.argv[2]), time.sleep)
"""


def commands(folder: Path) -> CommandExecutor:
    return CommandExecutor(folder, folder / "notes", os.environ, time.monotonic)


def order(*arguments: str) -> CallOrder:
    body = {"command": [sys.executable, *arguments]}
    return CallOrder("say", Kind.LOCAL, body, read_call(Kind.LOCAL, body))


def test_a_command_that_outlives_its_taskspec_is_not_run_again_until_it_has_ended(tmp_path: Path) -> None:
    for pipe in ("began", "end"):
        os.mkfifo(tmp_path / pipe)
    waits = "open('began', 'w').write('x'); open('end').read()"
    root = Path(__file__).parent.parent.parent.parent
    killed = subprocess.Popen([sys.executable, "-c", PERFORM, str(tmp_path), waits], cwd=root)
    assert (tmp_path / "began").read_text() == "x"
    killed.send_signal(signal.SIGKILL)
    killed.wait()

    with pytest.raises(
        CallFailed, match="an earlier run of this command, which taskspec could not end, still runs"
    ) as e:
        commands(tmp_path).perform(order("-c", "open('again', 'w')"), time.sleep)
    assert not (tmp_path / "again").exists()
    group = int(str(e.value).rpartition("group ")[2].split(")")[0])
    assert f"kill -- -{group}" in str(e.value.remedy)

    os.killpg(group, signal.SIGKILL)
    for _ in range(1_000):  # a killed process gives its files back a little later
        try:
            commands(tmp_path).perform(order("-c", "open('again', 'w')"), time.sleep)
            break
        except CallFailed:
            time.sleep(0.01)
    assert (tmp_path / "again").exists()


def test_what_left_the_group_of_a_command_that_ended_does_not_matter(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    leaves = (
        "import subprocess; subprocess.Popen(['sh', '-c', 'read x < end'], start_new_session=True, close_fds=False)"
    )
    commands(tmp_path).perform(order("-c", leaves), time.sleep)
    assert commands(tmp_path).perform(order("-c", "print(7)"), time.sleep)["json"] == 7
    (tmp_path / "end").write_text("x\n")


def test_guards_of_other_tasks_are_other_guards(tmp_path: Path) -> None:
    with (
        lock_command(tmp_path, "a"),
        lock_command(tmp_path, "b"),
        pytest.raises(CallFailed, match="still runs"),
        lock_command(tmp_path, "a"),
    ):
        pass
    with lock_command(tmp_path, "a"):
        pass
    assert not list(tmp_path.iterdir())
