"""How often taskspec launches something twice when it is killed: one table, real processes and simulated ones.

    python benchmarks/crash.py               about six minutes
    python benchmarks/crash.py --minutes 60  as many trials as fit into an hour

Every trial ends with applies until one is done, and then three things must hold: each start key was started exactly
once, as counted by the server; the final state is that of an undisturbed run; the state opened after every kill. The
pieces are those of tests/crash; the server is taskspec/rehearsal behind real sockets.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from crash.simulation import World
from crash.trials import Trial, Zygote, kill_trial, undisturbed_seconds

from taskspec.rehearsal.http import HttpServer
from taskspec.rehearsal.server import FakeServer


@dataclass(slots=True)
class Row:
    """What one kind of trial came to."""

    name: str
    trials: int = 0
    hits: int = 0
    starts: int = 0
    lowest: int = 10**9
    highest: int = 0
    opened: int = 0
    same: int = 0
    slowest_exit: float = 0.0
    failure: str = ""

    def count(self, fake: FakeServer) -> None:
        self.starts += sum(fake.starts.values())
        self.lowest = min(self.lowest, *fake.starts.values())
        self.highest = max(self.highest, *fake.starts.values())

    def line(self) -> str:
        same = "all" if self.same == self.trials else f"{self.same} of {self.trials}"
        return (
            f"| {self.name} | {self.trials} | {self.hits} | {self.starts} | {self.lowest} / {self.highest} "
            f"| {same} | {self.opened or '–'} |"
        )


@dataclass(slots=True)
class Bench:
    """A folder, a server and a zygote for all trials."""

    folder: Path
    zygote: Zygote
    http: HttpServer
    seed: int = 0

    def trial(self, **options: object) -> Trial:
        self.seed += 1
        return Trial(self.folder / str(self.seed), self.zygote, self.http, self.seed, **options)  # type: ignore[arg-type]

    def run(self, row: Row, seconds: float, one: Callable[[Row], None]) -> Row:
        """Repeat one trial until the time is over; a failed one is counted and told."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            row.trials += 1
            try:
                one(row)
                row.same += 1
            except AssertionError as error:
                row.failure = str(error)[:500]
                print(f"  FAILED in {row.name}: {row.failure}", file=sys.stderr)
        print(row.line(), flush=True)
        return row

    def kills(self, size: int, share: float, kills: int) -> Callable[[Row], None]:
        span = undisturbed_seconds(self.folder / f"undisturbed-{size}-{share}", self.zygote, self.http, size=size)

        def one(row: Row) -> None:
            trial = self.trial(size=size, share=share)
            try:
                row.hits += kill_trial(trial, span, kills)
                row.opened += trial.opened
            finally:
                row.count(trial.fake)

        return one

    def points(self, share: float) -> Callable[[Row], None]:
        point = 0

        def one(row: Row) -> None:
            nonlocal point
            point += 1
            trial = self.trial(size=24, share=share)
            row.hits += trial.begin(die_at=point).wait() < 0
            trial.state()
            trial.apply_until_done()
            trial.check()
            row.opened += trial.opened
            row.count(trial.fake)

        return one

    def interrupts(self) -> Callable[[Row], None]:
        span = undisturbed_seconds(self.folder / "undisturbed-signals", self.zygote, self.http)

        def one(row: Row) -> None:
            trial = self.trial(share=0.3)
            child = trial.begin()
            row.hits += child.kill_after(trial.chance.uniform(0.05, span), signal.SIGINT)
            asked = time.monotonic()
            code = child.wait()
            row.slowest_exit = max(row.slowest_exit, time.monotonic() - asked)
            assert code in (0, 8, 130), f"exit code {code}"
            trial.apply_until_done()
            trial.check()
            row.opened += trial.opened
            row.count(trial.fake)

        return one

    def simulated(self, row: Row) -> None:
        self.seed += 1
        folder = self.folder / f"simulated-{self.seed}"
        folder.mkdir()
        world = World(folder, self.seed)
        try:
            world.check(world.live_until_done())
        finally:
            row.hits += sum(line.startswith("died at") for line in world.trace)
            row.opened += world.lives
            row.count(world.fake)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.0)
    share = parser.parse_args().minutes * 60 / 100
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, Zygote() as zygote, HttpServer() as http:
        bench = Bench(Path(folder), zygote, http)
        print("| trial | trials | kills that hit | starts | starts per key, least / most | same state | opened |")
        print("|---|---|---|---|---|---|---|", flush=True)
        signals = Row("24 tasks, 30 % of answers lost, SIGINT at a random moment")
        rows = [
            bench.run(Row("24 tasks, kill −9 at a random moment"), 25 * share, bench.kills(24, 0.0, 1)),
            bench.run(Row("24 tasks, 30 % of answers lost, three kills"), 20 * share, bench.kills(24, 0.3, 3)),
            bench.run(Row("24 tasks, kill −9 at the Nth write or request"), 15 * share, bench.points(0.3)),
            bench.run(Row("500 tasks, three kills"), 15 * share, bench.kills(500, 0.0, 3)),
            bench.run(signals, 10 * share, bench.interrupts()),
            bench.run(Row("simulated lives, every call may fail"), 15 * share, bench.simulated),
        ]
    print(f"\nSlowest exit after SIGINT: {signals.slowest_exit:.2f} s.")
    return int(any(row.failure for row in rows))


if __name__ == "__main__":
    sys.exit(main())
