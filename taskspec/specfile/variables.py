"""Values for a spec's variables: defaults, profile, TASKSPEC_VAR_…, --var-file and --var, the later one winning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, Span, choices, take_until_limit
from taskspec.errors import SpecError
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.fields.value_types import VariableType, has_type
from taskspec.specfile.model import SpecFile, Variable
from taskspec.specfile.pattern_matcher import Matcher, PatternError
from taskspec.specfile.secret_variables import SecretResolver, refuse_literal_secret, secret_problem, without_secrets
from taskspec.specfile.yaml.yaml_reader import read_document
from taskspec.values import Json, canonical, is_encodable

ENVIRONMENT_PREFIX = "TASKSPEC_VAR_"

_UNREADABLE = frozenset(code for code in Code if code.name.startswith("YAML_"))
"""Problems of a --var-file as a whole: what it would have given is not missing."""


@dataclass(frozen=True, slots=True)
class VariableFile:
    """A --var-file: its name, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Assigned:
    """A value and where it came from; a file also tells the place."""

    value: Json
    origin: str
    is_trusted: bool = field(default=False, compare=False)
    """Whether the user gave it on the command line or in the environment, and not an untrusted author."""
    span: Span | None = field(default=None, compare=False)


def assign_variables(
    spec: SpecFile,
    *,
    environment: Mapping[str, str],
    files: Sequence[VariableFile],
    flags: Sequence[str],
    keeper: SecretResolver | None = None,
) -> dict[str, Assigned]:
    """One value for each declared variable. Raises SpecError with every missing, unknown or unfit one."""
    keeper = keeper or SecretResolver(Secrets())
    problems: list[Diagnostic] = []
    matcher, values = Matcher(), _from_spec(spec)
    for name, text in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX) and name.removeprefix(ENVIRONMENT_PREFIX) in spec.variables:
            variable = spec.variables[name.removeprefix(ENVIRONMENT_PREFIX)]
            values[variable.name] = Assigned(from_text(variable, text), f"environment {name}", is_trusted=True)
    for file in files:
        values.update(_from_file(spec, file, problems))
    for flag in flags:
        values.update(_from_flag(spec, flag, problems))
    for variable in spec.variables.values():
        assigned = values.get(variable.name)
        if variable.sensitive and assigned is not None:
            values[variable.name] = _secret(spec, variable, assigned, keeper, matcher, problems)
        else:
            problems.extend(_check(spec, variable, assigned, matcher))
    problems += take_until_limit(check_profile_values(spec))
    if any(problem.code in _UNREADABLE for problem in problems):
        problems = [problem for problem in problems if problem.code is not Code.VARIABLE_MISSING]
    if problems:
        raise SpecError(problems)
    return values


def _from_spec(spec: SpecFile) -> dict[str, Assigned]:
    """What the spec itself says: defaults, and over them what the chosen profile gives."""
    values = {v.name: Assigned(v.default, "default") for v in spec.variables.values() if v.has_default}
    if spec.profile is not None:
        origin = f'profile "{spec.profile.name}"'
        for name, value in spec.profile.variables.items():
            values[name] = Assigned(value, origin, span=spec.span((*spec.profile.path, "variables", name)))
    return values


def _secret(
    spec: SpecFile,
    variable: Variable,
    assigned: Assigned,
    keeper: SecretResolver,
    matcher: Matcher,
    problems: list[Diagnostic],
) -> Assigned:
    """A sensitive variable with its value looked up, checked and hidden."""
    written = spec.span(("variables", variable.name, "default")) if assigned.origin == "default" else assigned.span
    is_in_spec = written is not None and written.source is spec.document.source
    place = written if is_in_spec else None
    found = keeper.text(spec, variable, assigned.value, place, is_trusted=assigned.is_trusted)
    if isinstance(found, Diagnostic):
        problems.append(found)
        return assigned
    if found is not None and keeper.read is None:
        return Assigned(keeper.secrets.keep_unresolved(variable.name), assigned.origin, span=assigned.span)
    value = assigned.value if found is None else from_text(variable, found)
    if value is None:
        problems.extend(_check(spec, variable, assigned, matcher))
        return assigned
    problem = _value_problem(variable, value, matcher)
    if problem:
        problems.append(secret_problem(spec, variable, problem, assigned.origin))
    return Assigned(keeper.secrets.keep(variable.name, value), assigned.origin, span=assigned.span)


def from_text(variable: Variable, text: str) -> Json:
    """Text from a command line or the environment, read by the variable's type; only `any` is read as YAML."""
    if variable.type is VariableType.STRING:
        return text
    try:
        return read_document(variable.name, text.encode("utf-8", "surrogateescape")).data
    except SpecError:
        return text


