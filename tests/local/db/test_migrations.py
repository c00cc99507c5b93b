"""The server continues with the home of an older taskspec."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from taskspec.local.db.migrations import MIGRATIONS
from taskspec.local.db.server_database import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.local.serving import RunningServer


def old_database(path: Path, layout: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statements in MIGRATIONS[:layout]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {layout}")
        connection.commit()


def test_every_older_layout_becomes_the_newest_one(tmp_path: Path) -> None:
    def layout(path: Path) -> list[str]:
        with closing(Store(path)) as store:
            assert store.all("PRAGMA user_version")[0][0] == len(MIGRATIONS)
            return sorted(row["sql"] for row in store.all("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL"))

    newest = layout(tmp_path / "new.db")
    for number in range(1, len(MIGRATIONS)):
        path = tmp_path / f"{number}.db"
        old_database(path, number)
        assert layout(path) == newest


def test_a_server_serves_a_home_of_the_first_layout(own_server: RunningServer) -> None:
    own_server.home.create()
    old_database(own_server.home.database, 1)
    own_server.start()
    assert own_server.end_of(own_server.run("after-migration", "true"))["status"] == "finished"
