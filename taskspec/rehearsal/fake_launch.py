"""One launch on the simulated server: its status and output at a time. Pure: time is a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from typing import Any

from taskspec.api.wire import LaunchStatus
from taskspec.rehearsal.faults import LaunchEnd, LaunchTimeline

_ENDS = {LaunchEnd.ERROR: LaunchStatus.ERROR, LaunchEnd.STOPPED: LaunchStatus.STOPPED}
Json = dict[str, Any]


@dataclass(slots=True)
class FakeLaunch:
    """A launch. Its app produces `due_output`; a client can set `output`."""

    id: int
    key: str
    address: str
    body: Mapping[str, Any]
    came: float
    course: LaunchTimeline
    due_output: Mapping[str, Any]
    output: Mapping[str, Any] | None = None
    stop_at: float | None = None
    stages: tuple[tuple[float, LaunchStatus], ...] = field(init=False)

    def __post_init__(self) -> None:
        course, at = self.course, self.came
        stages = [(at, LaunchStatus.QUEUED)]
        for status, takes in self._stages(course):
            at += takes
            stages.append((at, status))
        self.stages = tuple(stages)

    def _stages(self, course: LaunchTimeline) -> list[tuple[LaunchStatus, float]]:
        """Return every status change with the time since the previous one."""
        begun = [(LaunchStatus.CONSUMED, course.queued), (LaunchStatus.STARTED, course.consumed)]
        again = [(LaunchStatus.QUEUED, course.running), *begun] if course.restarted else []
        running = min(course.running, course.server_deadline)
        if course.ends is LaunchEnd.STOPPED:
            end = [(LaunchStatus.TERMINATING, running), (LaunchStatus.STOPPED, course.stopping)]
        else:
            ends = LaunchStatus.ERROR if self._is_killed else _ENDS.get(course.ends, LaunchStatus.FINISHED)
            end = [(ends, running)]
        return [*begun, *again, *end]

    @property
    def _is_killed(self) -> bool:
        return self.course.running > self.course.server_deadline

    def status(self, now: float) -> LaunchStatus:
        if self.stop_at is not None and now >= self.stop_at:
            return LaunchStatus.STOPPED if now >= self.stop_at + self.course.stopping else LaunchStatus.TERMINATING
        return [status for at, status in self.stages if at <= now][-1]

    def stop(self, now: float) -> LaunchStatus:
        """Ask the launch to end. One that has ended does not change."""
        if not self.status(now).is_terminal and self.stop_at is None:
            self.stop_at = now
        return self.status(now)

    def answers(self, now: float) -> bool:
        """Return whether its app answers requests: it is a running service."""
        return self.course.running == inf and self.status(now) is LaunchStatus.STARTED

    def is_known(self, now: float) -> bool:
        return now < self.came + self.course.vanishes_after

    def ended_at(self, now: float) -> float:
        """Return the time of its end, or infinity."""
        if not self.status(now).is_terminal:
            return inf
        return self.stop_at + self.course.stopping if self.stop_at is not None else self.stages[-1][0]

    def as_json(self, now: float, wall: float) -> Json:
        """Return the task object (wire protocol, section 6). `wall` is the real time at time 0."""
        app = {"moduleId": self.body.get("moduleId"), "version": self.body.get("appVersion", "")}
        meta: Json = {"name": self.body.get("taskName", ""), "params": self.body.get("params", {}), "app": app}
        output = self._output(now)
        if output:
            meta["output"] = output
        if self._is_killed and self.status(now) is LaunchStatus.ERROR:
            meta["error"] = {"message": "killed by the server: it ran for too long"}
        return {
            "id": self.id,
            "type": "app",
            "createdBy": 1,
            "status": str(self.status(now)),
            "description": self.body.get("description", ""),
            "workspaceId": self.body.get("workspaceId"),
            "agentId": self.body.get("agentId"),
            "startedAt": _day(wall + self.came),
            "finishedAt": _day(wall + self.ended_at(now)) if self.status(now).is_terminal else None,
            "meta": meta,
        }

    def _output(self, now: float) -> Mapping[str, Any]:
        if self.output is not None:
            return self.output
        if self.course.ends is LaunchEnd.NO_OUTPUT:
            return {}
        if not self.answers(now) and now < self.ended_at(now) + self.course.output_after:
            return {}
        if self.course.ends is LaunchEnd.ERROR_OUTPUT:
            return {"general": {"title": "rehearsed error", "description": "played by the script", "isError": True}}
        is_due = self.status(now) is LaunchStatus.FINISHED or self.answers(now)
        return self.due_output if is_due else {}


def _day(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
