"""Sets a task's outputs on its launch with `TaskApi.set_output_*`. Safe to repeat: each call replaces."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from taskspec.plan.lookup_needs import Findings
from taskspec.specfile.fields.launch_outputs import Output
from taskspec.state.model import Record
from taskspec.values import Json

if TYPE_CHECKING:
    from taskspec.api import Api


@dataclass(frozen=True, slots=True)
class Publication:
    """Outputs ready to be set. `digest` goes on record; `found` are outputs that the app has set itself."""

    address: str
    key: str
    digest: str
    task_id: int
    outputs: Sequence[Output]
    may_replace: bool = False
    found: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeptOutputs:
    """A kept launch whose outputs are to be set. `found` is what was looked up for them so far."""

    address: str
    record: Record
    found: Findings = field(default_factory=dict)

    def with_findings(self, findings: Findings) -> KeptOutputs:
        return replace(self, found={**self.found, **findings})


def set_outputs(api: Api, publication: Publication) -> str:
    """Set each output, unless the app set one and the author did not ask to replace it. Returns a remark, or "".

    Runs in a worker.
    """
    if not publication.outputs:
        return ""
    if publication.found and not publication.may_replace:
        kinds = ", ".join(sorted(publication.found))
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
    for output in publication.outputs:
        setters[output.kind](publication.task_id, **output.arguments)
    return ""
