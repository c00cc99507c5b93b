"""Publishes a task's outputs on its launch with `TaskApi.set_output_*`. Safe to repeat: each call replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from taskspec.api import Api, TaskInfo
from taskspec.engine.events import words
from taskspec.engine.ledger import Ledger
from taskspec.engine.scoreboard import Scoreboard
from taskspec.engine.tools import Tools
from taskspec.engine.verdict import Verdict, after_scope, launch_scope
from taskspec.engine.workers import Answer
from taskspec.errors import TaskspecError
from taskspec.plan.evidence import Evidence
from taskspec.plan.model import PlannedTask
from taskspec.state.model import Event, EventKind, Outcome, Record
from taskspec.template.instances import Instance
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Publication:
    """Outputs ready to be set. `call` returns a remark for people, or nothing; `digest` is what to record."""

    planned: PlannedTask
    key: str
    digest: str
    call: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes for one run. Outputs never decide an outcome: what goes wrong is told, and tried again next time."""

    tools: Tools
    ledger: Ledger
    board: Scoreboard
    submit: Callable[[object, Callable[[], object]], None]

    def after_end(self, instance: Instance, planned: PlannedTask, key: str, verdict: Verdict, info: TaskInfo) -> None:
        """Publish on a launch that has just ended, once its end is durable."""
        if not instance.task.outputs:
            return
        failed = verdict.outcome is not Outcome.SUCCEEDED
        extra = after_scope(info, verdict, Evidence(verdict.found))
        try:
            outputs = self.tools.evaluator.outputs(instance, extra, failed=failed)
            digest = "" if failed else self.tools.evaluator.outputs_digest(instance, verdict.results)
        except TaskspecError as error:
            self._failed(planned, error)
            return
        call = _call(self.tools, instance, info.id, outputs, found=dict(info.output))
        self._send(Publication(planned, key, digest, call))

    def again(self, instance: Instance, planned: PlannedTask, record: Record) -> None:
        """Publish on a launch that is kept."""
        try:
            info = self.tools.server.api.task.get_info_by_id(record.task_id or 0)
            outputs = self._outputs(instance, info, record)
            digest = self.tools.evaluator.outputs_digest(instance, record.results)
        except TaskspecError as error:
            self._failed(planned, error)
            return
        found = {} if record.published else dict(info.output)  # what we published before is ours to replace
        self._send(Publication(planned, record.key, digest, _call(self.tools, instance, info.id, outputs, found=found)))

    def _outputs(self, instance: Instance, info: TaskInfo, record: Record) -> Mapping[str, Json]:
        """The outputs of a launch that is kept, after a look for what they read of it elsewhere."""
        evidence = Evidence()
        while True:
            extra = {"launch": launch_scope(info, evidence), "results": dict(record.results)}
            outputs = self.tools.evaluator.outputs(instance, extra, failed=False)
            if not evidence.wanted:
                return outputs
            found = self.tools.look(self.tools.server.api, info, evidence.wanted).findings
            evidence = Evidence({**evidence.found, **found})

    def took(self, publication: Publication, answer: Answer) -> None:
        """The server has answered."""
        address = publication.planned.address
        if answer.error is not None:
            self._failed(publication.planned, answer.error)
            return
        self.ledger.write(Event(EventKind.PUBLISHED, address, publication.key, {"digest": publication.digest}))
        if answer.value:
            self.board.notice(address, str(answer.value))

    def _send(self, publication: Publication) -> None:
        self.ledger.then(partial(self.submit, ("publish", publication), publication.call))

    def _failed(self, planned: PlannedTask, error: Exception) -> None:
        self.board.notice(planned.address, f"outputs not published, the next apply tries again: {words(error)}")


def _call(
    tools: Tools, instance: Instance, task_id: int, outputs: Mapping[str, Json], *, found: Mapping[str, Json]
) -> Callable[[], str]:
    replace = instance.task.outputs.get("replace") is True
    return partial(_publish, tools.server.api, task_id, outputs, replace=replace, found=found)


def _publish(api: Api, task_id: int, outputs: Mapping[str, Json], *, replace: bool, found: Mapping[str, Json]) -> str:
    """Set each output, unless the app has set one and the author did not ask to replace it."""
    if not outputs:
        return ""
    if found and not replace:
        kinds = ", ".join(sorted(found))
        return f"the app has set an output itself ({kinds}); add `replace: true` to outputs to replace it"
    setters: Mapping[str, Callable[..., object]] = {
        "project": api.task.set_output_project,
        "report": api.task.set_output_report,
        "archive": api.task.set_output_archive,
        "file_download": api.task.set_output_file_download,
        "directory": api.task.set_output_directory,
        "experiment": api.task.set_output_experiment,
        "text": api.task.set_output_text,
        "error": api.task.set_output_error,
    }
    for kind, arguments in outputs.items():
        setters[kind](task_id, **arguments)
    return ""
