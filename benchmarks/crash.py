"""How often taskspec launches something twice when it is killed: one table, real processes and simulated ones.

    python benchmarks/crash.py               about six minutes
    python benchmarks/crash.py --minutes 60  as many trials as fit into an hour
    python benchmarks/crash.py --whole       1,000 kills for 24 and for 500 tasks, every write and request once, 200
                                             interrupts, 500 graphs, 2,000 lives, 4,000 deaths of mixed
                                             specs; about two hours
    python benchmarks/crash.py --only mixed  one kind of trial

Every trial ends with applies until one is done. Then three things must hold. The server has counted exactly one start
for each start key. The final state is that of an undisturbed run. The state could be opened after every kill. The
pieces are those of tests/crash; the server is taskspec/rehearsal behind real sockets.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from taskspec.rehearsal.fake_server import FakeServer
from tests.crash.http_server import HttpServer
from tests.crash.mixture import mixed_simulation
from tests.crash.simulation import Simulation
from tests.crash.trials import ForkServer, Trial, kill_trial, undisturbed_seconds

KINDS = ("kills", "lost", "points", "large", "signals", "graphs", "lives", "mixed")


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
    is_over: bool = False
    failure: str = ""

    def count(self, fake: FakeServer) -> None:
        self.starts += sum(fake.starts.values())
        self.lowest = min(self.lowest, *fake.starts.values(), 10**9)
        self.highest = max(self.highest, *fake.starts.values(), 0)

    def line(self) -> str:
        same = "all" if self.same == self.trials else f"{self.same} of {self.trials}"
        return (
            f"| {self.name} | {self.trials} | {self.hits} | {self.starts} | {self.lowest} / {self.highest} "
            f"| {same} | {self.opened or '–'} |"
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a row goes on: for so many seconds, or until so many hits."""

    seconds: float = math.inf
    hits: float = math.inf

    def is_spent(self, row: Row, seconds: float) -> bool:
        return seconds >= self.seconds or row.hits >= self.hits


