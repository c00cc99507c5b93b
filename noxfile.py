"""The checks of this project, each in an environment of its own: `nox -s lint`."""

from __future__ import annotations

import nox

nox.options.sessions = ["lint", "types", "tests"]
nox.options.default_venv_backend = "venv"


def install(session: nox.Session) -> None:
    session.install("-q", "-e", ".[dev]")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and layout."""
    session.install("-q", "ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types of the package."""
    install(session)
    session.run("mypy", "--strict", "taskspec")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything but the contract suite."""
    install(session)
    session.run("pytest", "-m", "not contract", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The quick tests, and whether they still reach as many lines and branches as before."""
    install(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", "-m", "not slow", *session.posargs)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def contract(session: nox.Session) -> None:
    """The vendor's SDK against the local server; the first run downloads it."""
    install(session)
    session.run("pytest", "-m", "contract", *session.posargs, env={"TASKSPEC_CONTRACT": "1"})


@nox.session
def crash(session: nox.Session) -> None:
    """Kills, lost answers and full disks."""
    install(session)
    session.run("pytest", "-m", "crash", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """What README and docs claim."""
    install(session)
    session.run("pytest", "tests/test_docs.py", "tests/test_english.py", "tests/test_recipes.py", *session.posargs)
