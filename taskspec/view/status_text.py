"""Draw the launches on record, and what the server reports about them, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from taskspec.operations.status import RecordedLaunch
from taskspec.state.model import Phase
from taskspec.view.labels import OUTCOME_COLOURS
from taskspec.view.terminal_text import Paint, clean, one_line


def draw_status(launches: Sequence[RecordedLaunch], in_spec: Iterable[str], paint: Paint) -> str:
    """Every address on record: its outcome, what the server reports now, and how the two differ."""
    if not launches:
        return "Nothing was launched yet.\n"
    wanted = set(in_spec)
    width = min(60, max(len(known.record.address) for known in launches))
    lines = []
    for known in launches:
        outcome, colour = _outcome(known)
        no_launch = "call" if known.record.is_call else "no launch"
        launch = f"launch {known.record.task_id}" if known.record.task_id is not None else no_launch
        notes = "; ".join(_drift(known, wanted))
        address = f"{clean(known.record.address):<{width}}"
        lines.append(f"  {address}  {paint(f'{outcome:<9}', colour)}  {launch}{'  ' + notes if notes else ''}".rstrip())
    return "\n".join(lines) + "\n"


def _outcome(launch: RecordedLaunch) -> tuple[str, str]:
    observed, record = launch.observed, launch.record
    if observed is not None and not observed.is_terminal:
        return observed.status, "cyan"
    if record.phase is Phase.ENDED and record.outcome is not None:
        return record.outcome.value, OUTCOME_COLOURS[record.outcome]
    return (observed.status if observed is not None else record.phase.value), "yellow"


def _drift(launch: RecordedLaunch, wanted: set[str]) -> Iterator[str]:
    record, observed = launch.record, launch.observed
    if record.is_service and observed is not None and not observed.is_terminal:
        yield "service, " + ("ready" if record.is_ready else "not ready yet") + (", reused" * record.reused)
    for old in record.replaces:
        yield f"replaces launch {old}, which is stopped once this one is up"
    if record.address not in wanted:
        running = observed is not None and not observed.is_terminal and not record.reused
        yield "no longer in the spec" + (", still running: the next apply stops it" if running else "")
    if record.task_id is not None and observed is None:
        yield "the server has forgotten it"
    if observed is not None and not observed.is_terminal and record.phase is Phase.ENDED:
        yield "runs again: restarted outside of taskspec"
    if observed is not None and observed.is_terminal and record.phase is not Phase.ENDED:
        then = "" if record.is_service else ": the next apply records it"
        yield f"{one_line(observed.status)} since the last run{then}"
    if record.summary:
        yield one_line(record.summary)
