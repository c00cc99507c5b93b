"""Agents: the machines that run launches.

Facts: wire protocol, section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from taskspec.api.records.paging import Records, by_name, only_one
from taskspec.api.records.records import AgentInfo
from taskspec.errors import OutcomeUnknown


class AgentApi(Records[AgentInfo]):
    """Agents of a team."""

    record, path = AgentInfo, "agents"

    def get_list(
        self, team_id: int, filters: Sequence[Mapping[str, Any]] | None = None, with_gpu_info: bool = False
    ) -> list[AgentInfo]:
        """List the agents of a team."""
        data: dict[str, Any] = {"teamId": team_id, "filter": list(filters or ())}
        if with_gpu_info:
            data["extraFields"] = ["gpuInfo"]
        return self._list(data)

    def get_info_by_name(self, team_id: int, name: str) -> AgentInfo:
        """Return the one agent of that name. Raises NotFound with similar names."""
        return only_one("agent", name, self.get_list(team_id, by_name(name)), lambda: self.get_list(team_id))

    def get_list_available(
        self, team_id: int, show_public: bool = False, show_only_running: bool = True, has_gpu: bool = False
    ) -> list[AgentInfo]:
        """List the agents that accept launches now."""
        body = {"teamId": team_id, "withoutPublic": not show_public, "anyStatus": not show_only_running}
        answer = self._transport.post("agents.available", {**body, "needGPU": has_gpu})
        if not isinstance(answer, list):
            raise OutcomeUnknown("agents.available: the answer is not a list of agents", remedy="try again")
        return [AgentInfo.parse(row) for row in answer]
