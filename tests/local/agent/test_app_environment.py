"""The environment of an app, variable by variable (wire protocol 4.3, 4.4)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from taskspec.local.agent.app_environment import (
    LARGE_MARK,
    LARGE_VALUE,
    EnvironmentValues,
    app_environment,
    base_environment,
    flatten,
)

if TYPE_CHECKING:
    from tests.local.serving import RunningServer

CONTEXT = {"teamId": 1, "workspaceId": 2, "userId": 3, "userLogin": "ann", "apiToken": "t"}


def made(state: dict[str, Any], **config: Any) -> dict[str, str]:
    setting = EnvironmentValues(
        task_id=501,
        address="http://127.0.0.1:1",
        token="secret",
        state=state,
        context=CONTEXT,
        config=config,
        config_dir="train",
        log_level="debug",
        agent_id=1,
        port=20_001,
        work_dir=Path("/work"),
        data_dir=Path("/tasks/501/data"),
        storage_dir=Path("/storage"),
    )
    return app_environment({"PATH": "/bin"}, setting)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"flag": True}, {"s.flag": "True"}),
        ({"flag": False}, {"s.flag": "False"}),
        ({"n": 3}, {"s.n": "3"}),
        ({"x": 0.5}, {"s.x": "0.5"}),
        ({"t": "text"}, {"s.t": "text"}),
        ({"t": ""}, {"s.t": ""}),
        ({"none": None}, {}),
        ({"ls": ["x"]}, {"s.ls": "['x']"}),
        ({"ls": [1, 2]}, {"s.ls": "[1, 2]"}),
        ({"ls": []}, {"s.ls": "[]"}),
        ({"ls": [{"a": None}]}, {"s.ls": "[{'a': None}]"}),
        ({"nest": {"a": 1, "b": {"c": 2}}}, {"s.nest.a": "1", "s.nest.b.c": "2"}),
        ({"nest": {}}, {}),
        ({"nest": {"a": {}, "b": None}}, {}),
        ({"dotted.key": 1}, {"s.dotted.key": "1"}),
        ({}, {}),
    ],
    ids=str,
)
def test_state_becomes_text_as_python_writes_it(state: dict[str, Any], expected: dict[str, str]) -> None:
    assert dict(flatten(state, "s")) == expected


def test_each_value_goes_out_with_dots_and_without() -> None:
    environment = made({"nest": {"a": 1}, "camelCase": "x"})
    assert environment["modal.state.nest.a"] == environment["MODAL_STATE_NEST_A"] == "1"
    assert environment["modal.state.camelCase"] == environment["MODAL_STATE_CAMELCASE"] == "x"
    assert environment["context.teamId"] == environment["CONTEXT_TEAMID"] == "1"
    assert environment["MODAL_STATE"] == '{"nest": {"a": 1}, "camelCase": "x"}'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_ADDRESS", "http://127.0.0.1:1"),
        ("API_TOKEN", "secret"),
        ("TASK_ID", "501"),
        ("SUPERVISELY_TASK_ID", "501"),
        ("TEAM_ID", "1"),
        ("WORKSPACE_ID", "2"),
        ("USER_ID", "3"),
        ("USER_LOGIN", "ann"),
        ("AGENT_ID", "1"),
        ("LOG_LEVEL", "debug"),
        ("ENV", "production"),
        ("APP_NAME", "Train"),
        ("APP_CATEGORIES", '["train"]'),
        ("SLY_APP_DATA_DIR", "/tasks/501/data"),
        ("AGENT_STORAGE", "/storage"),
        ("PYTHONUNBUFFERED", "1"),
        ("CONFIG_DIR", "train"),
        ("PATH", "/bin"),
        ("VIRTUAL_HOST", "task-501.supervisely.local"),
        ("VIRTUAL_PORT", "20001"),
    ],
)
def test_fixed_variables(name: str, value: str) -> None:
    assert made({}, name="Train", categories=["train"])[name] == value


@pytest.mark.parametrize(
    ("key", "variable", "context"),
    [
        ("slyProjectId", "PROJECT_ID", "context.projectId"),
        ("slyDatasetId", "DATASET_ID", "context.datasetId"),
        ("slyFile", "FILE", "context.slyFile"),
        ("slyFolder", "FOLDER", "context.slyFolder"),
    ],
)
def test_targets_are_repeated_where_the_sdk_looks(key: str, variable: str, context: str) -> None:
    environment = made({key: 7})
    assert environment[variable] == environment[context] == "7"
    assert variable not in made({key: None})


def test_a_value_too_large_for_an_environment_becomes_the_sdks_mark() -> None:
    environment = made({"small": "x" * LARGE_VALUE, "large": "ä" * LARGE_VALUE})
    assert environment["modal.state.small"] == "x" * LARGE_VALUE
    assert environment["modal.state.large"] == environment["MODAL_STATE"] == LARGE_MARK


def test_a_name_that_no_environment_can_hold_is_left_out() -> None:
    assert "modal.state.a=b" not in made({"a=b": 1})


def test_only_what_is_on_the_list_is_passed_on() -> None:
    base = base_environment(
        {
            "PATH": "/usr/bin",
            "HOME": "/home/ann",
            "LC_ALL": "C",
            "CUDA_VISIBLE_DEVICES": "0",
            "https_proxy": "http://proxy",
            "API_TOKEN": "users own",
            "SERVER_ADDRESS": "users own",
            "AWS_SECRET_ACCESS_KEY": "users own",
            "PYTHONPATH": "users own",
        },
        "/venv/bin",
    )
    assert "users own" not in base.values()
    assert base["PATH"] == "/venv/bin:/usr/bin"
    assert base["CUDA_VISIBLE_DEVICES"] == "0"
    assert base["NO_PROXY"] == "127.0.0.1,localhost"


def test_an_app_sees_its_state(local_server: RunningServer) -> None:
    """Names with dots survive the shell."""
    state = {"flag": True, "nest": {"a": 1}, "ls": ["x"], "text": "$(id); `id` 'q' \"q\" \n end"}
    task_id = local_server.run(
        "sees-state",
        "python -c 'import os, json; print(json.dumps(dict(os.environ)))'",
        params={"state": state},
        logLevel="warning",
    )
    assert local_server.end_of(task_id)["status"] == "finished"
    [message] = local_server.messages(task_id)
    environment = json.loads(message)
    assert environment["modal.state.flag"] == "True"
    assert environment["modal.state.nest.a"] == "1"
    assert environment["modal.state.ls"] == "['x']"
    assert environment["modal.state.text"] == state["text"]
    assert environment["SERVER_ADDRESS"] == local_server.address
    assert environment["API_TOKEN"] == local_server.token
    assert environment["LOG_LEVEL"] == "warning"
    assert Path(environment["SLY_APP_DATA_DIR"]).is_dir()
    assert Path(environment["AGENT_STORAGE"]).is_dir()