def _from_flag(spec: SpecFile, flag: str, problems: list[Diagnostic]) -> dict[str, Assigned]:
    name, equals, text = flag.partition("=")
    if not equals:
        problems.append(
            Diagnostic(Code.VARIABLE_UNKNOWN, f'--var "{flag}" has no "="', remedy="Write --var name=value.")
        )
        return {}
    if name not in spec.variables:
        problems.append(_unknown(spec, name, f"--var {name}", None))
        return {}
    return {name: Assigned(from_text(spec.variables[name], text), "--var", is_trusted=True)}


def _from_file(spec: SpecFile, file: VariableFile, problems: list[Diagnostic]) -> dict[str, Assigned]:
    try:
        document = read_document(file.name, file.content)
    except SpecError as error:
        problems.extend(without_secrets(error.diagnostics, spec.variables))
        return {}
    if not isinstance(document.data, dict):
        span = document.span(())
        problems.append(Diagnostic(Code.VARIABLE_VALUE, f'"{file.name}" must be a map of names to values', span))
        return {}
    unknown = [name for name in document.data if name not in spec.variables]
    problems += take_until_limit(_unknown(spec, name, file.name, document.span((name,), key=True)) for name in unknown)
    known = {name: value for name, value in document.data.items() if name in spec.variables}
    return {name: Assigned(value, file.name, span=document.span((name,))) for name, value in known.items()}


def _unknown(spec: SpecFile, name: str, origin: str, span: Span | None) -> Diagnostic:
    return Diagnostic(
        Code.VARIABLE_UNKNOWN,
        f'{origin} gives a value to "{name}", which the spec does not declare',
        span,
        remedy=choices(name, spec.variables, label="Variables"),
    )


def _check(spec: SpecFile, variable: Variable, assigned: Assigned | None, matcher: Matcher) -> Iterator[Diagnostic]:
    span = spec.span(("variables", variable.name), key=True)
    if assigned is None:
        about = f" ({variable.description})" if variable.description else ""
        remedy = (
            f"Give it: --var {variable.name}=…, a --var-file, or {ENVIRONMENT_PREFIX}{variable.name}; or add a default."
        )
        summary = f'variable "{variable.name}" has no value{about}'
        yield Diagnostic(Code.VARIABLE_MISSING, summary, span, remedy=remedy)
        return
    span = assigned.span or span
    problem = _value_problem(variable, assigned.value, matcher)
    if problem:
        summary = f'variable "{variable.name}" {problem}, and is {canonical(assigned.value)} (from {assigned.origin})'
        yield Diagnostic(Code.VARIABLE_VALUE, summary, span, remedy=variable.description)
    elif isinstance(assigned.value, str) and not is_encodable(assigned.value):
        # Bytes of a command line or the environment; a file was read as UTF-8 before.
        summary = f'variable "{variable.name}" is not UTF-8 text (from {assigned.origin})'
        yield Diagnostic(Code.VARIABLE_VALUE, summary, span, remedy="Give it as UTF-8.")


def check_profile_values(spec: SpecFile) -> Iterator[Diagnostic]:
    """Values that profiles which are not chosen give variables and that do not fit them; no secret is looked up."""
    matcher = Matcher()
    profiles: Mapping[str, Mapping[str, Any] | None] = spec.document.data.get("profiles") or {}
    chosen = spec.profile.name if spec.profile is not None else None
    given = [(name, (body or {}).get("variables") or {}) for name, body in profiles.items() if name != chosen]
    for profile, name, value in ((profile, name, value) for profile, values in given for name, value in values.items()):
        variable, span = spec.variables.get(name), spec.span(("profiles", profile, "variables", name))
        if variable is None:
            continue
        if variable.sensitive:
            yield from refuse_literal_secret(variable, value, span)
        else:
            yield from _check(spec, variable, Assigned(value, f'profile "{profile}"', span=span), matcher)


def input_problem(variable: Variable, value: Json) -> str:
    """Why a value cannot be the variable's, as `must be …`; empty when it can."""
    return _value_problem(variable, value, Matcher())


def _value_problem(variable: Variable, value: Any, matcher: Matcher) -> str:
    if not has_type(value, variable.type):
        return f"must be of type {variable.type}"
    if variable.enum and canonical(value) not in {canonical(item) for item in variable.enum}:
        return f"must be one of {', '.join(canonical(item) for item in variable.enum)}"
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is not None and variable.minimum is not None and number < variable.minimum:
        return f"must be at least {variable.minimum:g}"
    if number is not None and variable.maximum is not None and number > variable.maximum:
        return f"must be at most {variable.maximum:g}"
    try:
        if variable.pattern is not None and isinstance(value, str) and not matcher.matches(variable.pattern, value):
            return f"must match {variable.pattern}"
    except PatternError as error:
        return f"must match {variable.pattern}, and cannot be matched: {error}"
    return ""
