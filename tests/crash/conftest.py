"""Simulated worlds, each in a folder of its own, in memory where the machine has such a place."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .mixture import Town, town
from .simulation import World

MEMORY = Path("/dev/shm")


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[Iterator[Path]]:
    """One new folder after another; a synced write costs little where no disk is."""
    root = Path(tempfile.mkdtemp(dir=MEMORY)) if os.access(MEMORY, os.W_OK) else tmp_path

    def new() -> Iterator[Path]:
        for number in itertools.count():
            folder = root / str(number)
            folder.mkdir()
            yield folder

    yield new()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def worlds(folders: Iterator[Path]) -> Callable[..., World]:
    """Make a world from a seed."""
    return lambda seed, **options: World(next(folders), seed, **options)


@pytest.fixture
def towns(folders: Iterator[Path]) -> Callable[..., Town]:
    """Make a town from a seed, with its calm twin."""
    return lambda seed, **options: town(next(folders), seed, **options)
