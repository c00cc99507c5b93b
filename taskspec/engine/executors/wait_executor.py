"""Waits: for a file in Team Files within this run, and for people across runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from taskspec.engine.executors.call_protocol import CallFailed, CallOrder, Pause, StillPending, team_of
from taskspec.engine.server.connection import Server
from taskspec.errors import NotFound, NotSent, OutcomeUnknown
from taskspec.specfile.fields.kinds import WaitKind
from taskspec.specfile.fields.retries_and_deadlines import FailureKind, show
from taskspec.values import Json

PATIENCE = 300.0
"""How long a server may be silent before a wait gives up, in seconds."""
_DONE = frozenset({"completed", "review_completed"})


@dataclass(frozen=True, slots=True)
class WaitExecutor:
    """Looks at one server."""

    server: Server
    clock: Callable[[], float]

    def perform(self, order: CallOrder, pause: Pause) -> Json:
        """What was waited for, once it is there. Raises StillPending when people are not done yet."""
        name, value = next(iter(order.body["wait"].items()))
        kind = WaitKind(name)
        return self._wait_for_people(kind, value) if kind.is_for_people else self._file(order, value, pause)

    def _file(self, order: CallOrder, path: Json, pause: Pause) -> Json:
        if not isinstance(path, str) or not path.startswith("/"):
            raise CallFailed(f"team_file must be a path that begins with /, and is {path!r}", FailureKind.INPUTS)
        team = team_of(self.server, order)
        began = answered = self.clock()
        while True:
            try:
                info = self.server.api.file.get_info_by_path(team, path)
                return {"id": info.id, "path": info.path or path, "size": info.size, "is_folder": info.is_dir}
            except NotFound:
                answered = self.clock()
            except (NotSent, OutcomeUnknown):
                if self.clock() - answered > PATIENCE:
                    raise
            limit = order.call.timeout
            left = inf if limit is None else limit - (self.clock() - began)
            if limit is not None and left <= 0:
                raise CallFailed(f'Team Files have no "{path}" after {show(limit)}', remedy="raise `timeout`")
            pause(min(order.call.every, left))

    def _wait_for_people(self, kind: WaitKind, number: Json) -> Json:
        if not isinstance(number, int) or isinstance(number, bool):
            raise CallFailed(f"{kind} must be an integer id, and is {number!r}", FailureKind.INPUTS)
        api = self.server.api
        look = api.labeling_job if kind is WaitKind.LABELING_JOB else api.labeling_queue
        info, what = look.get_info_by_id(number), str(kind).replace("_", " ")
        if info.status in _DONE:
            return {"id": info.id, "name": info.name, "status": info.status}
        if info.status == "stopped":
            raise CallFailed(f'{what} {number} "{info.name}" was {info.status}', FailureKind.STOPPED)
        shown = info.status.replace("_", " ") or "open"
        raise StillPending(f'{what} {number} "{info.name}" is {shown}', remedy="apply again when it is completed")
