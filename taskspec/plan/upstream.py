"""What a task learns from upstream in a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taskspec.plan.model import PlannedTask
from taskspec.state.model import Record


@dataclass(frozen=True, slots=True)
class Upstream:
    """Upstream tasks that are launched in this plan, the youngest launch on record, and whether any may still fail."""

    launching: tuple[str, ...] = ()
    newest: tuple[int, str] = (0, "")
    may_fail: bool = False


def through(above: Upstream, record: Record | None, planned: PlannedTask | None) -> Upstream:
    """The flow behind a service: that into it, and its own name only where its inputs have changed."""
    fingerprint = planned.fingerprint if planned is not None else None
    if record is None or fingerprint is None or fingerprint == record.fingerprint:
        return above
    return Upstream((*above.launching, record.address), above.newest)


def meet(flows: Iterable[Upstream], limit: int = 5) -> Upstream:
    """All flows into a node as one. Only the first few names are kept, since they are for display."""
    launching: tuple[str, ...] = ()
    newest = (0, "")
    may_fail = False
    for flow in flows:
        launching = (launching + flow.launching)[:limit]
        newest = max(newest, flow.newest)
        may_fail = may_fail or flow.may_fail
    return Upstream(launching, newest, may_fail)
