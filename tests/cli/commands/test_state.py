"""The commands on a state: list, export, adopt, forget, rename; every change is on record."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from taskspec.api import Api
from taskspec.local.server_client import Endpoint
from taskspec.operations import state_file
from taskspec.specfile.schema import load_schema
from taskspec.state.model import Event, EventKind
from taskspec.state.store import open_store
from tests.cli.conftest import Command
from tests.cli.leaving import apply_and_leave

Write = Callable[[str], Path]
STATE, ROW = Draft7Validator(load_schema("state")), Draft7Validator(load_schema("journal"))
TWO = """
    tasks:
      first: {module: ./good, results: {id: "{{ launch.id }}"}}
      second: {module: ./good, params: {of: "{{ tasks.first.results.id }}"}}
"""
CELLS = "tasks: {train: {module: ./good, for_each: [a, b]}}"
KEPT = "nothing to do, 2 to keep"


def journal(folder: Path) -> list[Event]:
    """Every event there is; each fits its schema."""
    with open_store(folder / ".taskspec" / "spec" / "local.db", clock=time.time) as store:
        rows = list(store.events())
    for row in rows:
        event = row.event
        ROW.validate(
            {
                "number": row.number, "at": row.at, "run": row.run, "kind": str(event.kind),
                "address": event.address, "key": event.key, "body": dict(event.body),
            }
        )  # fmt: skip
    return [row.event for row in rows]


@pytest.fixture
def applied(taskspec: Command, spec: Write, folder: Path) -> Path:
    """The folder of a spec of two tasks that was applied."""
    spec(TWO)
    assert taskspec("apply", "spec.yaml").code == 0
    return folder


@pytest.fixture
def api(endpoint: Endpoint) -> Iterator[Api]:
    with Api(endpoint.address, endpoint.token) as api:
        yield api


def test_nothing_is_on_record_before_the_first_apply(taskspec: Command, spec: Write, folder: Path) -> None:
    spec(TWO)
    assert taskspec("state", "list", "spec.yaml").out == "There are no records.\n"
    assert json.loads(taskspec("state", "list", "spec.yaml", "--json").out)["records"] == []
    for command in (("verify", "spec.yaml"), ("export", "spec.yaml"), ("forget", "spec.yaml", "first")):
        assert taskspec("state", *command).code == 3
    assert not (folder / ".taskspec").exists()


def test_the_list_has_every_address_with_its_launch(taskspec: Command, applied: Path) -> None:
    rows = taskspec("state", "list", "spec.yaml").out.splitlines()
    document = json.loads(taskspec("state", "list", "spec.yaml", "--json").out)
    for row, record in zip(rows, document["records"], strict=True):
        assert record["address"] in row
        assert "attempt 1  succeeded" in row
        assert f"launch {record['task_id']}" in row
        assert record["ended_at"] in row
    assert [record["address"] for record in document["records"]] == ["first", "second"]
    assert document["serial"] == len(journal(applied))


def test_the_state_can_be_read_although_the_spec_cannot(taskspec: Command, applied: Path, spec: Write) -> None:
    before = taskspec("state", "list", "spec.yaml")
    spec("tasks: {first: {modul: ./good}}")
    assert taskspec("state", "list", "spec.yaml") == before
    (applied / "spec.yaml").unlink()
    assert taskspec("state", "list", "spec.yaml") == before
    assert taskspec("state", "list", "other.yaml").code == 3


def test_a_record_is_shown_with_its_inputs_and_results(taskspec: Command, applied: Path) -> None:
    record = json.loads(taskspec("state", "show", "spec.yaml", "first", "--json").out)
    assert (record["phase"], record["outcome"], record["inputs"]["params"]) == ("ended", "succeeded", {"lr": 0.1})
    assert record["results"] == {"id": record["task_id"]}
    shown = taskspec("state", "show", "spec.yaml", "first").out
    for words in ("params.lr: 0.1", f"id: {record['task_id']}", record["fingerprint"], "succeeded"):
        assert words in shown
    wrong = taskspec("state", "show", "spec.yaml", "frist")
    assert wrong.code == 3
    assert "first" in wrong.err


def test_verify_tells_how_much_there_is_and_that_it_is_whole(taskspec: Command, applied: Path) -> None:
    count = len(journal(applied))
    assert taskspec("state", "verify", "spec.yaml").out == f"{count} events: the state is intact.\n"
    assert json.loads(taskspec("state", "verify", "spec.yaml", "--json").out)["events"] == count


def test_6_and_the_first_bad_event_when_the_state_was_tampered_with(taskspec: Command, applied: Path) -> None:
    document = json.loads(taskspec("state", "export", "spec.yaml").out)
    started = next(row["number"] for row in document["events"] if row["kind"] == "started")
    with closing(sqlite3.connect(applied / ".taskspec" / "spec" / "local.db", isolation_level=None)) as other:
        other.execute("UPDATE journal SET body = replace(body, 'false', 'true') WHERE number = ?", (started,))
    for command in (("state", "verify"), ("plan",), ("apply",), ("status",)):
        result = taskspec(*command, "spec.yaml")
        assert result.code == 6
        assert f"event {started} was changed after it was written" in result.err


def test_an_export_fits_its_schema_and_is_the_same_every_time(taskspec: Command, applied: Path) -> None:
    result = taskspec("state", "export", "spec.yaml")
    document = json.loads(result.out)
    STATE.validate(document)
    assert len(document["events"]) == len(journal(applied))
    assert taskspec("state", "export", "spec.yaml") == result


def elsewhere(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Change to another clone of the same folder, without the state."""
    there = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.copytree(folder, there, ignore=shutil.ignore_patterns(".taskspec"))
    monkeypatch.chdir(there)
    return there


