"""Projects as far as launches need them, for outputs, lookups and imports.

Holds names and numbers, but no images or annotations. Facts: wire protocol 2.6, 3.3.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from taskspec.local import places
from taskspec.local.paging import Column, ColumnKind, Listing

if TYPE_CHECKING:
    import sqlite3

NAME_LIMIT = 255
TYPES = ("images", "videos", "volumes", "point_clouds", "point_cloud_episodes", "meshes")
LISTING = Listing(
    "projects",
    {
        "id": Column("id", ColumnKind.NUMBER),
        "name": Column("name"),
        "type": Column("type"),
        "description": Column("description"),
        "createdAt": Column("created_at", ColumnKind.DATE),
        "updatedAt": Column("updated_at", ColumnKind.DATE),
    },
)


def show_project(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "readme": row["readme"],
        "type": row["type"],
        "workspaceId": row["workspace_id"],
        "teamId": places.TEAM,
        "createdBy": row["created_by"],
        "createdAt": row["created_at"],
        "updatedAt": row["updated_at"],
        "settings": json.loads(row["settings"]),
        "customData": json.loads(row["custom_data"]),
        # The SDK's lookup for an output crashes without a string here (wire protocol 2.6).
        "referenceImageUrl": "",
        **dict.fromkeys(("imagesCount", "itemsCount", "datasetsCount"), 0),
        "size": "0",
        "backupArchive": {},
        "importSettings": {},
        "version": None,
    }
