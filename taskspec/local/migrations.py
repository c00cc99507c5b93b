"""The database's layout, as numbered steps. A step that has been released is never edited; a new one is added."""

from __future__ import annotations

_FIRST = (
    """CREATE TABLE teams (
        id INTEGER PRIMARY KEY, name TEXT NOT NULL, description TEXT NOT NULL DEFAULT '',
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE workspaces (
        id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES teams, name TEXT NOT NULL,
        description TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE users (
        id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE agents (
        id INTEGER PRIMARY KEY, team_id INTEGER NOT NULL REFERENCES teams, name TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'running', created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE modules (
        id INTEGER PRIMARY KEY AUTOINCREMENT, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
    """CREATE TABLE releases (
        id INTEGER PRIMARY KEY AUTOINCREMENT, module_id INTEGER NOT NULL REFERENCES modules, version TEXT NOT NULL,
        digest TEXT NOT NULL, config TEXT NOT NULL, created_at TEXT NOT NULL,
        position INTEGER NOT NULL, UNIQUE (module_id, version))""",
    """CREATE TABLE launches (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        workspace_id INTEGER NOT NULL, user_id INTEGER NOT NULL, agent_id INTEGER NOT NULL,
        module_id INTEGER NOT NULL REFERENCES modules, release_id INTEGER NOT NULL REFERENCES releases,
        status TEXT NOT NULL, type TEXT NOT NULL DEFAULT 'app', description TEXT NOT NULL, name TEXT NOT NULL,
        log_level TEXT NOT NULL, restart_policy TEXT NOT NULL, session_token TEXT NOT NULL,
        params TEXT NOT NULL, settings TEXT NOT NULL, meta TEXT NOT NULL, output TEXT NOT NULL DEFAULT '{}',
        created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT,
        attempt INTEGER NOT NULL DEFAULT 1, not_before REAL NOT NULL DEFAULT 0,
        stop_requested INTEGER NOT NULL DEFAULT 0,
        pid INTEGER, pid_mark TEXT, error TEXT,
        stdout_read INTEGER NOT NULL DEFAULT 0, stderr_read INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX launches_status ON launches (status)",
    """CREATE TABLE logs (
        id INTEGER PRIMARY KEY AUTOINCREMENT, task_id INTEGER NOT NULL, timestamp TEXT NOT NULL,
        level TEXT NOT NULL, message TEXT NOT NULL, extras TEXT)""",
    "CREATE INDEX logs_task ON logs (task_id, id)",
    "CREATE TABLE documents (task_id INTEGER PRIMARY KEY REFERENCES launches, content TEXT NOT NULL)",
)

MIGRATIONS = (_FIRST,)
