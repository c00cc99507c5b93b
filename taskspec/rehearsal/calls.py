"""Calls in a rehearsal: taskspec sends and runs nothing, and every answer is a placeholder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskspec.engine.performing import CallOrder, Pause
from taskspec.values import Json

CALL_SECONDS = 1.0
"""Duration of a rehearsed call, also of a wait for users."""


@dataclass(frozen=True, slots=True)
class RehearsedCalls:
    """Answers calls by address."""

    responses: Mapping[str, Json]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        pause(CALL_SECONDS)
        return self.responses.get(order.address, {})
