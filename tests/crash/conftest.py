"""Simulations, each in a new folder, in memory if the machine has a RAM disk."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .mixture import MixedSimulation, mixed_simulation
from .simulation import Simulation

MEMORY = Path("/dev/shm")


@pytest.fixture
def one_processor() -> Iterator[None]:
    """Only one thread of a simulation runs at a time. Between two processors each change of threads takes longer."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    yield
    os.sched_setaffinity(0, allowed)


@pytest.fixture
def folders(one_processor: None, tmp_path: Path) -> Iterator[Iterator[Path]]:
    """Yield new folders. Synced writes are fast on a RAM disk."""
    root = Path(tempfile.mkdtemp(dir=MEMORY)) if os.access(MEMORY, os.W_OK) else tmp_path

    def new() -> Iterator[Path]:
        for number in itertools.count():
            folder = root / str(number)
            folder.mkdir()
            yield folder

    yield new()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def simulations(folders: Iterator[Path]) -> Callable[..., Simulation]:
    """Make a simulation from a seed."""
    return lambda seed, **options: Simulation(next(folders), seed, **options)


@pytest.fixture
def mixed_simulations(folders: Iterator[Path]) -> Callable[..., MixedSimulation]:
    """Make a mixed simulation from a seed, with its undisturbed copy."""
    return lambda seed, **options: mixed_simulation(next(folders), seed, **options)
