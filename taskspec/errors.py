"""The exceptions of taskspec as one tree, each branch with its exit code.

    TaskspecError
    ├── UsageError                 3   the command line asks for something impossible
    ├── SpecError                  3   the spec is wrong; carries diagnostics
    ├── ApiError                   4   talking to the server
    │   ├── NotSent                    the request never reached a server
    │   ├── OutcomeUnknown             the server may or may not have carried it out
    │   └── Refused                    the server refused it (4xx)
    │       ├── Unauthorized           401, 403
    │       └── NotFound               404
    ├── LocalServerError           4   the local server cannot start or cannot run an app
    ├── ConflictError              5   another run is writing, or the plan is stale
    │   ├── LockHeld
    │   └── StalePlan
    └── StateError                 6   the record of past launches cannot be trusted

The exit codes of a run have no exception: 1, 7 and 8 come from its report.

Exceptions hold data and build their message. `cli.main` catches and prints them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from taskspec.diagnostics import Diagnostic


class ExitCode(IntEnum):
    """The documented exit codes of every command."""

    DONE = 0
    TASK_FAILED = 1
    HAS_CHANGES = 2
    SPEC = 3
    CONNECTION = 4
    CONFLICT = 5
    STATE = 6
    PENDING = 7
    DETACHED = 8
    BUG = 70
    INTERRUPTED = 130


class TaskspecError(Exception):
    """A problem that the user can solve: what is wrong, and what to do."""

    exit_code: ClassVar[ExitCode] = ExitCode.BUG

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(TaskspecError):
    exit_code = ExitCode.SPEC


class SpecError(TaskspecError):
    exit_code = ExitCode.SPEC

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(f"{len(diagnostics)} problem{'s' if len(diagnostics) != 1 else ''} in the spec")
        self.diagnostics = tuple(diagnostics)


class ApiError(TaskspecError):
    exit_code = ExitCode.CONNECTION


class NotSent(ApiError):
    """The request never reached a server: refused connection, unknown host, failed TLS handshake, connect timeout."""


class OutcomeUnknown(ApiError):
    """The server may or may not have carried out the request: lost answer, timeout, 5xx, unreadable body."""

    def __init__(self, message: str, *, status: int | None = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class Refused(ApiError):
    """The server refused the request (a 4xx). `retry_after`: the seconds it asks to wait, or 0."""

    def __init__(
        self, message: str, *, status: int, code: str = "", remedy: str = "", retry_after: float = 0.0
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.retry_after = retry_after


class Unauthorized(Refused):
    """The token is missing, wrong, or lacks the permission (401, 403)."""


class NotFound(Refused):
    """The server does not have the requested object (404)."""


class LocalServerError(TaskspecError):
    """The local server cannot start, cannot be reached, or cannot run an app."""

    exit_code = ExitCode.CONNECTION


class ConflictError(TaskspecError):
    """Another run is writing, or something changed since the plan was made."""

    exit_code = ExitCode.CONFLICT


class LockHeld(ConflictError):
    """Another run holds the lease on this state."""


class StalePlan(ConflictError):
    """The saved plan no longer fits the spec or the state."""


class StateError(TaskspecError):
    """The record of past launches is missing, foreign, newer or damaged; nothing was started."""

    exit_code = ExitCode.STATE
