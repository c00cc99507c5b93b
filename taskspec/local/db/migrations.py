"""The layout of the database, as numbered steps. Never edit a released step; add a new one."""

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

_SECOND = (
    # The HTTP port of a running app, and the token for direct requests to it.
    "ALTER TABLE launches ADD COLUMN port INTEGER",
    "CREATE UNIQUE INDEX launches_session ON launches (session_token)",
    # Team Files. A folder has a row while it holds a file. `hash` is the SHA-256 of the content.
    """CREATE TABLE files (
        id INTEGER PRIMARY KEY AUTOINCREMENT, team_id INTEGER NOT NULL REFERENCES teams, user_id INTEGER NOT NULL,
        path TEXT NOT NULL, parent TEXT NOT NULL, hash TEXT, size INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (team_id, path))""",
    "CREATE INDEX files_parent ON files (team_id, parent)",
    "CREATE INDEX files_hash ON files (hash)",
    """CREATE TABLE task_files (
        task_id INTEGER NOT NULL REFERENCES launches, name TEXT NOT NULL, hash TEXT NOT NULL,
        created_at TEXT NOT NULL, PRIMARY KEY (task_id, name))""",
    "CREATE INDEX task_files_hash ON task_files (hash)",
    """CREATE TABLE projects (
        id INTEGER PRIMARY KEY AUTOINCREMENT, workspace_id INTEGER NOT NULL REFERENCES workspaces,
        name TEXT NOT NULL, type TEXT NOT NULL, description TEXT NOT NULL, readme TEXT NOT NULL,
        settings TEXT NOT NULL, custom_data TEXT NOT NULL, created_by INTEGER NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (workspace_id, name))""",
    """CREATE TABLE workflow (
        id INTEGER PRIMARY KEY AUTOINCREMENT, direction TEXT NOT NULL, node TEXT NOT NULL, content TEXT NOT NULL,
        created_at TEXT NOT NULL)""",
    # Launches refer to the release of a branch like to any other, but it is not a version of its module.
    "ALTER TABLE releases ADD COLUMN branch TEXT",
    "ALTER TABLE releases ADD COLUMN config_dir TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE branches (
        module_id INTEGER NOT NULL REFERENCES modules, name TEXT NOT NULL, path TEXT NOT NULL,
        PRIMARY KEY (module_id, name))""",
)

_LABELING = (
    # Labeling jobs and queues, as far as a wait for them needs. Both share one sequence of ids.
    """CREATE TABLE labeling (
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL)""",
)

MIGRATIONS = (_FIRST, _SECOND, _LABELING)
