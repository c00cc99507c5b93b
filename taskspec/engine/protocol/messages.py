"""What workers report back to the run. Every kind of work has one message; `error` is set where the work failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from taskspec.api import TaskInfo
from taskspec.engine.events import TaskEnded
from taskspec.engine.launches.publish import KeptOutputs, Publication
from taskspec.engine.launches.start import StartDone
from taskspec.engine.protocol.states import Address, StopPurpose
from taskspec.engine.server.lookups import LookupResult
from taskspec.plan.model import Plan
from taskspec.plan.request import CallRequest
from taskspec.values import Json


@dataclass(frozen=True, slots=True)
class InterruptAsked:
    """The user asked the run to end."""


@dataclass(frozen=True, slots=True)
class FoldersRegistered:
    """Folder apps are startable."""

    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class FactsFetched:
    """The server has answered what the launch of `address` needed to know."""

    address: Address
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class ReusableFound:
    """A running service that can be reused, by its launch id; None if there is none."""

    address: Address
    key: str
    task_id: int | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The server has the launch."""

    address: Address
    key: str
    done: StartDone


@dataclass(frozen=True, slots=True)
class NotStarted:
    """The server refused the start, or its answer was lost."""

    address: Address
    key: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Restarted:
    """The server runs a failed launch again."""

    address: Address
    task_id: int
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Polled:
    """What the server says of every running launch, by launch id."""

    infos: Mapping[int, TaskInfo]
    asked: frozenset[int] = frozenset()
    """The launches that the poll asked for."""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What a poll says of one launch; None where the server does not list it."""

    info: TaskInfo | None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What a launch left outside its output."""

    address: Address
    task_id: int
    looked: LookupResult | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """A service is up, as `info` shows; None while it is not."""

    address: Address
    task_id: int
    info: TaskInfo | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Launches have stopped. `info` is how the last one had ended by itself, if it had."""

    address: Address
    task_ids: tuple[int, ...]
    purpose: StopPurpose
    key: str = ""
    info: TaskInfo | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class CallPrepared:
    """The request of a call, with digests of the files that it uploads."""

    address: Address
    request: CallRequest | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A call has its response."""

    address: Address
    key: str
    response: Json = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class KeptOutputsRead:
    """What the server says of a kept launch whose outputs are to be set."""

    outputs: KeptOutputs
    info: TaskInfo | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """Outputs are set on a launch; `remark` is for the user."""

    publication: Publication
    remark: str = ""
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class LogRead:
    """The last lines of the log of a task that ended."""

    ended: TaskEnded
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DuplicatesStopped:
    """The last look for duplicate launches is done; `notices` are addresses with what was done."""

    notices: tuple[tuple[Address, str], ...] = ()
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class FurtherPlanned:
    """A plan with the instances that have become known."""

    address: Address
    plan: Plan | None = None
    error: Exception | None = None


LaunchMessage = FactsFetched | ReusableFound | Started | NotStarted | Restarted | LookedUp | Probed
"""Messages about the launch of one task."""
CallMessage = CallPrepared | Answered
TaskMessage = LaunchMessage | CallMessage | Stopped
ReportMessage = Polled | KeptOutputsRead | Published | LogRead | DuplicatesStopped
"""Messages that no single phase of a task waits for."""
Message = TaskMessage | ReportMessage | InterruptAsked | FoldersRegistered | FurtherPlanned
