"""Publishes a task's outputs on its launch with `TaskApi.set_output_*`. Safe to repeat: each call replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from taskspec.api import Api, TaskInfo
from taskspec.engine.events import words
from taskspec.engine.evidence import Looked
from taskspec.engine.ledger import Ledger
from taskspec.engine.scoreboard import Scoreboard
from taskspec.engine.tools import Tools
from taskspec.engine.verdict import Verdict, after_scope, launch_scope
from taskspec.engine.workers import Answer
from taskspec.errors import TaskspecError
from taskspec.plan.evidence import Evidence, Findings
from taskspec.plan.model import PlannedTask
from taskspec.spec.launch_outputs import Output
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
class Kept:
    """A kept launch whose outputs are to be set. `found` is what was looked up for them so far."""

    instance: Instance
    planned: PlannedTask
    record: Record
    found: Findings = field(default_factory=dict)


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
        """Publish on a launch that is kept, once the server has told what it is."""
        call = partial(self.tools.server.api.task.get_info_by_id, record.task_id or 0)
        self.submit(Kept(instance, planned, record), call)

    def took_kept(self, kept: Kept, answer: Answer) -> None:
        """The server has told of a kept launch: render its outputs, which may read what it left elsewhere."""
        info: object = answer.value
        found = dict(kept.found)
        if isinstance(answer.value, Looked):
            info, found = answer.value.info, {**found, **answer.value.findings}
        if not isinstance(info, TaskInfo):
            self._failed(kept.planned, answer.error)
            return
        record, evidence = kept.record, Evidence(found)
        try:
            extra = {"launch": launch_scope(info, evidence), "results": dict(record.results)}
            outputs = self.tools.evaluator.outputs(kept.instance, extra, failed=False)
            digest = self.tools.evaluator.outputs_digest(kept.instance, record.results)
        except TaskspecError as error:
            self._failed(kept.planned, error)
            return
        if evidence.wanted:
            look = partial(self.tools.look, self.tools.server.api, info, frozenset(evidence.wanted))
            self.submit(replace(kept, found=evidence.found), look)
            return
        theirs = {} if record.published else dict(info.output)  # what we published before is ours to replace
        call = _call(self.tools, kept.instance, info.id, outputs, found=theirs)
        self._send(Publication(kept.planned, record.key, digest, call))

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
        self.ledger.then(partial(self.submit, publication, publication.call))

    def _failed(self, planned: PlannedTask, error: Exception | None) -> None:
        self.board.notice(planned.address, f"outputs not published, the next apply tries again: {words(error)}")


def _call(
    tools: Tools, instance: Instance, task_id: int, outputs: Sequence[Output], *, found: Mapping[str, Json]
) -> Callable[[], str]:
    replace = instance.task.outputs is not None and instance.task.outputs.replace
    return partial(_publish, tools.server.api, task_id, outputs, replace=replace, found=found)


def _publish(api: Api, task_id: int, outputs: Sequence[Output], *, replace: bool, found: Mapping[str, Json]) -> str:
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
    for output in outputs:
        setters[output.kind](task_id, **output.arguments)
    return ""
