"""From a shaped document to a SpecFile: defaults merged, raw maps left behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, until_enough
from taskspec.errors import SpecError
from taskspec.json_tree import merge
from taskspec.spec.document import SourceDocument
from taskspec.spec.endurance import read_deadlines, read_retry
from taskspec.spec.includes import check_includes, read_includes
from taskspec.spec.kinds import OWN_KEYS, Kind, Partial, RunOn, read_call, read_service
from taskspec.spec.launch_outputs import read_outputs
from taskspec.spec.model import LOG_LEVEL, RESTART_POLICY, Check, Rerun, SpecFile, TaskDecl, Variable
from taskspec.spec.profiles import NO_PROFILE, Profile, check_profiles, chosen_profile
from taskspec.spec.reader import read_document
from taskspec.spec.results import read_result
from taskspec.spec.schema import check_shape
from taskspec.spec.settings import read_agent, read_settings
from taskspec.spec.task_checks import check_keys, check_task
from taskspec.spec.value_types import VariableType
from taskspec.values import VALUE_WORK, WORK_LIMIT, Json, weight_of


def parse_spec(
    name: str, content: bytes, profile: str = NO_PROFILE, *, included_from: str = ""
) -> tuple[SpecFile, list[Diagnostic]]:
    """Read a spec as it is in a profile; the second part are warnings. Raises SpecError with every problem found."""
    document = read_document(name, content, included_from)
    problems = check_shape(document)
    if problems:
        raise SpecError(problems)
    _refuse_many_defaults(document)
    problems = until_enough(problem for name in document.data["tasks"] for problem in check_keys(document, name))
    if problems:
        raise SpecError(problems)
    spec = _spec(document, chosen_profile(document, profile, is_included=bool(included_from)))
    found = until_enough(problem for task in spec.tasks.values() for problem in check_task(spec, task))
    found.extend(check_profiles(document, profile, is_included=bool(included_from)))
    found.extend(check_includes(document))
    if any(problem.is_error for problem in found):
        raise SpecError(found)
    return spec, found


def _refuse_many_defaults(document: SourceDocument) -> None:
    """Every task has the defaults of its own, so large ones grow with the number of tasks."""
    defaults, tasks = document.data.get("defaults"), len(document.data["tasks"])
    if defaults and weight_of(defaults, WORK_LIMIT, VALUE_WORK) * tasks > WORK_LIMIT:
        what = f"defaults, repeated in {tasks:,} tasks, become larger than {WORK_LIMIT // 2**20} MiB"
        raise SpecError(
            [Diagnostic(Code.YAML_LIMIT, what, document.span(("defaults",), key=True), remedy="Shorten them.")]
        )


def _spec(document: SourceDocument, profile: Profile | None) -> SpecFile:
    data = document.data
    defaults = merge(data.get("defaults") or {}, profile.defaults if profile is not None else {})
    return SpecFile(
        document=document,
        name=data.get("name") or PurePath(document.source.name).stem,
        description=data.get("description", ""),
        variables={name: _variable(name, body or {}) for name, body in (data.get("variables") or {}).items()},
        locals=data.get("locals") or {},
        tasks={name: _task(name, body, defaults) for name, body in data["tasks"].items()},
        results=data.get("results") or {},
        fail_fast=data.get("fail_fast", False),
        pools=data.get("pools") or {},
        slots_per_agent=data.get("slots_per_agent"),
        profile=profile,
        includes=read_includes(data),
    )


def _variable(name: str, body: Mapping[str, Any]) -> Variable:
    return Variable(
        name=name,
        type=VariableType(body.get("type", "any")),
        description=body.get("description", ""),
        has_default="default" in body,
        default=body.get("default"),
        enum=tuple(body.get("enum", ())),
        minimum=body.get("minimum"),
        maximum=body.get("maximum"),
        pattern=body.get("pattern"),
        sensitive=body.get("sensitive", False),
    )


def _task(name: str, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> TaskDecl:
    def setting(key: str, otherwise: Json = None) -> Json:
        return body[key] if key in body else defaults.get(key, otherwise)

    kind = Kind(body.get("kind", Kind.JOB))
    pool = setting("pool", {})
    settings = merge(defaults.get("settings", {}), body.get("settings", {}))
    return TaskDecl(
        name=name,
        description=body.get("description", ""),
        title=body.get("title"),
        module=body.get("module", ""),
        version=body.get("version"),
        branch=body.get("branch"),
        agent=read_agent(setting("agent")),
        workspace=setting("workspace"),
        target=body.get("target", {}),
        params=merge(defaults.get("params", {}), body.get("params", {})),
        for_each=body.get("for_each"),
        has_for_each="for_each" in body,
        depends_on=_names(setting("depends_on", [])),
        restart_policy=setting("restart_policy", RESTART_POLICY),
        log_level=setting("log_level", LOG_LEVEL),
        rerun=Rerun(setting("rerun", "upstream_reruns")),
        results={name: read_result(written) for name, written in body.get("results", {}).items()},
        checks=tuple(Check(check["assert"], check.get("message", "")) for check in body.get("checks", ())),
        outputs=read_outputs(body["outputs"]) if body.get("outputs") else None,
        deadlines=read_deadlines(merge(defaults.get("deadlines", {}), body.get("deadlines", {}))),
        retry=read_retry(merge(defaults.get("retry", {}), body.get("retry", {}))),
        destructive=body.get("destructive", False),
        kind=kind,
        service=read_service(body) if kind is Kind.SERVICE else None,
        call=None if kind.is_launch else read_call(kind, {**_inherited(kind, defaults), **body}),
        matrix=body.get("matrix", {}),
        at_most=body.get("at_most"),
        max_parallel=body.get("max_parallel"),
        pool={pool: 1} if isinstance(pool, str) else pool,
        priority=setting("priority", 0),
        when=body.get("when", True),
        run_on=RunOn(setting("run_on", RunOn.SUCCESS)),
        partial=Partial(body.get("partial", Partial.FAIL)),
        settings=read_settings(settings) if settings else None,
    )


def _inherited(kind: Kind, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in defaults.items() if key in OWN_KEYS[kind]}


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))
