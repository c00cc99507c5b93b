"""Hostile specs by the hundred thousand: `validate`, `plan --offline` and `fmt --diff` answer each as documented.

    python benchmarks/fuzz.py                      100,000 inputs, about a quarter of an hour on two cores
    python benchmarks/fuzz.py --count 2000         a quick look
    python benchmarks/fuzz.py --kind trees --seed 7

The same seed gives the same inputs. An offence is a bug (exit code 70), or an input that takes a command longer
than --seconds. Its files are kept below --keep, and the program ends with 1.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import itertools
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import yaml

from taskspec.cli.main import run
from taskspec.specfile.schema import load_schema

ROOT = Path(__file__).resolve().parent.parent
VALUES = ("--var-file", "values.yaml")
COMMANDS = (
    ("validate", "spec.yaml", *VALUES),
    ("plan", "spec.yaml", "--offline", *VALUES),
    ("fmt", "spec.yaml", "--diff"),
)
LEFT = "cannot write without changing it"
"""fmt leaves what it would change; of a sound spec that is an offence."""
CHUNK = 250
BUG = 70
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2 ** 63, 10 ** 40, 0.5, 1e308, float("nan"), float("inf"), "", " ", "a", "b", "x-y",
    "é", "\x1b[2J", "\u202e", "\x00", "a" * 300, "v1.0.0", "./app", "../app", "/etc", "acme/app", "acme/app@v1",
    "30s", "2d", "1e9d", "part.yaml", "text.txt", "env:HOME", "file:text.txt", "cmd:id", "running", "always",
    "success", "continue", "file", "clone_project", "upload_files", "team_file", "labeling_job", "job", "service",
    "request", "wait", "api", "local", "string", "integer", "list", "map", "(a+)+$", "[a-", "(?=a)", "{{", "}}",
    "{% if %}",
)  # fmt: skip
ATOMS = (
    "var.a", "var.b", "var.secret", "var", "local.l", "local", "tasks.a", "tasks.b.results.r", "tasks.a['k'].id",
    "tasks", "tasks.part.results.r", "each.key", "each.value", "launch.output.x", "launch.files['/a/*']",
    "launch.project['p']", "response.x", "results.r", "failure.summary", "0", "1", "10**9", "-1", "1.5", "'a'", "''",
    "[]", "[1, 2]", "{}", "{'a': 1}", "none", "true", "nosuch", "self", "__class__", "''.__class__", "range(10)",
    "file('text.txt')", "json('[1]')", "yaml('a: 1')", "file('/etc/passwd')", "json('[' * 99)", "'%s' % 1",
    "'a' * 99999999",
)  # fmt: skip
FILTERS = (
    "length", "list", "upper", "int", "float", "string", "tojson", "fromjson", "join(',')", "sort", "unique", "sum",
    "first", "last", "round(99)", "abs", "map('upper')", "map(attribute='id')", "select('odd')",
    "replace('a', 'b' * 9999)", "default('x')", "by_key('results.r')", "attr('x')", "nosuch", "format(1)", "batch(3)",
    "map('map')", "selectattr('x')", "trim", "max", "min",
)  # fmt: skip
OPERATORS = (
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "~",
    "==",
    "<",
    "in",
    "and",
    "or",
    "is",
    "is not",
    "if 1 else",
    ".",
    "|",
    ",",
)


@dataclass(slots=True)
class Tally:
    """The outcomes of the inputs of one kind."""

    inputs: int = 0
    accepted: int = 0
    slowest: float = 0.0
    peak: int = 0
    offences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.inputs += other.inputs
        self.accepted += other.accepted
        self.slowest, self.peak = max(self.slowest, other.slowest), max(self.peak, other.peak)
        self.offences += other.offences


class TooSlowError(BaseException):
    """An input took longer than it may. No `except Exception` on the way stops it."""


def expression(dice: random.Random) -> str:
    """Something in braces, most often nearly an expression."""
    text = dice.choice(ATOMS)
    for _ in range(dice.randrange(4)):
        match dice.randrange(5):
            case 0:
                text = f"{text} | {dice.choice(FILTERS)}"
            case 1:
                text = f"{text} {dice.choice(OPERATORS)} {dice.choice(ATOMS)}"
            case 2:
                text = f"({text})" if dice.random() < 0.7 else f"[{text}"
            case 3:
                text = f"{text}[{dice.choice(ATOMS)}]"
            case _:
                text = f"not {text}"
    body = f"{{{{ {text} }}}}"
    return (
        body
        if dice.random() < 0.7
        else f"{dice.choice(('x ', '', '{{', '}}'))}{body}{dice.choice((' y', '', '{%', body))}"
    )


def value(dice: random.Random, depth: int = 0) -> Any:
    """A small tree of scalars and expressions."""
    draw = dice.random()
    if depth > 3 or draw < 0.45:
        return dice.choice(SCALARS)
    if draw < 0.7:
        return expression(dice)
    if draw < 0.85:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    names = ("a", "b", "r", "k", "include", "exclude", "file", "project", "value", "type", "until", "every")
    return {dice.choice(names): value(dice, depth + 1) for _ in range(dice.randrange(4))}


def fitting(dice: random.Random, shape: Any, definitions: Any, depth: int = 0) -> Any:
    """A value of the shape that a JSON Schema describes, most of the time."""
    if dice.random() < 0.06 or not isinstance(shape, dict) or depth > 8:
        return value(dice, 2)
    if "$ref" in shape:
        return fitting(dice, definitions.get(shape["$ref"].rpartition("/")[2]), definitions, depth + 1)
    for word in ("oneOf", "anyOf", "enum"):
        if word in shape:
            chosen = dice.choice(shape[word])
            return chosen if word == "enum" else fitting(dice, chosen, definitions, depth + 1)
    if "const" in shape:
        return shape["const"]
    kinds = shape.get("type", "string")
    kind = dice.choice(kinds) if isinstance(kinds, list) else kinds
    if kind == "object":
        return _object(dice, shape, definitions, depth)
    if kind == "array":
        return [fitting(dice, shape.get("items"), definitions, depth + 1) for _ in range(dice.randrange(4))]
    if kind in _PLAIN:
        return dice.choice(_PLAIN[kind])
    return expression(dice) if dice.random() < 0.4 else dice.choice(SCALARS)


_PLAIN = {"integer": (0, 1, 2, 7, -1, 2**40), "number": (0, 0.5, 1e9, -3), "boolean": (True, False), "null": (None,)}


def _object(dice: random.Random, shape: Any, definitions: Any, depth: int) -> dict[Any, Any]:
    declared = shape.get("properties", {})
    chosen = [
        name for name in declared if name in shape.get("required", ()) or dice.random() < min(0.5, 4 / len(declared))
    ]
    found = {name: fitting(dice, declared[name], definitions, depth + 1) for name in chosen}
    more = shape.get("additionalProperties")
    if isinstance(more, dict) or not declared:
        for name in dice.sample(("a", "b", "l", "r", "secret", "part"), dice.randrange(1, 4)):
            found[name] = fitting(dice, more, definitions, depth + 1) if isinstance(more, dict) else value(dice, 1)
    return found


def _dumped(tree: Any) -> bytes:
    return yaml.safe_dump(tree, allow_unicode=True, sort_keys=False).encode("utf-8", "surrogatepass")


SCHEMA = load_schema("spec")


def tree(dice: random.Random) -> dict[str, bytes]:
    """A spec that its schema describes, nearly."""
    spec = fitting(dice, {**SCHEMA}, SCHEMA["definitions"])
    if isinstance(spec, dict) and dice.random() < 0.95:
        spec["taskspec"] = 1
        spec.setdefault("tasks", {"a": {"module": "./app"}})
    return {"spec.yaml": _dumped(spec)}


def lines(dice: random.Random) -> dict[str, bytes]:
    """A spec of ours with a few cuts, repeats and insertions."""
    text = dice.choice(SEEDS)
    for _ in range(dice.randrange(5)):
        place, length = dice.randrange(len(text) + 1), dice.randrange(30)
        words = (
            expression(dice),
            str(dice.choice(SCALARS)),
            text[place : place + length] * 2,
            "\n",
            ": ",
            "- ",
            "&a ",
            "*a",
            "!!x ",
            "|",
            "",
        )
        text = text[:place] + dice.choice(words) + text[place + (length if dice.random() < 0.5 else 0) :]
    return {"spec.yaml": text.encode("utf-8", "surrogatepass")}


def _nodes(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if path:
        yield path, node
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from _nodes(child, (*path, key))


def grafts(dice: random.Random) -> dict[str, bytes]:
    """A sound spec of ours where a node or two are gone, changed, or what stands under that key in another spec."""
    spec = copy.deepcopy(dice.choice(SOUND))
    for _ in range(dice.randrange(1, 4)):
        found = list(_nodes(spec))
        if not found:
            break
        path, node = dice.choice(found)
        above = reduce(lambda inner, key: inner[key], path[:-1], spec)
        draw = dice.random()
        if draw < 0.15:
            del above[path[-1]]
        elif draw < 0.3:
            above[path[-1]] = value(dice, 2)
        elif draw < 0.6 and isinstance(above, dict):
            name, graft = dice.choice(GRAFTS.get(path[-1]) or [(path[-1], None)])
            above[name] = copy.deepcopy(graft)
        elif isinstance(above, dict):
            # Keys that stand next to it in other places.
            name, graft = dice.choice(list(dice.choice(NEIGHBOURS.get(path[-1]) or [above]).items()))
            above[name] = copy.deepcopy(graft)
        else:
            above.append(node)
    return {"spec.yaml": _dumped(spec)}


def expressions(dice: random.Random) -> dict[str, bytes]:
    """A sound spec with expressions of all sorts in places of all sorts."""
    places = (
        "params",
        "target",
        "title",
        "when",
        "for_each",
        "results",
        "outputs",
        "agent",
        "module",
        "settings",
        "checks",
    )
    task: dict[str, Any] = {
        "module": "./app",
        "results": {"r": dice.choice(("{{ launch.output.x }}", expression(dice)))},
    }
    for place in dice.sample(places, dice.randrange(1, 4)):
        one = expression(dice)
        task[place] = {
            "params": {"x": one},
            "target": {"images_project": one},
            "results": {"r": one},
            "outputs": {"text": {"title": one}},
            "settings": {"users": [one]},
            "checks": [{"assert": one, "message": expression(dice)}],
        }.get(place, one)
    spec = {
        "taskspec": 1,
        "variables": {
            "a": {"default": value(dice, 2)},
            "b": {"default": [1, "x"]},
            "secret": {"sensitive": True, "default": "env:X"},
        },
        "locals": {
            "l": dice.choice((1, "{{ var.a }}", expression(dice))),
            "m": value(dice) if dice.random() < 0.3 else 1,
        },
        "include": {
            "part": {
                "spec": "part.yaml",
                "inputs": {"given": dice.choice(("{{ tasks.a['k'].results.r }}", 1, expression(dice)))},
            }
        },
        "tasks": {"a": {"module": "./app", "for_each": ["k", "j"], "results": {"r": "{{ launch.id }}"}}, "b": task},
        "results": {"x": dice.choice(("{{ tasks.b.results.r }}", expression(dice)))},
    }
    return {"spec.yaml": _dumped(spec)}


def raw(dice: random.Random) -> dict[str, bytes]:
    """Bytes, or text of characters that mean something to YAML."""
    if dice.random() < 0.5:
        return {"spec.yaml": dice.randbytes(dice.randrange(200))}
    marks = "{}[]:,-?&*!|>'\"%@`#~ \n\t\x00\x85\ufeffab1.é"
    return {"spec.yaml": "".join(dice.choices(marks, k=dice.randrange(300))).encode()}


def others(dice: random.Random) -> dict[str, bytes]:
    """Everything a spec reads that is not the spec: variables, an included spec, a text, the config of an app."""
    text = dice.choice(
        (_dumped(value(dice)), dice.randbytes(40), lines(dice)["spec.yaml"], _dumped({"a": value(dice)}))
    )
    config = {
        "name": value(dice, 2),
        "modal_template_state": value(dice, 1),
        "context_menu": value(dice, 1),
        "entrypoint": value(dice, 3),
    }
    config_text = (
        yaml.safe_dump(config, default_flow_style=True).encode()
        if dice.random() < 0.5
        else repr(config).replace("'", '"').encode()
    )
    name = dice.choice(("values.yaml", "part.yaml", "text.txt", "app/config.json"))
    return {**expressions(dice), name: config_text if name == "app/config.json" else text}


KINDS: dict[str, Callable[[random.Random], dict[str, bytes]]] = {
    "trees": tree,
    "grafts": grafts,
    "lines": lines,
    "expressions": expressions,
    "raw": raw,
    "others": others,
}
BESIDE = {
    "part.yaml": b"taskspec: 1\nvariables: {given: {default: 1}}\ntasks: {t: {module: ./app, params: "
    b"{x: '{{ var.given }}'}, "
    b"results: {r: '{{ launch.id }}'}}}\nresults: {r: '{{ tasks.t.results.r }}'}\n",
    "text.txt": b'{"a": [1, 2]}',
    "values.yaml": b"{}",
    "app/config.json": b'{"name": "app", "entrypoint": "true", "modal_template_state": {"x": 1}}',
}


def _seeds() -> list[str]:
    """Specs people write: those of the examples and of the tests, and what the documents show."""
    specs = sorted((ROOT / "examples" / "specs").glob("*.yaml"))
    cases = sorted((ROOT / "tests" / "cases").glob("[ep]*/*/spec.yaml"))
    texts = [
        _APP.sub("./app", path.read_text("utf-8", "replace"))
        for path in (*specs, *cases)
        if path.stat().st_size < 5_000
    ]
    shown = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "spec.md").read_text("utf-8"), re.DOTALL)
    return [*texts, *(text if "taskspec:" in text else f"taskspec: 1\n{text}" for text in shown)]


_APP = re.compile(r"\.\.?/[\w/]+")
"""The only app there is stands for all of them."""
SEEDS = _seeds()


def _sound() -> list[Any]:
    """Those that are a map with tasks, and not one of those that aliases blow up."""
    found = []
    for text in SEEDS:
        with contextlib.suppress(yaml.YAMLError, ValueError, RecursionError):
            spec = yaml.safe_load(text)
            if not isinstance(spec, dict) or not isinstance(spec.get("tasks"), dict) or spec.get("taskspec") != 1:
                continue
            if next(itertools.islice(_nodes(spec), 1_000, None), None) is None:
                found.append(spec)
    return found


SOUND = _sound()


def _by_key() -> tuple[dict[Any, list[tuple[Any, Any]]], dict[Any, list[dict[Any, Any]]]]:
    """What stands under a key anywhere, and the maps that have it."""
    under: dict[Any, list[tuple[Any, Any]]] = defaultdict(list)
    beside: dict[Any, list[dict[Any, Any]]] = defaultdict(list)
    for spec in SOUND:
        for key in spec:
            beside[key].append(spec)
        for path, node in _nodes(spec):
            under[path[-1]].append((path[-1], node))
            if isinstance(node, dict):
                for key in node:
                    beside[key].append(node)
    return under, beside


GRAFTS, NEIGHBOURS = _by_key()


def outcome(seconds: float) -> tuple[int, str]:
    """The worst exit code of the commands in the current folder, and what was said with it."""
    worst, said = 0, ""

    def overrun(*_: object) -> None:
        raise TooSlowError

    signal.signal(signal.SIGPROF, overrun)
    for command in COMMANDS:
        words = io.StringIO()
        with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
            signal.setitimer(signal.ITIMER_PROF, seconds)
            try:
                code = run(command)
            except TooSlowError:
                code, words = BUG, io.StringIO(f"longer than {seconds:g} s")
            except BaseException as error:
                code, words = BUG, io.StringIO(f"{type(error).__name__}: {error}")
            finally:
                signal.setitimer(signal.ITIMER_PROF, 0)
        if LEFT in words.getvalue() and not worst:
            code = BUG
        if code > worst or code < 0:
            worst, said = (BUG if code < 0 else code), words.getvalue()
    return worst, said


def play(kind: str, first: int, count: int, seed: int, seconds: float, keep: Path) -> Tally:
    """Some inputs of one kind, in this process."""
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="taskspec-fuzz-") as home:
        folder = Path(home, "project")
        (folder / "app").mkdir(parents=True)
        os.chdir(folder)
        for number in range(first, first + count):
            files = {**BESIDE, **KINDS[kind](random.Random(f"{seed}/{kind}/{number}"))}
            for name, content in files.items():
                (folder / name).write_bytes(content)
            began = time.process_time()
            code, said = outcome(seconds)
            tally.inputs += 1
            tally.accepted += code == 0
            tally.slowest = max(tally.slowest, time.process_time() - began)
            if code == BUG:
                place = keep / f"{kind}-{number}"
                shutil.copytree(folder, place, dirs_exist_ok=True)
                tally.offences.append(f"{place}: {said.strip().splitlines()[0] if said.strip() else 'no word'}")
        os.chdir(ROOT)
    tally.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return tally


def _jobs(arguments: argparse.Namespace) -> Iterator[tuple[str, int, int, int, float, Path]]:
    kinds = [arguments.kind] if arguments.kind else list(KINDS)
    share = -(-arguments.count // len(kinds))
    for first, kind in itertools.product(range(0, share, CHUNK), kinds):
        yield kind, first, min(CHUNK, share - first), arguments.seed, arguments.seconds, arguments.keep


def _started(job: tuple[str, int, int, int, float, Path]) -> tuple[str, Tally]:
    return job[0], play(*job)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="the longest a command may compute")
    parser.add_argument("--kind", choices=sorted(KINDS), default="")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "taskspec-fuzz", help="for offences")
    arguments = parser.parse_args()
    for name in ("SERVER_ADDRESS", "API_TOKEN"):
        os.environ.pop(name, None)
    tallies: dict[str, Tally] = {}
    began = time.perf_counter()
    with multiprocessing.Pool(maxtasksperchild=20) as pool:
        for kind, tally in pool.imap_unordered(_started, _jobs(arguments)):
            tallies.setdefault(kind, Tally()).add(tally)
    print(f"{'kind':12} {'inputs':>8} {'accepted':>9} {'slowest':>9} {'peak':>8} {'offences':>9}")
    total = Tally()
    for kind, tally in tallies.items():
        total.add(tally)
        print(_row(kind, tally))
    print(_row("all", total))
    print(f"seed {arguments.seed}, {time.perf_counter() - began:.0f} s")
    for offence in total.offences[:20]:
        print(f"  {offence}")
    return 1 if total.offences else 0


def _row(kind: str, tally: Tally) -> str:
    counts = f"{tally.inputs:8,} {tally.accepted:9,} {tally.slowest:7.2f} s {tally.peak:5} MB"
    return f"{kind:12} {counts} {len(tally.offences):9,}"


if __name__ == "__main__":
    sys.exit(main())
