"""What every test stands on: a home in a temporary folder, no configured server, no colour, and --update-cases."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

REMOVED = (
    "SERVER_ADDRESS", "API_TOKEN", "TEAM_ID", "WORKSPACE_ID", "PROJECT_ID", "TASK_ID", "FORCE_COLOR", "COLUMNS",
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy",
)  # fmt: skip
XDG = ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")

# The same examples in every run: a red test is red on every machine. A timed example says nothing on a busy machine.
hypothesis.settings.register_profile("taskspec", deadline=None, derandomize=True, database=None, max_examples=100)
hypothesis.settings.load_profile("taskspec")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-cases", action="store_true", help="Rewrite the expected texts under tests/cases.")


FOLDER_MARKS = {"contract": ("contract", "slow"), "crash": ("crash", "slow")}
SLOW_FILES = {
    "test_attacks",
    "test_fuzz",
    "test_quickstart",
    "test_recipes",
    "test_hostile_specs",
    "test_held_back_calls",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of slow folders and files, so that `-m 'not slow'` is the quick run."""
    tests = Path(__file__).parent
    for item in items:
        for name in FOLDER_MARKS.get(item.path.relative_to(tests).parts[0], ()):
            item.add_marker(name)
        if item.path.stem in SLOW_FILES:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def update_cases(pytestconfig: pytest.Config) -> bool:
    """Whether golden texts are to be rewritten; the difference is then reviewed in version control."""
    return bool(pytestconfig.getoption("--update-cases"))


def _isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    home.mkdir(parents=True)
    for name in os.environ:
        if name in REMOVED or name.startswith("TASKSPEC_"):
            patch.delenv(name)
    patch.setenv("HOME", str(home))
    patch.setenv("TASKSPEC_HOME", str(home / "taskspec"))
    for name in XDG:
        patch.setenv(name, str(home / name.lower()))
    patch.setenv("NO_PROXY", "*")
    patch.setenv("NO_COLOR", "1")
    patch.setenv("CI", "true")


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all homes of this test run."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(scope="session", autouse=True)
def _session_is_isolated(homes: Path) -> Iterator[None]:
    """Servers that live as long as the session start before the first test has a home of its own."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, homes / "session")
        yield


@pytest.fixture(scope="session")
def home_numbers() -> Iterator[int]:
    return itertools.count()


@pytest.fixture(autouse=True)
def home(homes: Path, home_numbers: Iterator[int], monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for this test; the user's real one is out of reach."""
    path = homes / str(next(home_numbers))
    _isolate(monkeypatch, path)
    return path


@pytest.fixture
def taskspec_home(home: Path) -> Path:
    """Where this test's local server keeps its things, if it starts one; it must not outlive the test."""
    return home / "taskspec"