@dataclass(slots=True)
class Bench:
    """A folder, a server and a fork server for all trials."""

    folder: Path
    fork_server: ForkServer
    http: HttpServer
    seed: int = 0

    def trial(self, **options: object) -> Trial:
        self.seed += 1
        return Trial(self.folder / str(self.seed), self.fork_server, self.http, self.seed, **options)  # type: ignore[arg-type]

    def run(self, row: Row, budget: Budget, one: Callable[[Row], None]) -> Row:
        """Repeat one trial until the budget is spent. Count and print failures."""
        began = time.monotonic()
        while not row.is_over and not budget.is_spent(row, time.monotonic() - began):
            row.trials += 1
            try:
                one(row)
                row.same += 1
            except AssertionError as error:
                row.failure = str(error)[:500]
                print(f"  FAILED in {row.name}: {row.failure}", file=sys.stderr)
        print(row.line(), flush=True)
        return row

    def kills(self, size: int, share: float, kills: int, within: float = 1.0) -> Callable[[Row], None]:
        span = undisturbed_seconds(self.folder / f"undisturbed-{size}-{share}", self.fork_server, self.http, size=size)
        span *= within

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
            hit = trial.begin(die_at=point).wait() < 0
            row.hits += hit
            row.is_over = not hit
            trial.state()
            trial.apply_until_done()
            trial.check()
            row.opened += trial.opened
            row.count(trial.fake)

        return one

    def interrupts(self) -> Callable[[Row], None]:
        span = undisturbed_seconds(self.folder / "undisturbed-signals", self.fork_server, self.http)

        def one(row: Row) -> None:
            trial = self.trial(share=0.3)
            child = trial.begin()
            hit = child.kill_after(trial.chance.uniform(0.0, span), signal.SIGINT)
            asked = time.monotonic()
            code = child.wait()
            if hit:
                row.hits += 1
                row.slowest_exit = max(row.slowest_exit, time.monotonic() - asked)
            assert code in (0, 8, 130), f"exit code {code}"
            trial.apply_until_done()
            trial.check()
            row.opened += trial.opened
            row.count(trial.fake)

        return one

    def graphs(self, row: Row) -> None:
        """Apply once without faults, with some failing tasks. Simulation.check compares the report with the facts."""
        self.seed += 1
        folder = self.folder / f"graph-{self.seed}"
        folder.mkdir()
        simulation = Simulation(folder, self.seed, share=0.0, size=10 + self.seed % 50)
        report, _ = simulation.live()
        assert report is not None, f"seed {self.seed}: no report"
        assert simulation.outcomes(report) == simulation.expected(), f"seed {self.seed}: {simulation.outcomes(report)}"
        simulation.check(report)
        row.hits += 1
        row.opened += 1
        row.count(simulation.fake)

    def simulated(self, row: Row) -> None:
        self.seed += 1
        folder = self.folder / f"simulated-{self.seed}"
        folder.mkdir()
        simulation = Simulation(folder, self.seed)
        try:
            simulation.check(simulation.live_until_done())
        finally:
            row.hits += sum(line.startswith("died at") for line in simulation.trace)
            row.opened += simulation.lives
            row.count(simulation.fake)

    def mixed(self, row: Row) -> None:
        """Apply a mixed spec until it is done, and again after a change of one service."""
        self.seed += 1
        folder = self.folder / f"mixed-{self.seed}"
        folder.mkdir()
        place = mixed_simulation(folder, self.seed)
        assert place.undisturbed is not None
        try:
            place.check(place.live_until_done())
            for one in (place, place.undisturbed):
                one.replace_a_service()
            place.check(place.live_until_done())
        finally:
            row.hits += sum(line.startswith("died at") for line in place.trace)
            row.opened += place.lives
            row.count(place.fake)
            shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--only", choices=KINDS, default="", help="one kind of trial, with all the time")
    options = parser.parse_args()

    def budget(percent: float, hits: float) -> Budget:
        share = 1.0 if options.only else percent / 100
        return Budget(hits=hits) if options.whole else Budget(seconds=options.minutes * 60 * share)

    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=memory) as folder, ForkServer() as fork_server, HttpServer() as http:
        bench = Bench(Path(folder), fork_server, http)
        print("| trial | trials | signals that hit | starts | starts per key, least / most | same state | opened |")
        print("|---|---|---|---|---|---|---|", flush=True)
        signals = Row("24 tasks, 30 % of answers lost, SIGINT at a random moment")
        few, lost, large = (24, 0.0, 2), (24, 0.3, 3), (500, 0.0, 10, 0.3)
        plans: dict[str, tuple[Row, Budget, Callable[[], Callable[[Row], None]]]] = {
            "kills": (Row("24 tasks, kill −9 at a random moment"), budget(20, 1000), lambda: bench.kills(*few)),
            "lost": (Row("24 tasks, 30 % of answers lost, three kills"), budget(15, 200), lambda: bench.kills(*lost)),
            "points": (
                Row("24 tasks, kill −9 at the Nth write or request"),
                budget(15, math.inf),
                lambda: bench.points(0.3),
            ),
            "large": (Row("500 tasks, ten kills"), budget(15, 1000), lambda: bench.kills(*large)),
            "signals": (signals, budget(10, 200), bench.interrupts),
            "graphs": (
                Row("random graphs with failing tasks: who failed, and why"),
                budget(5, 500),
                lambda: bench.graphs,
            ),
            "lives": (Row("simulated lives, every call may fail"), budget(10, 2000), lambda: bench.simulated),
            "mixed": (
                Row("simulated services, requests, waits, platform calls"),
                budget(10, 4_000),
                lambda: bench.mixed,
            ),
        }
        chosen = [options.only] if options.only else list(plans)
        rows = [bench.run(row, budget, make()) for row, budget, make in map(plans.__getitem__, chosen)]
    if signals.trials:
        slowest = signals.slowest_exit * 1000
        print(f"\nSlowest exit after SIGINT: {slowest:.0f} ms (forked, with no interpreter to tear down).")
    return int(any(row.failure for row in rows))


if __name__ == "__main__":
    sys.exit(main())
