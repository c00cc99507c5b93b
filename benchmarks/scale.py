"""How taskspec grows: start-up, plan, apply and no-op apply of layered graphs, against a baseline in the same run.

    python benchmarks/scale.py            1,000 and 10,000 tasks planned, 1,000 applied; about a minute
    python benchmarks/scale.py --quick    the small sizes only

Graph: layers of 100, two parents a task, ten YAML lines each. The baseline of a plan is PyYAML's C loader on the same
file (reading, nothing else). The baseline of an apply starts the same processes one by one from Python, without a
server, a record or a graph. Everything runs on a private local server that is stopped at the end.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WIDTH = 100


def layered(tasks: int) -> str:
    """A spec of that many tasks."""
    lines = ["taskspec: 1", f"name: layered-{tasks}", "variables:", "  lr: {type: number, default: 0.001}", "tasks:"]
    for index in range(tasks):
        layer = index // WIDTH
        lines += [
            f"  t{index}:",
            "    module: ./app",
            "    log_level: info",
            "    restart_policy: never",
            "    params:",
        ]
        lines += [f"      index: {index}", '      lr: "{{ var.lr }}"']
        if layer:
            above = (layer - 1) * WIDTH
            parents = (above + index % WIDTH, above + (index * 7 + 1) % WIDTH)
            lines += [f'      up{n}: "{{{{ tasks.t{parent}.id }}}}"' for n, parent in enumerate(parents)]
        lines += ["    results:", '      done: "{{ launch.status }}"']
    return "\n".join(lines) + "\n"


def fan_out(items: int) -> str:
    """One task with that many instances."""
    listed = "\n".join(f"      - item{number}" for number in range(items))
    return (
        "taskspec: 1\nname: fan-out\ntasks:\n  t:\n    module: ./app\n    params: {k: '{{ each.key }}'}\n"
        f"    for_each:\n{listed}\n"
    )


class Bench:
    """A folder with an app, specs of several sizes, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "app").mkdir()
        (folder / "app" / "config.json").write_text('{"name": "Trivial", "entrypoint": "true"}')
        self.environment = {**os.environ, "TASKSPEC_HOME": str(folder / "home"), "CI": "true"}
        for name in ("SERVER_ADDRESS", "API_TOKEN"):
            self.environment.pop(name, None)

    def spec(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def seconds(self, *command: str) -> float:
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        took = time.perf_counter() - began
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
        return took

    def taskspec(self, *arguments: str) -> float:
        return self.seconds(sys.executable, "-m", "taskspec", *arguments)

    def best(self, *arguments: str, times: int = 3) -> float:
        return min(self.taskspec(*arguments) for _ in range(times))

    def yaml_load(self, spec: str) -> float:
        code = f"import yaml; yaml.load(open({spec!r}), Loader=yaml.CSafeLoader)"
        return min(self.seconds(sys.executable, "-c", code) for _ in range(3))

    def bare_processes(self, count: int) -> float:
        code = f"import subprocess\nfor _ in range({count}): subprocess.run(['bash', '-c', 'true'])"
        return self.seconds(sys.executable, "-c", code)


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="taskspec-bench-") as folder:
        place = Bench(Path(folder))
        try:
            yield place
        finally:
            place.taskspec("server", "stop")


def row(what: str, seconds: float, goal: float, baseline: float, of: str) -> None:
    met = "yes" if seconds <= goal else "NO"
    ratio = f"{seconds / baseline:5.1f} × {of}" if baseline else ""
    print(f"| {what:<34} | {seconds:7.2f} s | {goal:5.1f} s | {met:<3} | {ratio:<34} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the small sizes only")
    quick = parser.parse_args().quick
    with bench() as place:
        print(f"| {'what':<34} | {'took':>9} | {'goal':>7} | met | {'compared with the baseline':<34} |")
        print(f"|{'-' * 36}|{'-' * 11}|{'-' * 9}|-----|{'-' * 36}|")
        python = min(place.seconds(sys.executable, "-c", "pass") for _ in range(5))
        row("taskspec --version", place.best("--version", times=5), 0.1, python, "an empty Python")
        measure_plans(place, (1_000,) if quick else (1_000, 10_000))
        measure_applies(place, 200 if quick else 1_000)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"\nlargest process: {peak:.0f} MB (goal for a plan of 10,000: 400 MB)")


def measure_plans(place: Bench, sizes: tuple[int, ...]) -> None:
    goals = {1_000: 0.6, 10_000: 4.0}
    for size in sizes:
        spec = place.spec(f"layered-{size}.yaml", layered(size))
        row(f"plan, {size:,} tasks", place.best("plan", spec), goals[size], place.yaml_load(spec), "reading the YAML")
    spec = place.spec("fan-out.yaml", fan_out(sizes[-1]))
    row(f"plan, for_each of {sizes[-1]:,}", place.best("plan", spec), 1.5, place.yaml_load(spec), "reading the YAML")


def measure_applies(place: Bench, size: int) -> None:
    spec = place.spec(f"layered-{size}.yaml", layered(size))
    place.taskspec("server", "start")
    bare = place.bare_processes(size)
    row(f"apply, {size:,} trivial tasks", place.taskspec("apply", spec), 8.0 * size / 1000, bare, "bare processes")
    plan = place.best("plan", spec)
    row(f"apply, nothing to do, {size:,}", place.best("apply", spec), 1.2 * plan, plan, "its plan")


if __name__ == "__main__":
    main()
