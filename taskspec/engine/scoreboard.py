"""Who has come out how so far: the outcomes of a run, told to the listener as they come, no secret among the words."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from taskspec.engine.events import Listener, Noticed, SkipReason, TaskEnded
from taskspec.sensitive import Secrets
from taskspec.state.model import Outcome


@dataclass(slots=True)
class Scoreboard:
    """One outcome per task of the plan; the last word about an address counts."""

    listener: Listener
    secrets: Secrets = field(default_factory=Secrets)
    _ended: dict[str, TaskEnded] = field(default_factory=dict)

    def keep(self, address: str, task_id: int | None) -> None:
        """A kept task is no news: it is in the plan already."""
        self._ended[address] = TaskEnded(address, Outcome.KEPT, task_id)

    def end(self, ended: TaskEnded) -> None:
        hide = self.secrets.scrub
        ended = replace(ended, summary=hide(ended.summary), log_tail=tuple(map(hide, ended.log_tail)))
        self._ended[ended.address] = ended
        self.listener.on(ended)

    def has(self, address: str) -> bool:
        """Whether a task has its outcome."""
        return address in self._ended

    def skip_reason(self, address: str) -> SkipReason:
        """Why a task was skipped that others need."""
        ended = self._ended.get(address)
        return ended.skip if ended is not None and ended.skip is not None else SkipReason.UPSTREAM_FAILED

    def notice(self, address: str, message: str) -> None:
        self.listener.on(Noticed(address, self.secrets.scrub(message)))

    @property
    def ended(self) -> Collection[str]:
        """Addresses that have their outcome."""
        return self._ended.keys()

    def partition(self, addresses: Iterable[str]) -> tuple[TaskEnded, ...]:
        """Every address with its outcome; those whose turn never came are pending."""
        return tuple(self._ended.get(address) or TaskEnded(address, Outcome.PENDING) for address in addresses)