def test_given_the_state_everything_is_kept_on_another_machine(
    taskspec: Command, applied: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = applied / "state.json"
    export.write_text(taskspec("state", "export", "spec.yaml").out, encoding="utf-8")
    records = json.loads(taskspec("state", "list", "spec.yaml", "--json").out)["records"]
    there = elsewhere(applied, tmp_path_factory, monkeypatch)
    assert "2 to start" in taskspec("plan", "spec.yaml").out
    assert taskspec("state", "import", "spec.yaml", "state.json", "--why", "new laptop").code == 0
    document = json.loads(taskspec("state", "list", "spec.yaml", "--json").out)
    assert document["records"] == records
    assert document["lineage"] == json.loads(export.read_text())["lineage"]
    assert KEPT in taskspec("plan", "spec.yaml").out
    assert KEPT in taskspec("apply", "spec.yaml").out
    assert taskspec("state", "verify", "spec.yaml").code == 0
    last = journal(there)[-1]
    assert (last.kind, last.body["why"]) == (EventKind.IMPORTED, "new laptop")


def test_a_state_that_was_lost_comes_back_by_import(taskspec: Command, applied: Path) -> None:
    (applied / "state.json").write_text(taskspec("state", "export", "spec.yaml").out, encoding="utf-8")
    (applied / ".taskspec" / "spec" / "local.db").unlink()
    assert taskspec("plan", "spec.yaml").code == 6
    assert taskspec("state", "import", "spec.yaml", "state.json").code == 0
    assert KEPT in taskspec("plan", "spec.yaml").out


def test_a_state_is_never_imported_over_another(taskspec: Command, applied: Path) -> None:
    (applied / "state.json").write_text(taskspec("state", "export", "spec.yaml").out, encoding="utf-8")
    result = taskspec("state", "import", "spec.yaml", "state.json")
    assert result.code == 6
    assert "away" in result.err
    assert taskspec("state", "export", "spec.yaml").out == (applied / "state.json").read_text(encoding="utf-8")


def changed_body(document: dict[str, Any]) -> None:
    document["events"][1]["body"]["watermark"] += 1


def event_taken_out(document: dict[str, Any]) -> None:
    del document["events"][2]


def another_lineage(document: dict[str, Any]) -> None:
    document["lineage"] = "0" * 32


def newer(document: dict[str, Any]) -> None:
    document["format"] += 1


def another_document(document: dict[str, Any]) -> None:
    document.clear()


def unknown_kind(document: dict[str, Any]) -> None:
    document["events"][0]["kind"] = "dreamt"


def no_chain(document: dict[str, Any]) -> None:
    del document["events"][0]["chain"]


@pytest.mark.parametrize(
    "damage",
    [changed_body, event_taken_out, another_lineage, newer, another_document, unknown_kind, no_chain],
    ids=lambda damage: damage.__name__,
)
def test_6_and_nothing_is_made_of_an_export_that_is_not_whole(
    taskspec: Command,
    applied: Path,
    damage: Callable[[dict[str, Any]], None],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    document = json.loads(taskspec("state", "export", "spec.yaml").out)
    damage(document)
    (applied / "state.json").write_text(json.dumps(document), encoding="utf-8")
    there = elsewhere(applied, tmp_path_factory, monkeypatch)
    result = taskspec("state", "import", "spec.yaml", "state.json")
    assert result.code == 6
    assert "state.json" in result.err
    assert not (there / ".taskspec").exists()


def test_a_state_of_another_server_is_not_imported(
    taskspec: Command, applied: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(taskspec("state", "export", "spec.yaml").out)
    document["server"] = "app.example.com"
    (applied / "state.json").write_text(json.dumps(document), encoding="utf-8")
    elsewhere(applied, tmp_path_factory, monkeypatch)
    result = taskspec("state", "import", "spec.yaml", "state.json")
    assert result.code == 3
    assert "app.example.com" in result.err


def test_what_is_forgotten_is_started_again_and_the_journal_says_why(taskspec: Command, applied: Path) -> None:
    assert taskspec("state", "forget", "spec.yaml", "second", "--why", "wrong data").out == "second: forgotten\n"
    assert "Plan: 1 to start, 1 to keep." in taskspec("plan", "spec.yaml").out
    last = journal(applied)[-1]
    assert (last.kind, last.address, last.body["why"]) == (EventKind.FORGOTTEN, "second", "wrong data")
    assert last.body["who"]
    assert taskspec("state", "forget", "spec.yaml", "second").code == 3


def test_all_can_be_forgotten_at_once(taskspec: Command, applied: Path) -> None:
    assert taskspec("state", "forget", "spec.yaml", "--all").out == "first: forgotten\nsecond: forgotten\n"
    assert "Plan: 2 to start." in taskspec("plan", "spec.yaml").out
    assert taskspec("state", "forget", "spec.yaml", "first", "--all").code == 3


def test_a_launch_that_runs_is_forgotten_and_left_alone(taskspec: Command, spec: Write, folder: Path, api: Api) -> None:
    spec("tasks: {only: {module: ./waiting}}")
    running = apply_and_leave()
    assert f"launch {running} is not stopped" in taskspec("state", "forget", "spec.yaml", "only").out
    status = api.task.get_info_by_id(running).status
    assert status is not None
    assert not status.is_terminal
    (folder / "gate").touch()
    api.task.wait(running, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)


def test_a_task_that_was_renamed_is_kept_once_its_record_is_moved(
    taskspec: Command, applied: Path, spec: Write
) -> None:
    before = json.loads(taskspec("state", "show", "spec.yaml", "first", "--json").out)
    spec(TWO.replace("first", "import"))
    assert "1 to start" in taskspec("plan", "spec.yaml").out
    result = taskspec("state", "mv", "spec.yaml", "first", "import", "--why", "a better name")
    assert (result.code, result.out, result.err) == (0, "first → import\n", "")
    assert KEPT in taskspec("plan", "spec.yaml").out
    after = json.loads(taskspec("state", "show", "spec.yaml", "import", "--json").out)
    assert after == {**before, "address": "import"}
    assert journal(applied)[-1].body["why"] == "a better name"


def test_a_tasks_name_moves_and_forgets_all_of_its_instances(taskspec: Command, spec: Write, folder: Path) -> None:
    spec(CELLS)
    taskspec("apply", "spec.yaml")
    spec(CELLS.replace("train", "fit"))
    assert taskspec("state", "mv", "spec.yaml", "train", "fit").out == "train[a] → fit[a]\ntrain[b] → fit[b]\n"
    assert KEPT in taskspec("plan", "spec.yaml").out
    assert taskspec("state", "mv", "spec.yaml", "fit[a]", "fit[c]").out == "fit[a] → fit[c]\n"
    assert taskspec("state", "forget", "spec.yaml", "fit").out == "fit[b]: forgotten\nfit[c]: forgotten\n"


def test_no_record_is_moved_onto_another(taskspec: Command, applied: Path) -> None:
    count = len(journal(applied))
    for old, new, words in (("first", "second", '"second" already'), ("nobody", "x", '"nobody"')):
        result = taskspec("state", "mv", "spec.yaml", old, new)
        assert result.code == 3
        assert words in result.err
    assert len(journal(applied)) == count


def test_a_start_that_may_still_arrive_is_neither_forgotten_nor_moved_nor_replaced(
    taskspec: Command, applied: Path, api: Api
) -> None:
    body = {"attempt": 2, "fingerprint": "f" * 64, "watermark": 0, "inputs": {"workspace": 1, "params": {}}}
    with state_file.writing(applied / ".taskspec" / "spec" / "local.db") as store:
        store.append("cut off", [Event(EventKind.INTENT, "first", "0" * 20, body)])
    launch = start_by_hand(api, applied, "good", lr=0.1)
    for command in ("forget spec.yaml first", "forget spec.yaml --all", "mv spec.yaml first import",
                    f"adopt spec.yaml first {launch}"):  # fmt: skip
        result = taskspec("state", *command.split())
        assert result.code == 3
        assert "it is not known whether it reached the server" in result.err
    assert json.loads(taskspec("state", "show", "spec.yaml", "first", "--json").out)["phase"] == "intended"
    api.task.wait(launch, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)


def test_a_move_to_an_address_that_the_spec_does_not_have_is_noted(taskspec: Command, applied: Path) -> None:
    result = taskspec("state", "mv", "spec.yaml", "first", "frist")
    assert result.code == 0
    assert 'the spec has no "frist"' in result.err
    assert "first" in result.err


def start_by_hand(api: Api, folder: Path, name: str, **state: Any) -> int:
    """Start an app by hand, without taskspec."""
    module = api.local.register_module(folder / name)
    return api.task.start(
        1, module_id=module.module_id, workspace_id=1, params={"state": state}, app_version=module.version
    ).id


@pytest.mark.parametrize("has_ended", [True, False])
def test_a_launch_that_was_started_by_hand_is_taken_over(
    taskspec: Command, spec: Write, folder: Path, api: Api, has_ended: bool
) -> None:
    spec("tasks: {only: {module: ./waiting, results: {id: '{{ launch.id }}'}}}")
    launch = start_by_hand(api, folder, "waiting", lr=0.1)
    if has_ended:
        (folder / "gate").touch()
        api.task.wait(launch, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)
    result = taskspec("state", "adopt", "spec.yaml", "only", str(launch), "--why", "started on Friday")
    assert (result.code, result.err) == (0, "")
    (folder / "gate").touch()
    plan = taskspec("plan", "spec.yaml").out
    assert "Plan: 1 to attach." in plan
    assert taskspec("apply", "spec.yaml").code == 0
    assert api.task.highest_id(1) == launch
    assert taskspec("results", "spec.yaml", "--name", "only.id").out == f"{launch}\n"
    assert "nothing to do, 1 to keep" in taskspec("plan", "spec.yaml").out
    adopted = [event for event in journal(folder) if event.kind is EventKind.ADOPTED]
    assert [(event.body["why"], event.body["forced"]) for event in adopted] == [("started on Friday", False)]


def test_a_launch_that_the_spec_would_not_send_is_adopted_only_by_force(
    taskspec: Command, spec: Write, folder: Path, api: Api
) -> None:
    spec("tasks: {only: {module: ./good}}")
    (folder / "good" / "old").touch()
    launch = start_by_hand(api, folder, "good", lr=0.2, more="x")
    (folder / "good" / "old").unlink()
    api.task.wait(launch, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)
    result = taskspec("state", "adopt", "spec.yaml", "only", str(launch))
    assert result.code == 3
    for words in ("params.lr: 0.2 → 0.1", 'params.more: "x" → (not set)', "version: ", "--force"):
        assert words in result.err
    assert taskspec("state", "list", "spec.yaml").out == "There are no records.\n"
    assert taskspec("state", "adopt", "spec.yaml", "only", str(launch), "--force").code == 0
    taskspec("apply", "spec.yaml")
    assert api.task.highest_id(1) == launch
    forced = next(event for event in journal(folder) if event.kind is EventKind.ADOPTED)
    assert forced.body["forced"] is True
    assert set(forced.body["differences"]) == {"params.lr", "params.more", "version"}


def test_what_cannot_be_adopted(taskspec: Command, applied: Path, api: Api) -> None:
    first = json.loads(taskspec("state", "show", "spec.yaml", "first", "--json").out)["task_id"]
    other = start_by_hand(api, applied, "good", lr=0.1)
    api.task.wait(other, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)
    count = len(journal(applied))
    for address, launch, code, words in (
        ("second", first, 3, 'as "first"'),
        ("nobody", other, 3, '"nobody"'),
        ("first", "x", 3, '"x"'),
        ("first", other + 1000, 4, str(other + 1000)),
    ):
        result = taskspec("state", "adopt", "spec.yaml", address, str(launch))
        assert result.code == code
        assert words in result.err
    assert len(journal(applied)) == count


def test_what_needs_results_that_are_unknown_cannot_be_adopted_yet(
    taskspec: Command, spec: Write, folder: Path, api: Api
) -> None:
    spec(TWO)
    launch = start_by_hand(api, folder, "good", lr=0.1)
    api.task.wait(launch, "finished", wait_attempts=600, wait_attempt_timeout_sec=0.05)
    result = taskspec("state", "adopt", "spec.yaml", "second", str(launch), "--force")
    assert result.code == 3
    assert "tasks.first.results.id" in result.err


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("mv", "one"), ("mv", "a", "b", "c", "d"), ("adopt", "only"), ("forget",), ("import",), ("nonsense",)],
)
def test_3_when_a_command_of_the_state_is_used_wrongly(
    taskspec: Command, spec: Write, arguments: tuple[str, ...]
) -> None:
    spec(TWO).rename("taskspec.yaml")
    assert taskspec("state", *arguments).code == 3


@pytest.mark.parametrize("group", ["state", "lock"])
def test_every_command_of_a_group_explains_itself(taskspec: Command, group: str) -> None:
    listed = [
        line.split()[0] for line in taskspec(group, "--help").out.split("Commands:")[1].splitlines() if line.strip()
    ]
    for name in listed:
        result = taskspec(group, name, "--help")
        assert f"Usage: taskspec {group} {name}" in result.out
