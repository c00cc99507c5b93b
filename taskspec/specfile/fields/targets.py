"""The targets of a launch, and the key and type of each in the app's state. Pure.

The table is that of the wire protocol, section 3.1. Real apps use more targets: agent_folder, agent_file, workspace,
and another spelling of the mesh targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_MODALITIES = ("images", "videos", "volumes", "point_cloud", "point_cloud_episodes", "mesh", "meshes")


@dataclass(frozen=True, slots=True)
class Target:
    """The state key a target fills, and the exact type of its value."""

    key: str
    kind: type[int] | type[str]


TARGETS: Mapping[str, Target] = {
    **{f"{modality}_project": Target("slyProjectId", int) for modality in _MODALITIES},
    **{f"{modality}_dataset": Target("slyDatasetId", int) for modality in _MODALITIES},
    "files_folder": Target("slyFolder", str),
    "files_file": Target("slyFile", str),
    "agent_folder": Target("slyFolder", str),
    "agent_file": Target("slyFile", str),
    "workspace": Target("slyWorkspaceId", int),
    "team": Target("slyTeamId", int),
    "team_member": Target("slyMemberId", int),
    "labeling_job": Target("slyJobId", int),
}
TARGET_TWINS: Mapping[str, str] = {"mesh_project": "meshes_project", "mesh_dataset": "meshes_dataset"}
"""The SDK's names for targets that apps spell differently."""
