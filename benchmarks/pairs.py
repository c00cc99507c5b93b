"""Two installations of taskspec in turn: how long the same plan and the same apply take, as ratios.

    python benchmarks/pairs.py BEFORE AFTER            each the `taskspec` command of one installation
    python benchmarks/pairs.py BEFORE AFTER --pairs 6  fewer pairs; the default is 12

A machine that does other work makes one run slow and the next one fast. So the two take turns, and the ratio of the
medians counts. Processor time is that of the command, without the local server. Each apply has a server of its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from scale import layered

CASES = {"plan": 10_000, "apply": 300, "apply, nothing to do": 300}
"""Tasks of each case."""


def measure(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Processor seconds and wall seconds of a command that must succeed."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def once(taskspec: str, case: str) -> tuple[float, float]:
    """One case in a new folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "app").mkdir()
        (folder / "app" / "config.json").write_text('{"name": "app", "entrypoint": "true"}', encoding="utf-8")
        (folder / "spec.yaml").write_text(layered(CASES[case]), encoding="utf-8")
        environment = {**os.environ, "HOME": name, "TASKSPEC_HOME": str(folder / "home")}
        if case == "plan":
            return measure([taskspec, "plan", "--offline", "spec.yaml"], folder, environment)
        apply = [taskspec, "apply", "spec.yaml", "-y"]
        subprocess.run([taskspec, "server", "start"], cwd=folder, env=environment, check=True, capture_output=True)
        try:
            first = measure(apply, folder, environment)
            return first if case == "apply" else measure(apply, folder, environment)
        finally:
            subprocess.run([taskspec, "server", "stop"], cwd=folder, env=environment, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=os.path.abspath)
    parser.add_argument("after", type=os.path.abspath)
    parser.add_argument("--pairs", type=int, default=12)
    arguments = parser.parse_args()
    print("| what | processor time, before | after | ratio | wall time, ratio |\n|---|---|---|---|---|")
    for case, tasks in CASES.items():
        taken: dict[str, list[tuple[float, float]]] = {arguments.before: [], arguments.after: []}
        for number in range(arguments.pairs):
            for taskspec in sorted(taken, reverse=number % 2 == 1):
                taken[taskspec].append(once(taskspec, case))
        (cpu, wall), (cpu_after, wall_after) = (
            [statistics.median(part) for part in zip(*taken[taskspec], strict=True)]
            for taskspec in (arguments.before, arguments.after)
        )
        ratios = f"{cpu_after / cpu:.2f} | {wall_after / wall:.2f}"
        print(f"| {case}, {tasks:,} tasks | {cpu:.2f} s | {cpu_after:.2f} s | {ratios} |", flush=True)


if __name__ == "__main__":
    main()
