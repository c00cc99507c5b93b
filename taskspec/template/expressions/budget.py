"""What all expressions of a spec may make and go through together.

Each is bounded by itself; many small ones over one large local, in many instances, are not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from taskspec.template.expressions.expression import Expression, Scope, reached
from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import VALUE_WORK, WORK_LIMIT, Json, weight_of

PASS = 3
"""A pass over a value takes longer than passing it on."""
LIGHT = 1_000
"""What weighs less is weighed again each time rather than remembered."""


@dataclass(slots=True)
class Budget:
    """Counts down from WORK_LIMIT."""

    left: float = WORK_LIMIT
    known: dict[int, tuple[Json, int]] = field(default_factory=dict)

    def stop_counting(self) -> None:
        """Count no longer: what is rendered from here on was rendered once, and approved."""
        self.left = math.inf

    def charge_expression(self, expression: Expression, scope: Scope) -> None:
        """Pay for what filters, tests and sums of an expression will look at. Raises ExpressionError."""
        for reference in expression.references:
            self.take(reached(reference, scope), expression.passes * PASS)

    def take(self, value: Any, times: int = 1) -> None:
        """Pay for a value. Raises ExpressionError when nothing is left."""
        if isinstance(value, str):
            self._charge(len(value) * times)
        elif isinstance(value, dict | list):
            self._charge(self._cost(value) * times)
        elif isinstance(value, ScopeObject):
            self._charge(VALUE_WORK * len(value.names()) * times)

    def _cost(self, value: Json) -> int:
        known = self.known.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        weight = weight_of(value, WORK_LIMIT, VALUE_WORK)
        if weight > LIGHT:
            self.known[id(value)] = value, weight
        return weight

    def _charge(self, weight: int) -> None:
        self.left -= weight
        if self.left < 0:
            raise ExpressionError(f"all values of this spec together {over_budget()}")


def over_budget() -> str:
    """How a message ends about what is more than we evaluate."""
    return f"become larger than {WORK_LIMIT // 2**20} MiB, or {WORK_LIMIT // VALUE_WORK:,} values"
