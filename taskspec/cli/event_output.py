"""Print the events of a run as they come, as text or as JSON. A rehearsal passes its clock, to print its time."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass

import click

from taskspec.engine.events import EngineEvent
from taskspec.view.event_lines import line
from taskspec.view.json_documents import event_document
from taskspec.view.labels import duration
from taskspec.view.terminal_text import Paint


@dataclass(frozen=True, slots=True)
class PlainLines:
    """Prints one line of text for each event: on standard error, and on standard output in a rehearsal."""

    paint: Paint
    clock: Callable[[], float] | None = None

    def on(self, event: EngineEvent) -> None:
        text = line(event, self.paint)
        if text is not None:
            time = f"{self.paint(f'{duration(self.clock()):>8}', 'dim')}  " if self.clock is not None else ""
            click.echo(time + text, err=self.clock is None)


@dataclass(frozen=True, slots=True)
class JsonLines:
    """Prints one JSON object for each event on standard output; `at` is the time of a rehearsal in seconds."""

    clock: Callable[[], float] | None = None

    def on(self, event: EngineEvent) -> None:
        document = event_document(event)
        if self.clock is not None:
            document["at"] = round(self.clock(), 3)
        sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
        sys.stdout.flush()
