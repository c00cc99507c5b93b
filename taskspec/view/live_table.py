"""Draw an apply as a table that redraws itself, for a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from taskspec.engine.events import CallBegan, EngineEvent, LaunchStarted, Noticed, RunBegan, StatusChanged, TaskEnded
from taskspec.plan.model import Action
from taskspec.state.model import Outcome
from taskspec.view.labels import OUTCOME_COLOURS, duration
from taskspec.view.terminal_text import clean, one_line

_MARGIN = 6


@dataclass(slots=True)
class _TableRow:
    state: str
    colour: str
    task_id: int | None = None
    began: float | None = None
    seconds: float | None = None


@contextmanager
def live_table(console: Console) -> Iterator[LiveTable]:
    """A listener whose table is on the console until the end of the block."""
    table = LiveTable(console)
    with Live(console=console, get_renderable=table.draw, refresh_per_second=8, transient=True):
        yield table


@dataclass(slots=True)
class LiveTable:
    """Shows running and recently ended tasks, and the progress. Foreign text is never read as markup."""

    console: Console
    clock: Callable[[], float] = time.monotonic
    _rows: dict[str, _TableRow] = field(default_factory=dict)
    _total: int = 0
    _done: int = 0

    def on(self, event: EngineEvent) -> None:
        match event:
            case RunBegan(_, plan):
                self._total = sum(task.action is not Action.KEEP for task in plan.tasks)
            case LaunchStarted(address, task_id, adopted):
                state = "attached" if adopted else "started"
                self._rows[address] = _TableRow(state, "cyan", task_id, began=self.clock())
            case CallBegan(address, kind):
                self._rows[address] = _TableRow(kind, "cyan", began=self.clock())
            case StatusChanged(address, task_id, status):
                row = self._rows.setdefault(address, _TableRow(status, "cyan", task_id, began=self.clock()))
                row.state = status
            case TaskEnded(address, outcome, task_id, _, seconds):
                self._done += 1
                self._rows[address] = _TableRow(str(outcome), OUTCOME_COLOURS[outcome], task_id, seconds=seconds)
                if outcome in (Outcome.FAILED, Outcome.STOPPED):
                    self._say(address, str(outcome), event.summary)
            case Noticed(address, message):
                self._say(address, "note", message)

    def _say(self, address: str, word: str, message: str) -> None:
        self.console.print(Text(f"{clean(address)}: {word}: {one_line(message, 400)}"))

    def draw(self) -> Table:
        table = Table(
            box=None,
            padding=(0, 2),
            title=f"{self._done} of {max(self._total, len(self._rows))} done",
            title_justify="left",
        )
        for name in ("task", "state", "launch", "time"):
            table.add_column(name, justify="left", no_wrap=True)
        for address, row in self._visible():
            launch = str(row.task_id) if row.task_id is not None else ""
            table.add_row(Text(clean(address)), Text(clean(row.state), style=row.colour), launch, self._time(row))
        return table

    def _visible(self) -> list[tuple[str, _TableRow]]:
        """The running tasks after those that ended last, as many as fit on the screen."""
        room = max(3, self.console.size.height - _MARGIN)
        running = [(address, row) for address, row in self._rows.items() if row.seconds is None]
        ended = [(address, row) for address, row in self._rows.items() if row.seconds is not None]
        left = max(0, room - len(running))
        return (ended[-left:] if left else []) + running[:room]

    def _time(self, row: _TableRow) -> str:
        if row.seconds is not None:
            return duration(row.seconds)
        return duration(self.clock() - row.began) if row.began is not None else ""
