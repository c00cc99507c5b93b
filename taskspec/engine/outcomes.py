"""The outcome of each task so far, with secrets redacted."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from taskspec.engine.events import SkipReason, TaskEnded
from taskspec.secrets.sensitive import Secrets
from taskspec.state.model import Outcome


@dataclass(slots=True)
class Outcomes:
    """One outcome per task of the plan; the last one of an address counts."""

    secrets: Secrets = field(default_factory=Secrets)
    _ended: dict[str, TaskEnded] = field(default_factory=dict)

    def keep(self, address: str, task_id: int | None) -> None:
        """A kept task is not reported, since the plan shows it."""
        self._ended[address] = TaskEnded(address, Outcome.KEPT, task_id)

    def end(self, ended: TaskEnded) -> TaskEnded:
        """Record an outcome; returns it as it may be shown."""
        ended = replace(ended, summary=self.redact(ended.summary), log_tail=tuple(map(self.redact, ended.log_tail)))
        self._ended[ended.address] = ended
        return ended

    def redact(self, text: str) -> str:
        return self.secrets.redact(text)

    def has(self, address: str) -> bool:
        """Whether a task has its outcome."""
        return address in self._ended

    def skip_reason(self, address: str) -> SkipReason:
        """Why a task was skipped that others need."""
        ended = self._ended.get(address)
        return ended.skip if ended is not None and ended.skip is not None else SkipReason.UPSTREAM_FAILED

    @property
    def ended(self) -> Collection[str]:
        """Addresses that have their outcome."""
        return self._ended.keys()

    def partition(self, addresses: Iterable[str]) -> tuple[TaskEnded, ...]:
        """Every address with its outcome; those whose turn never came are pending."""
        return tuple(self._ended.get(address) or TaskEnded(address, Outcome.PENDING) for address in addresses)
