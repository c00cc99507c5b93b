"""Pruning: the data of old launches is deleted, their rows stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from taskspec.api.wire import LOCAL_PREFIX
from tests.local.agent.test_agent import WAIT_FOR_GO
from tests.local.http.routes.test_files import digest, pairs
from tests.local.test_survival import edit

if TYPE_CHECKING:
    from tests.local.serving import RunningServer


def test_only_old_ended_launches_are_pruned(own_server: RunningServer) -> None:
    own_server.start()
    old = own_server.run("old", "echo said")
    new = own_server.run("new", "echo said")
    running = own_server.run("running", WAIT_FOR_GO)
    for task_id in (old, new):
        own_server.end_of(task_id)
    own_server.wait_for_status(running, "started")
    sent = own_server.send("tasks.files.bulk.upload", files=pairs(("f", b"x")), headers={"x-task-id": str(old)})
    assert sent.status_code == 200
    edit(own_server, "UPDATE launches SET finished_at = '2020-01-01T00:00:00.000Z' WHERE id = ?", old)
    assert own_server.control("prune", keepDays=30) == {"launches": 1}
    assert not own_server.home.task(old).exists()
    assert own_server.home.task(new).exists()
    assert own_server.messages(old) == []
    assert own_server.messages(new) == ["said"]
    assert own_server.info(old)["status"] == "finished", "a launch that was is never unknown"
    assert own_server.send("images.internal.hashes.list", json=[digest(b"x")]).json() == []
    assert own_server.control("prune", keepDays=30) == {"launches": 0}
    assert own_server.control("prune", keepDays=0) == {"launches": 1}
    assert own_server.info(running)["status"] == "started"
    assert own_server.home.task(running).exists()
    assert sorted(path.name for path in own_server.home.tasks.iterdir()) == [str(running)]


def test_a_pruned_launch_can_be_resumed(own_server: RunningServer) -> None:
    own_server.start()
    task_id = own_server.run("again", "echo said")
    own_server.end_of(task_id)
    own_server.control("prune", keepDays=0)
    own_server.call("tasks.resume", id=task_id)
    assert own_server.end_of(task_id)["status"] == "finished"
    assert own_server.messages(task_id) == ["said"]


def test_how_much_to_keep_must_be_said(local_server: RunningServer) -> None:
    for fields in ({}, {"keepDays": -1}, {"keepDays": "all"}, {"keepDays": 10**9}):
        assert local_server.refusal("prune", prefix=LOCAL_PREFIX, **fields)[0] == 400


def test_what_a_killed_server_left_half_done_is_swept(own_server: RunningServer) -> None:
    own_server.home.create()
    home = own_server.home
    left = [home.path / ".archive-1", home.storage / ".incoming-1", home.modules / ".copy-1", home.tasks / ".pruned-1"]
    for path in left[:2]:
        path.touch()
    for path in left[2:]:
        (path / "inner").mkdir(parents=True)
    kept = home.storage / "content"
    kept.touch()
    own_server.start()
    assert not [path for path in left if path.exists()]
    assert kept.exists()
