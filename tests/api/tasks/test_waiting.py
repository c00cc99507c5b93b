"""The polling loop, on a clock that only its own pauses move."""

from __future__ import annotations

from dataclasses import dataclass, field

from taskspec.api.tasks.waiting import poll_until


@dataclass
class Time:
    now: float = 0.0
    naps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def poll(time: Time, appears_at: float, timeout: float | None) -> str | None:
    def look() -> str | None:
        return "found" if time.now >= appears_at else None

    return poll_until(look, clock=time, pause=time.pause, timeout=timeout, first=1, longest=3, growth=2)


def test_a_value_that_is_there_needs_no_pause() -> None:
    time = Time()
    assert (poll(time, 0, 0), time.naps) == ("found", [])


def test_pauses_grow_up_to_the_longest() -> None:
    time = Time()
    assert (poll(time, 8, None), time.naps) == ("found", [1, 2, 3, 3])


def test_the_timeout_ends_the_loop_with_a_last_look() -> None:
    late = Time()
    assert (poll(late, 100, 5), late.now) == (None, 6)
    just = Time()
    assert poll(just, 6, 5) == "found"


def test_a_false_value_counts_as_found() -> None:
    time = Time()
    found = poll_until(lambda: 0, clock=time, pause=time.pause, timeout=None, first=1, longest=1)
    assert (found, time.naps) == (0, [])
