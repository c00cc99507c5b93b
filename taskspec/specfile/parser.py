"""Parses a document into a SpecFile: its shape is checked, defaults are merged, and every declaration is typed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, take_until_limit
from taskspec.errors import SpecError
from taskspec.json_tree import merge
from taskspec.specfile.fields.kinds import OWN_KEYS, Kind, PartialRule, RunOn, read_call, read_service
from taskspec.specfile.fields.launch_outputs import read_outputs
from taskspec.specfile.fields.launch_settings import read_agent, read_settings
from taskspec.specfile.fields.result_declarations import read_result
from taskspec.specfile.fields.retries_and_deadlines import read_deadlines, read_retry
from taskspec.specfile.fields.value_types import VariableType
from taskspec.specfile.includes import check_includes, read_includes
from taskspec.specfile.model import (
    LOG_LEVEL,
    RESTART_POLICY,
    CallDecl,
    Check,
    JobDecl,
    Rerun,
    ServiceDecl,
    SpecFile,
    TaskDecl,
    Variable,
)
from taskspec.specfile.profiles import NO_PROFILE, Profile, check_profiles, chosen_profile
from taskspec.specfile.schema import check_shape
from taskspec.specfile.task_checks import check_keys, check_task
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.specfile.yaml.yaml_reader import read_document
from taskspec.values import VALUE_WORK, WORK_LIMIT, weight_of


def parse_spec(
    name: str, content: bytes, profile: str = NO_PROFILE, *, included_from: str = ""
) -> tuple[SpecFile, list[Diagnostic]]:
    """Read a spec under a profile. Returns warnings too, and raises SpecError with every problem found."""
    document = read_document(name, content, included_from)
    problems = check_shape(document)
    if problems:
        raise SpecError(problems)
    _refuse_many_defaults(document)
    problems = take_until_limit(problem for name in document.data["tasks"] for problem in check_keys(document, name))
    if problems:
        raise SpecError(problems)
    spec = _spec(document, chosen_profile(document, profile, is_included=bool(included_from)))
    found = take_until_limit(problem for task in spec.tasks.values() for problem in check_task(spec, task))
    found.extend(check_profiles(document, profile, is_included=bool(included_from)))
    found.extend(check_includes(document))
    if any(problem.is_error for problem in found):
        raise SpecError(found)
    return spec, found


def _refuse_many_defaults(document: SourceDocument) -> None:
    """Refuse large defaults in many tasks: each task gets its own copy."""
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
    kind = Kind(body.get("kind", Kind.JOB))
    shared = _shared(name, body, defaults)
    match kind:
        case Kind.JOB:
            return JobDecl(**shared, **_launched(body, defaults))
        case Kind.SERVICE:
            return ServiceDecl(**shared, **_launched(body, defaults), service=read_service(body))
        case _:
            inherited = {key: value for key, value in defaults.items() if key in OWN_KEYS[kind]}
            return CallDecl(**shared, kind=kind, call=read_call(kind, {**inherited, **body}))


def _shared(name: str, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    both = {**defaults, **body}
    pool = both.get("pool", {})
    return {
        "name": name,
        "description": body.get("description", ""),
        "depends_on": _names(both.get("depends_on", [])),
        "for_each": body.get("for_each"),
        "has_for_each": "for_each" in body,
        "matrix": body.get("matrix", {}),
        "at_most": body.get("at_most"),
        "max_parallel": body.get("max_parallel"),
        "pool": {pool: 1} if isinstance(pool, str) else pool,
        "priority": both.get("priority", 0),
        "when": body.get("when", True),
        "run_on": RunOn(both.get("run_on", RunOn.SUCCESS)),
        "partial": PartialRule(body.get("partial", PartialRule.FAIL)),
        "rerun": Rerun(both.get("rerun", Rerun.UPSTREAM_RERUNS)),
        "results": {result: read_result(written) for result, written in body.get("results", {}).items()},
        "checks": tuple(Check(check["assert"], check.get("message", "")) for check in body.get("checks", ())),
        "destructive": body.get("destructive", False),
        "retry": read_retry(_merged("retry", body, defaults)),
        "deadlines": read_deadlines(_merged("deadlines", body, defaults)),
        "workspace": both.get("workspace"),
    }


def _launched(body: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    both, settings = {**defaults, **body}, _merged("settings", body, defaults)
    return {
        "title": body.get("title"),
        "module": body["module"],
        "version": body.get("version"),
        "branch": body.get("branch"),
        "agent": read_agent(both.get("agent")),
        "target": body.get("target", {}),
        "params": _merged("params", body, defaults),
        "restart_policy": both.get("restart_policy", RESTART_POLICY),
        "log_level": both.get("log_level", LOG_LEVEL),
        "outputs": read_outputs(body["outputs"]) if body.get("outputs") else None,
        "settings": read_settings(settings) if settings else None,
    }


def _merged(key: str, body: Mapping[str, Any], defaults: Mapping[str, Any]) -> Mapping[str, Any]:
    return merge(defaults.get(key, {}), body.get(key, {}))


def _names(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))
