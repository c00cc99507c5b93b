"""`outputs:` of a launch: one class for each `set_output_*` method of the client, its fields the arguments. Pure.

A field that the author does not write is ABSENT, so that the client's own default applies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from taskspec.values import ABSENT, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output to publish. Its values may hold expressions."""

    kind: ClassVar[str]

    @property
    def arguments(self) -> dict[str, Json]:
        """What the author writes, by field."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if value is not ABSENT}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextOutput(Output):
    kind = "text"
    title: Json
    description: Json = ABSENT
    show_logs: Json = ABSENT
    zmdi_icon: Json = ABSENT
    icon_color: Json = ABSENT
    background_color: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOutput(Output):
    """The only output of a launch that failed."""

    kind = "error"
    title: Json
    description: Json = ABSENT
    show_logs: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectOutput(Output):
    kind = "project"
    project_id: Json
    project_name: Json = ABSENT
    project_preview: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput(Output):
    kind = "report"
    file_id: Json
    file_name: Json
    description: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOutput(Output):
    kind = "archive"
    file_id: Json
    file_name: Json
    file_url: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDownloadOutput(Output):
    kind = "file_download"
    file_id: Json
    file_name: Json
    file_url: Json = ABSENT
    download: Json = ABSENT


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryOutput(Output):
    kind = "directory"
    file_id: Json
    directory_path: Json


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentOutput(Output):
    kind = "experiment"
    experiment_info: Json


_KINDS: Mapping[str, type[Output]] = {
    kind.kind: kind
    for kind in (
        *(TextOutput, ErrorOutput, ProjectOutput, ReportOutput, ArchiveOutput),
        *(FileDownloadOutput, DirectoryOutput, ExperimentOutput),
    )
}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Everything a task publishes, in the order of the spec. `replace` replaces an output that the app has set."""

    items: tuple[Output, ...]
    replace: bool = False

    def on(self, *, failure: bool) -> tuple[Output, ...]:
        """The outputs of a launch that failed, or of one that succeeded."""
        return tuple(output for output in self.items if isinstance(output, ErrorOutput) == failure)


def as_json(outputs: tuple[Output, ...]) -> dict[str, Json]:
    """Outputs as a spec has them: arguments by kind."""
    return {output.kind: output.arguments for output in outputs}


def read_outputs(written: Mapping[str, Any]) -> Outputs:
    """Outputs as written, or as rendered; their shape is checked before."""
    items = (_KINDS[kind](**arguments) for kind, arguments in written.items() if kind != "replace")
    return Outputs(tuple(items), written.get("replace", False))
