"""The values of sensitive variables: looked up where they are references, and hidden from then on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from taskspec.diagnostics import Code, Diagnostic, Source, Span
from taskspec.secrets.reference import ReadSecret, UnreadableSecret, secret_reference
from taskspec.secrets.sensitive import HIDDEN, Secrets
from taskspec.specfile.model import SpecFile, Variable
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class SecretResolver:
    """Keeps what sensitive variables hold. Without `read` nothing is looked up, and every secret is withheld."""

    secrets: Secrets
    read: ReadSecret | None = None

    def text(
        self, spec: SpecFile, variable: Variable, value: Json, written: Span | None, *, is_trusted: bool = False
    ) -> str | Diagnostic | None:
        """What the reference leads to; a diagnostic when that fails; None for a value that is not a reference.

        `written` is where a spec says the value, which then may be nothing but a reference.
        """
        reference = secret_reference(value, is_trusted=is_trusted)
        if reference is None:
            return _written(variable, written) if written is not None and value is not None else None
        if self.read is None:
            return ""
        try:
            return self.read(reference)
        except UnreadableSecret as error:
            summary = f'variable "{variable.name}": {error.message}'
            return Diagnostic(Code.SECRET_SOURCE, summary, _place(spec, variable), remedy=error.remedy)


def refuse_literal_secret(variable: Variable, value: Json, written: Span) -> Iterator[Diagnostic]:
    """What a spec gives a sensitive variable must be a reference; nothing is looked up."""
    if value is not None and secret_reference(value, is_trusted=False) is None:
        yield _written(variable, written)


def _written(variable: Variable, written: Span) -> Diagnostic:
    return Diagnostic(
        Code.SECRET_WRITTEN,
        f'variable "{variable.name}" is sensitive, and its secret is written in the spec',
        masked_span(written),
        remedy="Change the secret, it is not one any more; then write `env:NAME`, `file:PATH` or `cmd:COMMAND`.",
    )


def _place(spec: SpecFile, variable: Variable) -> Span:
    return spec.span(("variables", variable.name), key=True)


def masked_span(span: Span) -> Span:
    """The same place in a text that does not show what stands there."""
    text = span.source.text
    hidden = "".join("•" if not character.isspace() else character for character in text[span.start : span.end])
    return Span(Source(span.source.name, text[: span.start] + hidden + text[span.end :]), span.start, span.end)


def without_secrets(problems: Iterable[Diagnostic], variables: Mapping[str, Variable]) -> list[Diagnostic]:
    """Problems of a file of values, those in lines about sensitive variables without what the line says."""
    sensitive = [name for name, variable in variables.items() if variable.sensitive]
    return [_quiet(problem, sensitive) for problem in problems]


def _quiet(problem: Diagnostic, sensitive: Iterable[str]) -> Diagnostic:
    span = problem.span
    line = span.source.line(span.line) if span is not None else ""
    if span is None or not any(name in line for name in sensitive):
        return problem
    summary = f"a line about a sensitive variable cannot be read ({problem.code})"
    return replace(problem, summary=summary, detail="", remedy="Quote the value.", span=_blank(span))


def _blank(span: Span) -> Span:
    start = span.source.text.rfind("\n", 0, span.start) + 1
    end = span.source.text.find("\n", start)
    whole = Span(span.source, start, end if end >= 0 else len(span.source.text))
    return Span(masked_span(whole).source, span.start, span.end)


def secret_problem(spec: SpecFile, variable: Variable, problem: str, origin: str) -> Diagnostic:
    """A secret of the wrong type or form, which is not shown."""
    summary = f'variable "{variable.name}" {problem}, and its value, {HIDDEN}, is not (from {origin})'
    return Diagnostic(Code.VARIABLE_VALUE, summary, _place(spec, variable), remedy=variable.description)
