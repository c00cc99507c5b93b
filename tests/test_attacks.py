"""Specs made to hurt: each is read in a process with little time and memory, and gives a plan or diagnostics.

The specs are tests/cases/attacks/<attack>.yaml, and the large ones come from large_specs.py. Values and files made to
hurt are below. No app is run, and no file outside of the project is shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from taskspec.cli.main import run
from tests import large_specs

CASES = Path(__file__).parent / "cases" / "attacks"
ATTACKS = {path.stem: path.read_bytes() for path in CASES.glob("*.yaml")} | {
    name: text.encode() for name, text in large_specs.ATTACKS.items()
}
CPU_SECONDS = 20
WALL_SECONDS = 60
MEMORY = 700 * 2**20
"""More than this process has already; a spec of a few megabytes needs a part of it."""


@dataclass(frozen=True)
class End:
    """How a process ended: its exit code, or minus the signal that killed it, and what it said."""

    code: int
    said: str


def confined(arguments: list[str], output: Path) -> End:
    """Run a command line in a process of its own, with a limit to its time and its memory."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            with output.open("w", encoding="utf-8") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - this process ends below
                sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
                used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
                signal.alarm(WALL_SECONDS)
                resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
                code = int(run(arguments))
                sys.stdout.flush()
                sys.stderr.flush()
        except BaseException:
            with contextlib.suppress(BaseException):
                traceback.print_exc()
                sys.stderr.flush()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return End(os.waitstatus_to_exitcode(status), output.read_text(encoding="utf-8", errors="replace"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an app, and with links and pipes that an attack may name."""
    folder = tmp_path / "project"
    (folder / "app").mkdir(parents=True)
    (folder / "app" / "config.json").write_text(json.dumps({"name": "app"}))
    (folder / "link_to_etc").symlink_to("/etc")
    (folder / "loop").symlink_to("loop")
    (folder / "pipe_as_config").mkdir()
    os.mkfifo(folder / "pipe_as_config" / "config.json")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return folder


def check(here: Path, tmp_path: Path, command: list[str]) -> End:
    end = confined([*command, "spec.yaml"], tmp_path / "said.txt")
    assert end.code in (0, 3), end
    assert end.code == 0 or "Error" in end.said
    assert "Traceback" not in end.said
    assert " object at 0x" not in end.said
    assert "<class" not in end.said
    assert "root:x:0" not in end.said
    assert not [c for c in end.said if not c.isprintable() and c not in "\n"], "control characters reach the terminal"
    assert len(end.said) < 3_000_000
    assert not (here / "ran").exists()
    return end


@pytest.mark.parametrize("command", [["validate"], ["plan", "--offline"]], ids=" ".join)
@pytest.mark.parametrize("attack", sorted(ATTACKS))
def test_an_attack_gives_a_plan_or_diagnostics(here: Path, tmp_path: Path, attack: str, command: list[str]) -> None:
    (here / "spec.yaml").write_bytes(ATTACKS[attack])
    check(here, tmp_path, command)


@pytest.mark.parametrize("attack", ["escape_class", "grow_power", "yaml_python_tag", "secret_from_passwd"])
def test_an_attack_is_refused_and_not_only_survived(here: Path, tmp_path: Path, attack: str) -> None:
    (here / "spec.yaml").write_bytes(ATTACKS[attack])
    assert confined(["validate", "spec.yaml"], tmp_path / "said.txt").code == 3


COMMANDS = pytest.mark.parametrize("command", [["validate"], ["plan", "--offline"]], ids=" ".join)
TAKES_A_VALUE = """\
taskspec: 1
variables:
  any: {default: 1}
  text: {type: string, pattern: "(a|b)*", default: a}
  number: {type: integer, default: 1}
tasks:
  a: {module: ./app, title: "{{ var.text }}", params: {x: "{{ var.any }}", y: "{{ var.number }}"}}
"""
VALUES = {
    "nothing": "",
    "no_equals": "\x1b[2J",
    "no_name": "=1",
    "escape_in_the_name": "\x1b]0;gone\x07=1",
    "line_breaks_in_the_name": "a\n::error::b=1",
    "escape": "any=\x1b[2Jgone",
    "escape_that_does_not_fit": "number=\x1b[2Jgone",
    "text_with_bidi": "text=\u202eabc\u2066",
    "half_a_surrogate": "any='\udce9'",
    "surrogate_as_text": "text=\udce9",
    "a_template": "any='{{ var.text.__class__ }}'",
    "yaml_tag": "any=!!python/object/apply:os.system ['touch ran']",
    "alias_bomb": "any=[&a [x,x,x,x,x,x,x,x,x], &b [*a,*a,*a,*a,*a,*a,*a,*a], &c [*b,*b,*b,*b,*b,*b,*b,*b]]",
    "deep": "any=" + "[" * 5_000,
    "huge_text": "text=" + "x" * 100_000,
    "huge_integer": "number=" + "9" * 10_000,
    "huge_list": "any=[" + "1," * 50_000 + "]",
    "many_steps": "text=" + "ab" * 50_000,
    "not_a_number": "number=.nan",
    "a_file": "any=@/etc/passwd",
    "a_secret": "any=file:/etc/passwd",
}


@COMMANDS
@pytest.mark.parametrize("name", VALUES)
def test_a_value_on_the_command_line_is_taken_or_refused(
    here: Path, tmp_path: Path, name: str, command: list[str]
) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    check(here, tmp_path, [*command, "--var", VALUES[name]])


@COMMANDS
@pytest.mark.parametrize("name", VALUES)
def test_a_value_in_the_environment_is_taken_or_refused(
    here: Path, tmp_path: Path, name: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    variable, _, text = VALUES[name].partition("=")
    monkeypatch.setenv(f"TASKSPEC_VAR_{variable}", text)
    check(here, tmp_path, command)


CONTENTS = {
    "nothing": b"",
    "nul": b"any: 'a\x00b'",
    "no_utf8": b"any: \xff\xfe",
    "escape": b'any: "\\x1b[2J"\n"\\x1b[2J": 1',
    "a_list": b"[any, text]",
    "a_text": b"any",
    "merge_key": b"base: &b {any: 1}\n<<: *b",
    "a_tag": b"any: !!python/name:os.system",
    "twice": b"any: 1\nany: 2",
    "alias_to_itself": b"any: &a [*a]",
    "second_document": b"any: 1\n---\nany: 2",
    "long_text": b"any: " + b"x" * 10_000_000,
    "long_text_that_does_not_fit": b"number: " + b"x" * 10_000_000,
    "long_name": b"x" * 10_000_000 + b": 1",
    "many_names": b"".join(b"an%d: 1\n" % number for number in range(100_000)),
    "many_values": b"any: [" + b"1," * 500_000 + b"]",
    "long_text_for_a_pattern": b"text: " + b"ab" * 5_000_000,
}


@COMMANDS
@pytest.mark.parametrize("name", CONTENTS)
def test_a_file_of_values_is_taken_or_refused(here: Path, tmp_path: Path, name: str, command: list[str]) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    (here / "values.yaml").write_bytes(CONTENTS[name])
    check(here, tmp_path, [*command, "--var-file", "values.yaml"])


LONG = b"x" * 10_000_000
LONG_SPECS = {
    "params": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: " + LONG + b"}}}",
    "template": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: '{{ " + LONG + b" }}'}}}",
    "open_template": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: '{{ " + LONG + b"'}}}",
    "many_braces": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: '" + b"{{ " * 3_000_000 + b"'}}}",
    "module": b"taskspec: 1\ntasks: {a: {module: ./" + LONG + b"}}",
    "depends_on": b"taskspec: 1\ntasks: {a: {module: ./app, depends_on: [" + LONG + b"]}}",
    "key": b"taskspec: 1\ntasks: {a: {module: ./app, " + LONG + b": 1}}",
    "task": b"taskspec: 1\ntasks: {" + LONG + b": {module: ./app}}",
    "name": b"taskspec: 1\nname: " + LONG + b"\ntasks: {a: {module: ./app}}",
    "for_each": b"taskspec: 1\ntasks: {a: {module: ./app, for_each: [" + LONG + b"]}}",
    "duration": b"taskspec: 1\ntasks: {a: {module: ./app, deadlines: {queued: " + b"1" * 10_000_000 + b"}}}",
    "durations": b"taskspec: 1\ntasks: {a: {module: ./app, deadlines: {queued: " + b"1s" * 5_000_000 + b"}}}",
    "number": b"taskspec: 1\ntasks: {a: {module: ./app, workspace: " + b"1" * 10_000_000 + b"}}",
    "comment": b"taskspec: 1\n# " + LONG + b"\ntasks: {a: {module: ./app}}",
    "blanks": b"taskspec: 1\n" + b" " * 10_000_000 + b"\ntasks: {a: {module: ./app}}",
    "lines": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: |\n" + b"   x\n" * 1_000_000 + b"}}}",
    "anchor": b"taskspec: 1\ntasks: {a: {module: ./app, params: {x: &" + LONG + b" 1}}}",
    "description": b"taskspec: 1\ndescription: " + LONG + b"\ntasks: {a: {module: ./app}}",
}


@COMMANDS
@pytest.mark.parametrize("name", LONG_SPECS)
def test_ten_megabytes_in_one_place_are_taken_or_refused(
    here: Path, tmp_path: Path, name: str, command: list[str]
) -> None:
    (here / "spec.yaml").write_bytes(LONG_SPECS[name])
    check(here, tmp_path, command)


def put(path: Path, kind: str) -> None:
    """Put something at `path` that cannot be read to its end."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(10 * 2**30)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    else:
        path.symlink_to(kind)


ODD = pytest.mark.parametrize("kind", ["pipe", "folder", "sparse", "socket", "/dev/zero", "/dev/tty", "/proc/self/mem"])


@ODD
@COMMANDS
def test_a_spec_that_is_no_plain_file_is_refused(here: Path, tmp_path: Path, kind: str, command: list[str]) -> None:
    put(here / "spec.yaml", kind)
    assert check(here, tmp_path, command).code == 3


@ODD
@COMMANDS
def test_a_file_of_values_that_is_no_plain_file_is_refused(
    here: Path, tmp_path: Path, kind: str, command: list[str]
) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    put(here / "values.yaml", kind)
    assert check(here, tmp_path, [*command, "--var-file", "values.yaml"]).code == 3


@ODD
@COMMANDS
def test_a_config_of_an_app_that_is_no_plain_file_is_refused(
    here: Path, tmp_path: Path, kind: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    (here / "app" / "config.json").unlink()
    monkeypatch.chdir(here / "app")
    put(here / "app" / "config.json", kind)
    monkeypatch.chdir(here)
    assert check(here, tmp_path, command).code == 3
    assert check(here, tmp_path, [*command, "--allow-outside"]).code == 3


NOWHERE = {
    "module": 'tasks: {a: {module: "./PATH"}}',
    "include": 'include: {p: {spec: "PATH"}}\ntasks: {a: {module: ./app}}',
    "file": """tasks: {a: {module: ./app, params: {x: "{{ file('PATH') }}"}}}""",
    "upload": 'tasks: {a: {kind: api, call: upload_files, with: {from: "PATH", to: /x}}}',
}


@COMMANDS
@pytest.mark.parametrize("path", ["x" * 300, "x/" * 3_000, "loop", "loop/x", r"a\0b"], ids=lambda path: path[:6])
@pytest.mark.parametrize("place", NOWHERE)
def test_a_path_that_leads_nowhere_is_refused(
    here: Path, tmp_path: Path, place: str, path: str, command: list[str]
) -> None:
    (here / "spec.yaml").write_text(f"taskspec: 1\n{NOWHERE[place].replace('PATH', path)}\n")
    assert check(here, tmp_path, command).code == 3


CONFIGS = {
    "deep": b"[" * 100_000,
    "deep_object": b'{"a":' * 100_000,
    "no_utf8": b'{"name": "\xff"}',
    "half_a_surrogate": b'{"name": "\\ud800"}',
    "escape_in_the_name": b'{"name": "\\u001b[2J"}',
    "name_is_a_map": b'{"name": {"a": 1}}',
    "name_without_end": b'{"name": "' + b"x" * 3_000_000 + b'"}',
    "infinity": b'{"modal_template_state": {"a": 1e999}}',
    "not_a_number": b'{"modal_template_state": {"a": NaN}}',
    "huge_integer": b'{"modal_template_state": {"a": ' + b"9" * 5_000 + b"}}",
    "template": b'{"modal_template_state": {"x": "{{ var.text }}"}}',
    "defaults_of_many": b'{"modal_template_state": {"z": [' + b"1," * 300_000 + b"1]}}",
    "wrong_menu": b'{"context_menu": {"target": {"a": 1}}, "gpu": [], "need_gpu": "yes"}',
}


@COMMANDS
@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_of_an_app_is_taken_or_refused(here: Path, tmp_path: Path, name: str, command: list[str]) -> None:
    (here / "spec.yaml").write_text(TAKES_A_VALUE)
    (here / "app" / "config.json").write_bytes(CONFIGS[name])
    check(here, tmp_path, command)
