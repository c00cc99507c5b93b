"""`outputs:` of a launch. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from taskspec.values import Json

_ERROR = "error"
"""The only kind of output that a launch publishes when it failed."""


@dataclass(frozen=True, slots=True)
class Output:
    """One output to publish: a `set_output_*` method of the client, and its arguments, which may hold expressions.

    An argument that the author does not write is missing, so that the client's own default applies.
    """

    kind: str
    arguments: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything a task publishes, in the order of the spec. `replace` replaces an output that the app has set."""

    items: tuple[Output, ...]
    replace: bool = False

    def on(self, *, failure: bool) -> tuple[Output, ...]:
        """The outputs of a launch that failed, or of one that succeeded."""
        return tuple(output for output in self.items if (output.kind == _ERROR) == failure)


def as_json(outputs: tuple[Output, ...]) -> dict[str, Json]:
    """Outputs as a spec has them: arguments by kind."""
    return {output.kind: output.arguments for output in outputs}


def read_outputs(written: Mapping[str, Any]) -> Outputs:
    """Outputs as written, or as rendered. The schema has checked their kinds and arguments."""
    items = (Output(kind, arguments) for kind, arguments in written.items() if kind != "replace")
    return Outputs(tuple(items), written.get("replace", False))
