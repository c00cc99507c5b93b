"""Calls in a rehearsal: nobody is asked, nothing runs, and every answer is a placeholder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskspec.engine.performing import CallOrder, Pause
from taskspec.values import Json

CALL_SECONDS = 1.0
"""What a rehearsed call takes; people are as quick as everybody else."""


@dataclass(frozen=True, slots=True)
class RehearsedCalls:
    """Answers by address."""

    responses: Mapping[str, Json]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        pause(CALL_SECONDS)
        return self.responses.get(order.address, {})
