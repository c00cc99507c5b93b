"""Any sequence of calls on the local server: rules that always hold.

- Ids grow.
- A terminal status never changes.
- No answer is a 5xx.
- Lists neither lose nor repeat rows, although launches are added between two pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from taskspec.api.wire import TERMINAL, LaunchStatus
from tests.local.serving import RunningServer, until

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = {"well": "true", "badly": "exit 3", "late": "exec sleep 600", "at once": "kill -9 $$"}
KEYS = st.sampled_from(["a", "b", "c.d", "rows[0]"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("tasks.info", {}),
    ("tasks.info", {"id": "seven"}),
    ("tasks.info", {"id": 10**18}),
    ("tasks.stop", {"id": -1}),
    ("tasks.list", {"workspaceId": 1, "page": 0}),
    ("tasks.list", {"workspaceId": 1, "per_page": 10**9}),
    ("tasks.list", {"workspaceId": 1, "after": "x", "pagination_mode": "token"}),
    ("tasks.list", {"workspaceId": 1, "filter": [{"field": "id", "operator": "~", "value": 1}]}),
    ("tasks.run.app", {"agentId": None, "workspaceId": 1, "moduleId": 1, "params": []}),
    ("tasks.output.set", {"taskId": 1, "output": {"general": {}}}),
    ("tasks.data.set", {"taskId": 1, "fields": [{"field": "[", "payload": 1}]}),
    ("tasks.logs.add", {"logs": [{"message": "whose?"}]}),
    ("tasks.status.update", {"id": 1, "status": "done"}),
]


class Launches(RuleBasedStateMachine):
    """A model of the requests to the server, compared with the server.

    Steps depend on the model only, never on the progress of the apps, so the same steps can be repeated.
    """

    server: RunningServer
    modules: dict[str, int]

    @initialize()
    def begin(self) -> None:
        rows = self.call("tasks.list", workspaceId=1, sort="id", sort_order="desc", per_page=1)["entities"]
        self.watermark = rows[0]["id"] if rows else 0
        self.ids: list[int] = []
        self.ends: dict[int, str] = {}
        self.outputs: dict[int, dict[str, Any]] = {}
        self.fields: dict[tuple[int, str], Any] = {}
        self.lines: dict[int, list[str]] = {}

    @rule(how=st.sampled_from(sorted(COMMANDS)), restart=st.sampled_from(["never", "on_error"]))
    def start(self, how: str, restart: str) -> None:
        fields = {"agentId": None, "workspaceId": 1, "moduleId": self.modules[how], "restartPolicy": restart}
        (row,) = self.call("tasks.run.app", **fields)
        assert row["taskId"] > max(self.ids, default=self.watermark)
        self.ids.append(row["taskId"])

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        task_id = self.any(data)
        before = self.ends.get(task_id)
        status = self.call("tasks.stop", id=task_id)["status"]
        assert status in ({before} if before else {"terminating", *TERMINAL})

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def wait_for_the_end(self, data: st.DataObject) -> None:
        assert self.bring_to_an_end(data) in self.ends

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """Resume, which is the only way to leave a terminal status."""
        task_id = self.bring_to_an_end(data)
        self.call("tasks.resume", id=task_id)
        del self.ends[task_id]
        self.look_up_needs(task_id)

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), title=st.text(min_size=1, max_size=5))
    def publish(self, data: st.DataObject, title: str) -> None:
        task_id = self.any(data)
        output = {"general": {"title": title, "showLogs": False, "isError": False}}
        self.call("tasks.output.set", taskId=task_id, output=output)
        self.outputs[task_id] = output
        assert self.look_up_needs(task_id)["meta"]["output"] == output

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), key=KEYS, value=VALUES)
    def set_field(self, data: st.DataObject, key: str, value: Any) -> None:
        task_id, path = self.any(data), f"data.{key}"
        self.call("tasks.data.set", taskId=task_id, fields=[{"field": path, "payload": value}])
        self.fields[task_id, path] = value

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), messages=st.lists(st.text(max_size=5), max_size=3))
    def log(self, data: st.DataObject, messages: list[str]) -> None:
        task_id = self.any(data)
        self.call("tasks.logs.add", logs=[{"message": each, "mine": True, "task_id": task_id} for each in messages])
        self.lines.setdefault(task_id, []).extend(messages)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def read_back(self, data: st.DataObject) -> None:
        task_id = self.any(data)
        paths = [path for owner, path in self.fields if owner == task_id]
        found = self.call("tasks.data.get", taskId=task_id, fields=paths)["result"]
        assert found == {path: self.fields[task_id, path] for path in paths}
        mine = [row["message"] for row in self.server.logs(task_id) if row.get("mine")]
        assert mine == self.lines.get(task_id, [])

    @rule(size=st.integers(1, 4), by_token=st.booleans(), how=st.sampled_from(sorted(COMMANDS)))
    def list_while_launches_are_added(self, size: int, by_token: bool, how: str) -> None:
        there = list(self.ids)
        rows = []
        for page in self.pages(size, by_token):
            rows.extend(page)
            if len(self.ids) < len(there) + 3:
                self.start(how, "never")
        found = [row["id"] for row in rows]
        assert found == sorted(set(found))
        assert found[: len(there)] == there
        assert set(found) <= set(self.ids)
        for row in rows:
            self.note(row)

    @rule(word=st.sampled_from(sorted(TERMINAL)))
    def list_by_end(self, word: str) -> None:
        clauses = [self.ours(), {"field": "status", "operator": "=", "value": word}]
        rows = self.call("tasks.list", workspaceId=1, filter=clauses)["entities"]
        assert {row["id"] for row in rows} >= {task_id for task_id, end in self.ends.items() if end == word}
        assert {row["status"] for row in rows} <= {word}

    @rule(wrong=st.sampled_from(WRONG))
    def ask_wrongly(self, wrong: tuple[str, dict[str, Any]]) -> None:
        method, fields = wrong
        answer = self.server.send(method, json=fields)
        assert 400 <= answer.status_code < 500, answer.text

    @invariant()
    def an_end_stays(self) -> None:
        for task_id in list(self.ends)[-3:]:
            self.look_up_needs(task_id)

    def teardown(self) -> None:
        for task_id in self.ids:
            self.call("tasks.stop", id=task_id)
        for task_id in self.ids:
            until(lambda task_id=task_id: self.look_up_needs(task_id)["status"] in TERMINAL)

    def call(self, method: str, **fields: Any) -> Any:
        answer = self.server.send(method, json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look_up_needs(self, task_id: int) -> dict[str, Any]:
        info: dict[str, Any] = self.call("tasks.info", id=task_id)
        self.note(info)
        return info

    def note(self, task: dict[str, Any]) -> None:
        """Compare each reading of a launch with its earlier readings."""
        task_id, status = task["id"], LaunchStatus(task["status"])
        if task_id in self.ends:
            assert status == self.ends[task_id]
        if status.is_terminal:
            self.ends[task_id] = status.value
            assert task["finishedAt"] is not None
        assert task["meta"]["output"] == self.outputs.get(task_id, {})

    def any(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.ids), label="launch")

    def bring_to_an_end(self, data: st.DataObject) -> int:
        task_id = self.any(data)
        self.call("tasks.stop", id=task_id)
        until(lambda: self.look_up_needs(task_id)["status"] in TERMINAL)
        return task_id

    def ours(self) -> dict[str, Any]:
        return {"field": "id", "operator": ">", "value": self.watermark}

    def pages(self, size: int, by_token: bool) -> Iterator[list[dict[str, Any]]]:
        body = {"workspaceId": 1, "filter": [self.ours()], "per_page": size}
        if not by_token:
            page = self.call("tasks.list", **body)
            yield page["entities"]
            for number in range(2, page["pagesCount"] + 1):
                yield self.call("tasks.list", **body, page=number)["entities"]
            return
        after: dict[str, Any] = {}
        while after.get("after", "") is not None:
            page = self.call("tasks.list", **body, pagination_mode="token", **after)
            after = {"after": page["after"]}
            yield page["entities"]


def test_any_sequence_of_calls_keeps_the_rules(server: RunningServer) -> None:
    class Bound(Launches):
        """Run the rules on this server."""

    Bound.server = server
    Bound.modules = {name: server.register(f"seq {name}", entrypoint=command) for name, command in COMMANDS.items()}
    run_state_machine_as_test(
        Bound,
        settings=settings(max_examples=30, stateful_step_count=25, suppress_health_check=list(HealthCheck)),
    )
