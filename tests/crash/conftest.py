"""Simulated worlds, each in a folder of its own, in memory where the machine has such a place."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .simulation import World

MEMORY = Path("/dev/shm")


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make a world from a seed; a synced write costs little where no disk is."""
    root = Path(tempfile.mkdtemp(dir=MEMORY)) if os.access(MEMORY, os.W_OK) else tmp_path
    numbers = itertools.count()

    def make(seed: int, **options: Any) -> World:
        folder = root / str(next(numbers))
        folder.mkdir()
        return World(folder, seed, **options)

    yield make
    shutil.rmtree(root, ignore_errors=True)
