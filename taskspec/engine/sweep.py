"""A last look for duplicate launches: a start that was sent again may have arrived twice after all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from taskspec.engine.refresh import launches_by_key, observed
from taskspec.engine.start import StartOrder
from taskspec.engine.stopping import try_stop
from taskspec.errors import ApiError

if TYPE_CHECKING:
    from taskspec.api import Api


def stop_duplicates(
    api: Api,
    resent: Iterable[tuple[StartOrder, int]],
    clock: Callable[[], float],
    pause: Callable[[float], None],
) -> Iterator[tuple[str, str]]:
    """Stop every later launch of a start that was sent again; the address, and what was done. Runs in a worker."""
    for order, task_id in resent:
        try:
            found = launches_by_key(api, order.workspace, order.watermark).get(order.key, [])
        except ApiError as error:
            yield order.address, f"cannot look for a duplicate launch: {error.message}; the next apply looks again"
            continue
        for twin in found:
            if twin.id != task_id and not observed(twin).is_terminal:
                problem = try_stop(api, twin.id, clock, pause)
                fate = f"could not be stopped: {problem}" if problem else "was stopped"
                yield order.address, f"started more than once; the later launch {twin.id} {fate}"
