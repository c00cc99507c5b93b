"""The marker finds a state that is older than what was written: a lost log, a backup, a second copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from taskspec.errors import ExitCode, StateError
from taskspec.operations import state_file
from taskspec.state.marker import marker_of
from taskspec.state.model import EventKind, State

from .journals import event

EVENTS = 6


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """A state as a killed process leaves it: most of it is in the log that SQLite writes ahead."""
    path = tmp_path / "at work" / "spec" / "local.db"
    with state_file.writing(path) as store:
        for number in range(EVENTS):
            store.append("run", [event(EventKind.INTENT, address=f"t{number}")])
        shutil.copytree(path.parent, tmp_path / "killed" / "spec")
    return tmp_path / "killed" / "spec" / "local.db"


def log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def write(path: Path) -> State:
    with state_file.writing(path) as store:
        return store.load()


def test_what_a_killed_process_has_written_is_all_there(killed: Path) -> None:
    assert log_of(killed).stat().st_size > killed.stat().st_size, "most of it is in the log, or nothing was tried"
    assert state_file.read_state(killed).serial == EVENTS


@pytest.mark.parametrize("use", [state_file.read_state, write], ids=lambda use: use.__name__)
@pytest.mark.parametrize(
    "damage", [lambda log: log.unlink(), lambda log: log.write_bytes(b""), lambda log: os.truncate(log, 20_000)]
)
def test_a_state_without_its_log_is_older_and_says_so(
    killed: Path, damage: Callable[[Path], None], use: Callable[[Path], State]
) -> None:
    damage(log_of(killed))
    with pytest.raises(StateError, match="is older than its marker") as refused:
        use(killed)
    assert refused.value.exit_code == ExitCode.STATE
    assert f"event {EVENTS} was written" in refused.value.message
    assert str(marker_of(killed)) in refused.value.remedy


def test_a_flipped_bit_in_the_log_loses_nothing_in_silence(killed: Path, tmp_path: Path) -> None:
    whole = log_of(killed).read_bytes()
    refused = 0
    for position in range(0, len(whole), 397):
        shutil.rmtree(tmp_path / "tried", ignore_errors=True)
        shutil.copytree(killed.parent, tmp_path / "tried")
        flipped = bytearray(whole)
        flipped[position] ^= 1 << (position % 8)
        path = tmp_path / "tried" / killed.name
        log_of(path).write_bytes(flipped)
        try:
            assert state_file.read_state(path).serial == EVENTS, f"flipped at byte {position}"
        except StateError:
            refused += 1
    assert refused > 10, "no bit was in a frame that counts: nothing was tried"


def test_an_older_copy_may_be_used_once_its_marker_is_removed(killed: Path) -> None:
    log_of(killed).unlink()
    marker_of(killed).unlink()
    serial = write(killed).serial
    assert serial < EVENTS
    assert marker_of(killed).read_text(encoding="ascii").split()[1] == f"{serial:020d}"
    assert state_file.read_state(killed).serial == serial


def test_a_marker_that_cannot_be_written_stops_nothing(killed: Path) -> None:
    with state_file.writing(killed) as store:
        marker_of(killed).unlink()
        marker_of(killed).mkdir()
        assert store.append("run", [event(EventKind.INTENT)])
        marker_of(killed).rmdir()
    assert write(killed).serial == EVENTS + 1


def secret_link(place: Path) -> None:
    secret = place.with_name("secret")
    secret.write_text("PASSWORD=open-sesame\n", encoding="ascii")
    place.symlink_to(secret)


@pytest.mark.parametrize("make", [secret_link, os.mkfifo, Path.mkdir, lambda place: place.write_bytes(b"x" * 10**6)])
def test_nothing_but_a_small_file_of_ours_is_read_as_a_marker(killed: Path, make: Callable[[Path], None]) -> None:
    marker_of(killed).unlink()
    make(marker_of(killed))
    with pytest.raises(StateError) as refused:
        state_file.read_state(killed)
    assert "sesame" not in f"{refused.value.message} {refused.value.remedy}"
