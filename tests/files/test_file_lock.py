"""The lock on an open file: who gets it, who shares it, and when it is free again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskspec.files.file_lock import try_lock

Opener = Callable[[], int]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opener]:
    """Open the same file once more."""
    descriptors: list[int] = []

    def open_again() -> int:
        descriptors.append(os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR, 0o600))
        return descriptors[-1]

    yield open_again
    for descriptor in descriptors:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("first", "second", "both"), [(False, False, False), (False, True, False), (True, False, False), (True, True, True)]
)
def test_only_shared_locks_are_held_together(opened: Opener, first: bool, second: bool, both: bool) -> None:
    assert try_lock(opened(), shared=first)
    assert try_lock(opened(), shared=second) is both


def test_a_process_that_inherited_the_file_holds_the_lock_until_it_ends(tmp_path: Path, opened: Opener) -> None:
    descriptor = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    assert try_lock(descriptor)
    heir = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor])
    os.close(descriptor)
    assert not try_lock(opened())
    heir.kill()
    heir.communicate()
    assert try_lock(opened())
