"""`python -m taskspec.local`: run the local server in the foreground."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from taskspec.errors import LocalServerError
from taskspec.local.agent.agent import AgentSettings
from taskspec.local.home import ServerHome, find_home, try_lock
from taskspec.local.server import DEFAULT_IDLE_SECONDS, ServerOptions, run_server

IDLE_VARIABLE = "TASKSPEC_SERVER_IDLE"
ENVIRONMENTS_VARIABLE = "TASKSPEC_APP_ENVIRONMENTS"
# A client tests the lock by taking it for a moment, which must not look like a running server.
_LOCK_TRIES = 20


def main(arguments: list[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    home = ServerHome(Path(chosen.home).absolute()) if chosen.home else find_home(os.environ)
    try:
        home.create()
        _close_on_exec()
        lock = chosen.lock_descriptor if chosen.lock_descriptor is not None else _take_lock(home)
        try:
            run_server(home, _options(chosen), os.environ)
        finally:
            os.close(lock)
    except LocalServerError as error:
        sys.stderr.write(f"{error.message}\n{error.remedy}\n")
        return int(error.exit_code)
    return 0


def _parser() -> argparse.ArgumentParser:
    defaults = AgentSettings()
    parser = argparse.ArgumentParser(prog="python -m taskspec.local", description=__doc__)
    parser.add_argument(
        "--home", help="folder of the server (default: server/ in TASKSPEC_HOME or the user's state folder)"
    )
    parser.add_argument("--port", type=int, help="default: the port of the last run, or a free one")
    parser.add_argument(
        "--idle", type=float, help="exit after this many seconds without requests and launches; 0: never"
    )
    parser.add_argument("--capacity", type=int, default=defaults.capacity, help="launches that run at the same time")
    parser.add_argument(
        "--stop-grace", type=float, default=defaults.stop_grace, help="seconds between the signals of a stop"
    )
    parser.add_argument(
        "--restart-delay", type=float, default=defaults.restart_delay, help="seconds before the first restart"
    )
    parser.add_argument(
        "--app-environments",
        action="store_true",
        default=os.environ.get(ENVIRONMENTS_VARIABLE, "") not in {"", "0"},
        help=f"run each app in a virtual environment made from its requirements.txt ({ENVIRONMENTS_VARIABLE}=1)",
    )
    parser.add_argument("--lock-descriptor", type=int, help=argparse.SUPPRESS)
    return parser


def _options(chosen: argparse.Namespace) -> ServerOptions:
    return ServerOptions(
        port=chosen.port,
        idle_seconds=chosen.idle if chosen.idle is not None else _idle_from_environment(),
        agent=AgentSettings(capacity=chosen.capacity, stop_grace=chosen.stop_grace, restart_delay=chosen.restart_delay),
        app_environments=chosen.app_environments,
    )


def _idle_from_environment() -> float:
    text = os.environ.get(IDLE_VARIABLE, "")
    try:
        return float(text) if text else DEFAULT_IDLE_SECONDS
    except ValueError:
        raise LocalServerError(f"{IDLE_VARIABLE} is {text!r}, which is not a number", remedy="give seconds") from None


def _take_lock(home: ServerHome) -> int:
    for _ in range(_LOCK_TRIES):
        lock = try_lock(home)
        if lock is not None:
            return lock
        time.sleep(0.05)
    raise LocalServerError(
        f'another local server runs in "{home.path}"', remedy="use that one, or stop it with: taskspec server stop"
    )


def _close_on_exec() -> None:
    """Let no app inherit an open file: not the lock, and not the files that the starter of the server left open."""
    for entry in Path("/dev/fd").iterdir():
        descriptor = int(entry.name)
        if descriptor > 2:
            try:
                os.set_inheritable(descriptor, False)
            except OSError:  # the descriptor that listed the folder
                continue


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    # uvicorn exits on these signals and raises them again. This handler turns the second one into a normal exit.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    sys.exit(main())
