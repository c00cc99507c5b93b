"""Where secrets may go: found from the references of a spec, before any secret is looked up.

A secret may be a part of params, the data of a request, a command's environment, a local, a result or a check. Names,
titles, addresses and outputs are visible to all users, and refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic
from taskspec.specfile.model import SpecFile, TaskDecl
from taskspec.template.expressions.expression import Dynamic, Reference
from taskspec.template.expressions.render import Renderer, templates_in
from taskspec.template.included_scope import IncludedSpec
from taskspec.template.references.location import Location
from taskspec.template.references.reference_check import CALLS, ROOTS, section_of, written_path
from taskspec.values import Json

HIDING = frozenset({"params", "results", "data", "env"})
"""Sections whose secrets are sent or recorded as marks. In `checks` the condition may use one, the message not."""
_NAMES = "names what all users of the server can see"
_SHOWN = {
    **dict.fromkeys(("title", "outputs"), "is shown to all users of the server"),
    **dict.fromkeys(("with", "wait", "team", "workspace", "agent", "module", "version", "branch"), _NAMES),
    "command": "is in the list of processes, which all users of this machine can read",
    **dict.fromkeys(("for_each", "matrix"), "makes the addresses of tasks, which every report shows"),
    "checks": "is shown when the check fails",
}
_INSTEAD = {
    "command": "Put it into `env`, and let the program read it there.",
    "outputs": "Show something else; the app itself gets the secret in `params`.",
    "checks": "Use it in `assert`, and describe the problem in the message without it.",
}
_Name = tuple[str, ...]


def exposed_secrets(spec: SpecFile, renderer: Renderer, parts: Sequence[IncludedSpec] = ()) -> list[Diagnostic]:
    """Every place that would show a secret, in the spec and in those it includes."""
    specs = (spec, *(part.spec for part in parts))
    if not any(variable.sensitive for one in specs for variable in one.variables.values()):
        return []
    looks = {"": _SecretFlow(spec, renderer), **{part.prefix: _SecretFlow(part.spec, part.renderer) for part in parts}}
    size = -1
    while size != sum(len(look.hidden) for look in looks.values()):
        size = sum(len(look.hidden) for look in looks.values())
        for look in looks.values():
            look.spread()
        for part in parts:
            _follow_include(part, looks[part.parent], looks[part.prefix])
    return [problem for look in looks.values() for task in look.spec.tasks.values() for problem in look.exposed(task)]


def _follow_include(part: IncludedSpec, outside: _SecretFlow, inside: _SecretFlow) -> None:
    """Secrets go into an included spec with its inputs, and come out with its results."""
    given = part.include.inputs.items()
    inside.hidden.update(("var", name) for name, value in given if outside.holds(value, None))
    results = part.spec.results.items()
    outside.hidden.update(("tasks", part.include.name, name) for name, value in results if inside.holds(value, None))


@dataclass(frozen=True, slots=True)
class _SecretFlow:
    spec: SpecFile
    renderer: Renderer
    hidden: set[_Name] = field(default_factory=set)
    """`("var", name)`, `("local", name)` and `("tasks", task, result)` that hold a secret."""

    def spread(self) -> None:
        """Follow secrets through locals and results until nothing new is found."""
        self.hidden.update(("var", v.name) for v in self.spec.variables.values() if v.sensitive)
        places: list[tuple[_Name, TaskDecl | None, Json]] = [
            (("local", n), None, v) for n, v in self.spec.locals.items()
        ]
        for task in self.spec.tasks.values():
            places += [(("tasks", task.name, name), task, result.written) for name, result in task.results.items()]
        size = -1
        while size != len(self.hidden):
            size = len(self.hidden)
            self.hidden.update(name for name, task, value in places if self.holds(value, task))

    def holds(self, value: Json, task: TaskDecl | None) -> bool:
        """Whether a value as written, of a task or of the spec, holds a secret."""
        return any(self._secret_of(text, task) is not None for _, text in templates_in(value))

    def _secret_of(self, text: str, task: TaskDecl | None) -> Reference | None:
        """The first reference of an expression that leads to a secret."""
        return next((r for r in self.renderer.references(text) if self._is_secret(r, text, task)), None)

    def _is_secret(self, reference: Reference, text: str, task: TaskDecl | None) -> bool:
        steps = reference.steps
        if reference.root in ("var", "local"):
            return self._names(reference.root, steps[0] if steps else None)
        if reference.root == "results" and task is not None:
            return self._names("tasks", steps[0] if steps else None, task.name)
        if reference.root != "tasks" or not steps:
            return False
        rest = steps[1:]
        if "results" in rest:
            after = rest[rest.index("results") + 1 :]
            return self._names("tasks", after[0] if after else None, str(steps[0]))
        return (
            "results" in text and not {"id", "name"} & set(map(str, rest)) and self._names("tasks", None, str(steps[0]))
        )

    def _names(self, root: str, name: object, *owner: str) -> bool:
        """Whether a name holds a secret; one that is computed may be any of them."""
        if isinstance(name, str | int) and not isinstance(name, Dynamic):
            return (root, *owner, str(name)) in self.hidden
        return any(known[: 1 + len(owner)] == (root, *owner) for known in self.hidden)

    def exposed(self, task: TaskDecl) -> Iterator[Diagnostic]:
        for section in ROOTS if task.call is None else CALLS:
            if section in HIDING:
                continue
            for path, text in templates_in(section_of(task, section)):
                if section == "checks" and path[1] == 0:
                    continue
                secret = self._secret_of(text, task)
                if secret is not None:
                    place = Location(self.spec, task.name, written_path(section, path))
                    yield _exposed(place, section, secret)


def exposure(section: str) -> str:
    return f"`{section}`, which {_SHOWN.get(section, 'is written into plans and reports')}"


def _exposed(place: Location, section: str, secret: Reference) -> Diagnostic:
    return Diagnostic(
        Code.SECRET_SHOWN,
        f'{place.owner}: "{secret.text}" is secret, and stands in {exposure(section)}',
        place.span(secret.text),
        remedy=_INSTEAD.get(section, "A secret may stand in params, data, env, results, locals and `assert`."),
    )
