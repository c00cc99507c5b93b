from __future__ import annotations

from typing import Any

import pytest

from taskspec.api import Api, LaunchStatus, RestartPolicy, TaskFinishedWithError, TaskInfo, WaitingTimeExceeded
from taskspec.api.tasks.task_api import TaskApi
from taskspec.errors import NotFound, OutcomeUnknown, UsageError
from tests.api.recorder import Answer, Recorder, close


def statuses(*words: str) -> list[dict[str, Any]]:
    return [{"id": 5, "status": word} for word in words]


class TestWords:
    def test_the_enums_answer_the_vendors_questions(self) -> None:
        assert TaskApi.Status.has_value("queued")
        assert not TaskApi.Status.has_value("running")
        assert TaskApi.RestartPolicy.values() == ["never", "on_error"]
        assert TaskApi.PluginTaskType.values() == ["train", "inference", "inference_rpc", "smarttool", "custom"]
        assert TaskApi.PluginTaskType.SMART_TOOL == "smarttool"
        assert RestartPolicy.ON_ERROR == "on_error"
        assert (TaskApi.MAX_WAIT_ATTEMPTS, TaskApi.WAIT_ATTEMPT_TIMEOUT_SEC) == (999, 1)

    def test_the_fields_of_a_task_are_known(self) -> None:
        assert TaskApi.info_sequence()[:3] == ["id", "type", "status"]
        assert TaskApi.info_tuple_name() == "TaskInfo"
        info = TaskInfo.parse({"id": 5, "meta": {"a": 1}})
        copy = TaskApi.convert_info_to_json(info)
        copy["meta"]["a"] = 2
        assert info == {"id": 5, "meta": {"a": 1}}


class TestWait:
    @pytest.mark.parametrize(
        ("target", "words", "result"),
        [
            ("finished", ["queued", "started", "terminating", "finished"], "finished"),
            ("started", ["queued", "started"], "started"),
            ("started", ["queued", "finished"], "finished"),
            ("finished", ["deployed"], "deployed"),
            ("error", ["error"], "error"),
            ("stopped", ["terminating", "stopped"], "stopped"),
            ("terminating", ["started", "stopped"], "stopped"),
        ],
    )
    def test_it_returns_the_status_that_ended_it(
        self, server: Recorder, naps: list[float], target: str, words: list[str], result: str
    ) -> None:
        server.answer("tasks.info", *statuses(*words))
        with Api(server.address, "t", sleep=naps.append) as api:
            assert api.task.wait(5, LaunchStatus(target)) is LaunchStatus(result)
        assert naps == [1.0] * (len(words) - 1)

    @pytest.mark.parametrize(
        ("target", "end", "words"),
        [
            ("finished", "error", "finished with an error"),
            ("finished", "stopped", "was stopped"),
            ("started", "stopped", "was stopped"),
            ("stopped", "error", "finished with an error"),
        ],
    )
    def test_an_end_that_was_not_wanted_raises(
        self, server: Recorder, api: Api, target: str, end: str, words: str
    ) -> None:
        server.answer("tasks.info", *statuses("queued", end))
        with pytest.raises(TaskFinishedWithError, match=f"task 5 {words}") as caught:
            api.task.wait(5, target)
        assert caught.value.status == end

    def test_attempts_and_pause_are_the_callers(self, server: Recorder, api: Api, naps: list[float]) -> None:
        server.answer("tasks.info", *statuses("queued"))
        with pytest.raises(WaitingTimeExceeded, match="is queued, not finished, after 3 attempts"):
            api.task.wait(5, "finished", wait_attempts=3, wait_attempt_timeout_sec=0.5)
        assert naps == [0.5, 0.5]
        assert len(server.seen) == 3

    def test_no_attempt_is_no_wait(self, api: Api) -> None:
        with pytest.raises(UsageError, match="at least one attempt"):
            api.task.wait(5, "finished", wait_attempts=0)

    def test_an_unknown_target_is_refused(self, api: Api) -> None:
        with pytest.raises(UsageError, match='unknown status "running"'):
            api.task.wait(5, "running")

    def test_raise_for_status_knows_text_and_member(self, api: Api) -> None:
        for failed in ("error", LaunchStatus.ERROR):
            with pytest.raises(TaskFinishedWithError):
                api.task.raise_for_status(failed)
        for fine in ("finished", LaunchStatus.STOPPED):
            api.task.raise_for_status(fine)


