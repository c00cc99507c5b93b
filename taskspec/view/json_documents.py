"""Plans, events, status and diagnostics as JSON; every document names its schema version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from taskspec.diagnostics import Diagnostic, Span
from taskspec.engine.events import (
    CallBegan,
    EngineEvent,
    LaunchStarted,
    Noticed,
    RunBegan,
    RunEnded,
    RunReport,
    StatusChanged,
    TaskEnded,
)
from taskspec.json_tree import map_leaves
from taskspec.operations.status import RecordedLaunch
from taskspec.plan.model import Change, Plan, Planned, PlannedTask
from taskspec.secrets.sensitive import HIDDEN, Sensitive
from taskspec.specfile.fields.kinds import ServiceRule
from taskspec.specfile.model import TaskDecl
from taskspec.state.model import Record
from taskspec.values import ABSENT, Json, ServiceId, Unknown, show_path
from taskspec.view.summaries import limits_document, plan_summary, report_summary

VERSION = 1


def plan_document(plan: Plan) -> dict[str, Any]:
    """The plan; validates against schemas/plan.schema.json."""
    return {
        "taskspec_plan": VERSION,
        "name": plan.name,
        "server": plan.server,
        "lineage": plan.lineage,
        "serial": plan.serial,
        "has_changes": plan.has_changes,
        "counts": {str(action): count for action, count in plan.counts.items()},
        "summary": plan_summary(plan),
        "tasks": [_task(plan, task) for task in plan.tasks],
        "stops": [_task(plan, task) for task in plan.stops],
        "results": json_value(plan.results),
        "warnings": [diagnostic_document(warning) for warning in plan.warnings],
        **limits_document(plan),
    }


def _task(plan: Plan, task: Planned) -> dict[str, Any]:
    declared = plan.expansion.instances[task.node].task if isinstance(task, PlannedTask) else None
    upstream = plan.expansion.graph.upstream(task.node) if isinstance(task, PlannedTask) else ()
    return {
        **action_document(task),
        "detail": task.detail,
        "depends_on": [plan.expansion.instances[node].address for node in upstream],
        "changes": [change_document(change) for change in task.changes],
        "fingerprint": task.fingerprint,
        "inputs": json_value(task.request.inputs) if task.request is not None else None,
        "task_id": task.previous.task_id if task.previous is not None else None,
        "endurance": limits_of_task(declared) if declared is not None else None,
        **(_service(plan, task.address, declared.service) if declared is not None and declared.service else {}),
        **({"condition": task.condition} if task.condition else {}),
        **({"root": task.root} if task.root else {}),
        **({"agents": list(plan.agents[task.address])} if task.address in plan.agents else {}),
    }


def _service(plan: Plan, address: str, rule: ServiceRule) -> dict[str, Any]:
    reused = {"reusable": plan.reusable[address]} if address in plan.reusable else {}
    return {"service": {"ready": str(rule.ready), "reuse": rule.reuse, "keep": rule.keep, **reused}}


def limits_of_task(task: TaskDecl) -> dict[str, Any]:
    """The deadlines and the retry rule in force."""
    retry = task.retry
    return {
        "deadlines": {str(stage): limit for stage, limit in task.deadlines.limits.items()},
        "attempts": retry.attempts,
        "backoff": retry.backoff,
        "on": [str(kind) for kind in retry.on],
        "how": str(retry.how),
        "destructive": task.destructive,
    }


def action_document(task: Planned) -> dict[str, str]:
    """A task of the plan in short."""
    return {"address": task.address, "action": str(task.action), "reason": str(task.reason)}


def change_document(change: Change) -> dict[str, Any]:
    return {"path": show_path(change.path), "before": change_side(change.before), "after": change_side(change.after)}


def change_side(value: Json) -> dict[str, Any]:
    """One side of a change, which may be absent."""
    return {"present": False} if value is ABSENT else {"present": True, "value": json_value(value)}


def json_value(value: Json) -> Json:
    """A value with every unknown leaf as `{"unknown": [producers]}`."""
    return map_leaves(value, _json_leaf)


def _json_leaf(leaf: Json) -> Json:
    if isinstance(leaf, ServiceId) and leaf.is_pending:
        leaf = leaf.unknown
    if isinstance(leaf, Unknown):
        return {"unknown": list(leaf.producers)}
    return HIDDEN if isinstance(leaf, Sensitive) else leaf


def event_document(event: EngineEvent) -> dict[str, Any]:
    """One line of the event stream; validates against schemas/events.schema.json."""
    match event:
        case RunBegan(run, plan, parallelism):
            return {
                "taskspec_events": VERSION,
                "type": "run_began",
                "run": run,
                "plan": plan_summary(plan),
                "parallelism": parallelism,
            }
        case LaunchStarted(address, task_id, adopted):
            return {"type": "launch_started", "address": address, "task_id": task_id, "adopted": adopted}
        case CallBegan(address, kind, what):
            return {"type": "call_began", "address": address, "kind": kind, "what": what}
        case StatusChanged(address, task_id, status):
            return {"type": "status_changed", "address": address, "task_id": task_id, "status": status}
        case TaskEnded():
            return {"type": "task_ended", **_ended(event)}
        case Noticed(address, message):
            return {"type": "noticed", "address": address, "message": message}
        case RunEnded(report):
            return {"type": "run_ended", **report_document(report)}


def _ended(ended: TaskEnded) -> dict[str, Any]:
    return {
        "address": ended.address,
        "outcome": str(ended.outcome),
        "task_id": ended.task_id,
        "summary": ended.summary,
        "seconds": round(ended.seconds, 3),
        "because_of": ended.because_of,
        "log_tail": list(ended.log_tail),
        "link": ended.link,
        **({"reason": str(ended.skip)} if ended.skip is not None else {}),
    }


def report_document(report: RunReport) -> dict[str, Any]:
    return {
        "run": report.run,
        "summary": report_summary(report),
        "failed": report.failed,
        "detached": report.detached,
        "counts": report.counts,
        "seconds": round(report.seconds, 3),
        "tasks": [_ended(task) for task in report.tasks],
        "results": json_value(report.results),
        "stopped": list(report.stopped),
        "unstopped": list(report.unstopped),
    }


def status_document(launches: Sequence[RecordedLaunch], in_spec: set[str]) -> dict[str, Any]:
    """Every address on record, and what the server reports."""
    return {
        "taskspec_status": VERSION,
        "tasks": [
            {
                "address": launch.record.address,
                "task_id": launch.record.task_id,
                "attempt": launch.record.attempt,
                "phase": str(launch.record.phase),
                "outcome": str(launch.record.outcome) if launch.record.outcome else None,
                "summary": launch.record.summary,
                "status": launch.observed.status if launch.observed is not None else None,
                "in_spec": launch.record.address in in_spec,
                **_record_service(launch.record),
                "results": json_value(launch.record.results),
            }
            for launch in launches
        ],
    }


def _record_service(record: Record) -> dict[str, Any]:
    if not record.is_service:
        return {}
    return {"service": {"ready": record.is_ready, "reused": record.reused, "replaces": list(record.replaces)}}


def diagnostic_document(diagnostic: Diagnostic) -> dict[str, Any]:
    """A problem with its place, for editors and CI."""
    return {
        "code": str(diagnostic.code),
        "severity": str(diagnostic.severity),
        "summary": diagnostic.summary,
        "detail": diagnostic.detail,
        "remedy": diagnostic.remedy,
        "place": place_document(diagnostic.span),
    }


def place_document(span: Span | None) -> dict[str, Any] | None:
    return {"file": span.source.name, "line": span.line, "column": span.column} if span is not None else None
