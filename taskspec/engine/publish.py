"""Publishes a task's outputs on its launch with `TaskApi.set_output_*`. Safe to repeat: each call replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from taskspec.api import Api, TaskInfo
from taskspec.engine.tools import Tools
from taskspec.engine.verdict import Verdict, launch_scope
from taskspec.plan.model import PlannedTask
from taskspec.state.model import Outcome, Record
from taskspec.template.instances import Instance
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class Publication:
    """Outputs ready to be set. `call` returns a remark for people, or nothing; `digest` is what to record."""

    planned: PlannedTask
    key: str
    digest: str
    call: Callable[[], str]


def after_end(
    tools: Tools, instance: Instance, planned: PlannedTask, key: str, verdict: Verdict, info: TaskInfo
) -> Publication | None:
    """What to publish on a launch that has just ended. Raises SpecError when an output cannot be evaluated."""
    if not instance.task.outputs:
        return None
    failed = verdict.outcome is not Outcome.SUCCEEDED
    extra = {
        "launch": launch_scope(info),
        "results": dict(verdict.results),
        "failure": {"summary": verdict.summary, "status": info.raw_status},
    }
    outputs = tools.evaluator.outputs(instance, extra, failed=failed)
    digest = "" if failed else tools.evaluator.outputs_digest(instance, verdict.results)
    return Publication(planned, key, digest, _call(tools, instance, info, outputs, found=dict(info.output)))


def again(tools: Tools, instance: Instance, planned: PlannedTask, record: Record) -> Publication:
    """What to publish on a launch that is kept. Raises SpecError when an output cannot be evaluated."""
    info = tools.server.api.task.get_info_by_id(record.task_id or 0)
    extra = {"launch": launch_scope(info), "results": dict(record.results)}
    outputs = tools.evaluator.outputs(instance, extra, failed=False)
    digest = tools.evaluator.outputs_digest(instance, record.results)
    found = {} if record.published else dict(info.output)  # what we published before is ours to replace
    return Publication(planned, record.key, digest, _call(tools, instance, info, outputs, found=found))


def _call(
    tools: Tools, instance: Instance, info: TaskInfo, outputs: Mapping[str, Json], *, found: Mapping[str, Json]
) -> Callable[[], str]:
    replace = instance.task.outputs.get("replace") is True
    return partial(_publish, tools.server.api, info.id, outputs, replace=replace, found=found)


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