class TestLook:
    def test_an_unknown_task_is_not_found(self, api: Api) -> None:
        with pytest.raises(NotFound):
            api.task.get_info_by_id(5)

    @pytest.mark.parametrize("odd", [[], "x", None, {}, {"id": "5"}, {"id": True}])
    def test_an_odd_answer_is_no_task(self, server: Recorder, api: Api, odd: Any) -> None:
        server.answer("tasks.info", odd)
        with pytest.raises(OutcomeUnknown, match="not a TaskInfo"):
            api.task.get_info_by_id(5)

    def test_a_status_we_do_not_know_is_no_status(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.info", *statuses("finished\u0000"))
        info = api.task.get_info_by_id(5)
        assert (info.status, info.raw_status) == (None, "finished\u0000")
        with pytest.raises(OutcomeUnknown, match="unknown status"):
            api.task.get_status(5)

    def test_stop_answers_with_the_status(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.stop", {"status": "terminating"})
        assert api.task.stop(5) is LaunchStatus.TERMINATING
        assert server.bodies("tasks.stop") == [{"id": 5}]

    def test_the_context_is_read(self, server: Recorder, api: Api) -> None:
        context = {"team": {"id": 1, "name": "t"}, "workspace": {"id": 2, "name": "w"}}
        server.answer("GetTaskContext", context)
        assert api.task.get_context(5) == context
        assert server.bodies("GetTaskContext") == [{"id": 5}]

    def test_logs_are_read_by_get(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.log.download", [{"message": "hello"}])
        assert api.task.get_logs(5, since_time="2026-03-30T14:28:58.816Z", limit=10) == [{"message": "hello"}]
        (seen,) = server.seen
        assert (seen.verb, seen.query) == ("GET", {"id": "5", "sinceTime": "2026-03-30T14:28:58.816Z", "limit": "10"})


class TestWrite:
    def test_logs_are_submitted_verbatim_and_once(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.logs.add", Answer(200, b""), close)
        api.task.submit_logs([{"message": "a", "task_id": 5}])
        assert server.bodies("tasks.logs.add") == [{"logs": [{"message": "a", "task_id": 5}]}]
        with pytest.raises(OutcomeUnknown):
            api.task.submit_logs([])
        assert len(server.seen) == 2

    def test_meta_is_written_and_the_callers_dict_left_alone(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.meta.update", Answer(200, b""))
        data = {"name": "n"}
        api.task.update_meta(5, data)
        api.task.update_meta(5, data, "/data/agent", "app/5")
        assert data == {"name": "n"}
        assert server.bodies("tasks.meta.update") == [
            {"name": "n", "id": 5},
            {"name": "n", "id": 5, "agentStorageFolder": {"hostDir": "/data/agent", "folder": "app/5"}},
        ]
        with pytest.raises(UsageError, match="belong together"):
            api.task.update_meta(5, {}, "/data/agent")

    def test_a_status_is_set_by_member_or_text(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.status.update", Answer(200, b""))
        api.task.update_status(5, "started")
        api.task.update_status(5, LaunchStatus.ERROR)
        with pytest.raises(UsageError):
            api.task.update_status(5, "running")
        assert server.bodies("tasks.status.update") == [{"id": 5, "status": "started"}, {"id": 5, "status": "error"}]


class TestFields:
    def test_one_field_is_written_with_its_flags(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.data.set", {})
        api.task.set_field(5, "data.x", [1], append=True, recursive=True)
        api.task.set_fields_from_dict(5, {"data.x": 1, "state.y": None})
        assert server.bodies("tasks.data.set") == [
            {"taskId": 5, "fields": [{"field": "data.x", "payload": [1], "append": True, "recursive": True}]},
            {"taskId": 5, "fields": [{"field": "data.x", "payload": 1}, {"field": "state.y", "payload": None}]},
        ]

    def test_a_field_without_payload_is_refused_with_its_position(self, server: Recorder, api: Api) -> None:
        with pytest.raises(UsageError, match=r'fields\[1\] has no "payload"'):
            api.task.set_fields(5, [{"field": "a", "payload": 1}, {"field": "b"}])
        assert server.seen == []

    def test_an_append_is_sent_once_and_a_plain_write_may_be_repeated(self, server: Recorder) -> None:
        server.answer("tasks.data.set", close, close, {})
        with Api(server.address, "t") as api:
            with pytest.raises(OutcomeUnknown):
                api.task.set_field(5, "data.x", [1], append=True)
            api.task.set_field(5, "data.x", [1])
        assert len(server.seen) == 3

    def test_fields_are_read_by_their_paths(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.data.get", {"result": {"data.x": 1, "state.y": None}})
        assert api.task.get_fields(5, ["data.x", "state.y"]) == {"data.x": 1, "state.y": None}
        assert api.task.get_field(5, "state.y") is None
        assert server.bodies("tasks.data.get")[1] == {"taskId": 5, "fields": ["state.y"]}
        with pytest.raises(OutcomeUnknown, match=r'without "data\.z"'):
            api.task.get_field(5, "data.z")


class TestRequests:
    def test_the_body_is_the_wires_and_the_callers_context_left_alone(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.request.direct", {"answer": 42})
        context = {"a": 1}
        assert api.task.send_request(5, "infer", {"x": 1}, context) == {"answer": 42}
        api.task.send_request(5, "infer", {}, timeout=7, outside_request=False)
        assert context == {"a": 1}
        assert server.bodies("tasks.request.direct") == [
            {
                "taskId": 5,
                "command": "infer",
                "context": {"a": 1, "outside_request": True},
                "state": {"x": 1},
                "skipResponse": False,
                "timeout": 60,
            },
            {
                "taskId": 5,
                "command": "infer",
                "context": {"outside_request": False},
                "state": {},
                "skipResponse": False,
                "timeout": 7,
            },
        ]

    def test_an_answer_that_is_not_wanted_may_be_empty(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.request.direct", Answer(200, b""))
        assert api.task.send_request(5, "infer", {}, skip_response=True) is None

    def test_data_that_is_no_object_is_refused(self, api: Api) -> None:
        with pytest.raises(UsageError):
            api.task.send_request(5, "infer", [1])  # type: ignore[arg-type] # the rule under test

    @pytest.mark.parametrize(
        ("options", "sent"), [({}, 1), ({"retries": 3}, 3), ({"retries": 3, "raise_error": True}, 1)]
    )
    def test_a_call_is_repeated_only_on_request(
        self, server: Recorder, api: Api, options: dict[str, Any], sent: int
    ) -> None:
        server.answer("tasks.request.direct", Answer(502, b"no app"))
        with pytest.raises(OutcomeUnknown, match="502"):
            api.task.send_request(5, "infer", {}, **options)
        assert len(server.seen) == sent

    @pytest.mark.parametrize(
        ("answer", "running", "ready"),
        [
            ({"status": "ready"}, True, True),
            ({"status": "starting"}, True, False),
            ({}, True, False),
            (Answer(404, {"error": "no app"}), False, False),
            (Answer(502, b""), False, False),
        ],
    )
    def test_running_and_ready(self, server: Recorder, api: Api, answer: Any, running: bool, ready: bool) -> None:
        server.answer("tasks.request.direct", answer)
        assert api.task.is_running(5) is running
        assert api.task.is_ready(5) is ready
        assert [body["command"] for body in server.bodies("tasks.request.direct")] == ["is_running", "is_ready"]

    def test_our_own_trouble_is_not_taken_for_an_app_that_is_down(self, server: Recorder, api: Api) -> None:
        server.answer("tasks.request.direct", close)
        with pytest.raises(OutcomeUnknown):
            api.task.is_running(5)
