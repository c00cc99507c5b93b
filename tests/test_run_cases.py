"""Whole output where a server or an app is what goes wrong: tests/cases/runs/<case>/{spec.yaml, command.txt, …}.

`environment.txt` configures a server; `<local server>` there is the address of the real local server that all
cases share. Times, ports and launch ids are replaced. `--update-cases` rewrites `output.txt`.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskspec.cli.main import run
from taskspec.local import server_client
from taskspec.local.home import ServerHome

CASES = sorted((Path(__file__).parent / "cases" / "runs").iterdir())
REPLACED = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"launch \d+"), "launch N"),
    (re.compile(r"\b\d+\.\ds\b"), "TIME"),
    (re.compile(r"sha256:[0-9a-f]{16}"), "sha256:DIGEST"),
)


@pytest.fixture(scope="module")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("runs")
    yield home
    server_client.stop(ServerHome(home / "server"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_output_is_the_expected_one(
    case: Path,
    server_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    update_cases: bool,
) -> None:
    here = tmp_path / "here"
    shutil.copytree(case, here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("TASKSPEC_HOME", str(server_home))
    configure(case, server_home, monkeypatch)
    code = int(run(shlex.split((case / "command.txt").read_text())))
    seen = shown(code, capsys.readouterr())
    if update_cases:
        (case / "output.txt").write_text(seen)
    assert seen == (case / "output.txt").read_text()
    assert "not-the-token" not in seen
    assert code in (1, 4)


def configure(case: Path, server_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = case / "environment.txt"
    for line in file.read_text().splitlines() if file.exists() else []:
        name, value = line.split("=", 1)
        if value == "<local server>":
            value = server_client.ensure_running(ServerHome(server_home / "server")).address
        monkeypatch.setenv(name, value)


def shown(code: int, captured: pytest.CaptureResult[str]) -> str:
    text = f"--- exit {code}\n--- stdout\n{captured.out}--- stderr\n{captured.err}"
    for pattern, words in REPLACED:
        text = pattern.sub(words, text)
    # Whether a quick app is seen as started before it has ended is a matter of luck.
    return "".join(
        line
        for line in text.splitlines(keepends=True)
        if not re.fullmatch(r"[\w\[\]]+: (started|queued|consumed)\n", line)
    )
