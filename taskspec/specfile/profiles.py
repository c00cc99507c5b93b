"""One spec in several places: a profile says which server, which variables, which defaults, which modules. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from taskspec.diagnostics import Code, Diagnostic, Severity, choices
from taskspec.errors import SpecError
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.values import Json, Path

NO_PROFILE = ""


@dataclass(frozen=True, slots=True)
class Profile:
    name: str
    server: str | None = None
    variables: Mapping[str, Json] = field(default_factory=dict)
    defaults: Mapping[str, Json] = field(default_factory=dict)
    modules: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return ("profiles", self.name)


def chosen_profile(document: SourceDocument, name: str, *, is_included: bool = False) -> Profile | None:
    """The profile of this name, None when none is chosen. Raises SpecError with the nearest name.

    An included spec need not have the profile that was chosen for the one that includes it.
    """
    written: Mapping[str, Any] = document.data.get("profiles") or {}
    if name == NO_PROFILE or (is_included and name not in written):
        return None
    if name not in written:
        span = document.span(("profiles",), key=True) if written else None
        remedy = choices(name, written, label="Profiles")
        raise SpecError([Diagnostic(Code.PROFILE, f'the spec has no profile "{name}"', span, remedy=remedy)])
    body = written[name] or {}
    return Profile(
        name,
        server=body.get("server"),
        variables=body.get("variables") or {},
        defaults=body.get("defaults") or {},
        modules=body.get("modules") or {},
    )


def check_profiles(document: SourceDocument, name: str, *, is_included: bool = False) -> Iterator[Diagnostic]:
    """Variables that a profile gives and the spec does not declare; a note when no profile is chosen."""
    written: Mapping[str, Any] = document.data.get("profiles") or {}
    declared = document.data.get("variables") or {}
    for profile, body in written.items():
        for variable in (body or {}).get("variables") or {}:
            if variable not in declared:
                yield Diagnostic(
                    Code.VARIABLE_UNKNOWN,
                    f'profile "{profile}" gives a value to "{variable}", which the spec does not declare',
                    document.span(("profiles", profile, "variables", variable), key=True),
                    remedy=choices(variable, declared, label="Variables"),
                )
    if written and name == NO_PROFILE and not is_included:
        yield Diagnostic(
            Code.PROFILE,
            "the spec has profiles and none is chosen, so that only what all of them share holds",
            document.span(("profiles",), key=True),
            remedy=f"Choose with --profile or TASKSPEC_PROFILE: {', '.join(sorted(written))}.",
            severity=Severity.WARNING,
        )
