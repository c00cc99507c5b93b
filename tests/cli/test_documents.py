"""Every JSON document of every command fits its definition in schemas/documents.schema.json."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from taskspec.operations import state_admin
from taskspec.specfile.schema import load_schema
from taskspec.state.lease import this_owner
from taskspec.state.store import open_store

from .conftest import Command

Write = Callable[[str], Path]
SCHEMA = load_schema("documents")
PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
SPEC = """
    variables: {token: {type: string, sensitive: true, default: "env:PLANTED"}}
    tasks:
      first: {module: ./good, results: {id: "{{ launch.id }}"}}
      second: {module: ./bad, params: {of: "{{ tasks.first.results.id }}", key: "{{ var.token }}"}}
      third: {module: ./good, params: {of: "{{ tasks.second.id }}"}}
    results: {id: "{{ tasks.first.results.id }}", of: "{{ tasks.third.id }}"}
"""


@pytest.fixture(autouse=True)
def a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "hidden-7f3a")


def fits(kind: str, result: str) -> dict[str, Any]:
    """The document, which fits its definition and no other one of the file."""
    document: dict[str, Any] = json.loads(result)
    Draft7Validator({"$ref": f"#/definitions/{kind}", "definitions": SCHEMA["definitions"]}).validate(document)
    Draft7Validator(SCHEMA).validate(document)
    return document


def documents(taskspec: Command) -> dict[str, list[tuple[str, ...]]]:
    """The commands for each kind of document."""
    return {
        "status": [("status", "spec.yaml")],
        "results": [("results", "spec.yaml")],
        "runs": [("runs", "spec.yaml")],
        "records": [("state", "list", "spec.yaml")],
        "lock": [("lock", "show", "spec.yaml")],
        "explanation": [("explain", "spec.yaml", address) for address in ("first", "second", "third")],
        "validation": [("validate", "spec.yaml")],
        "server": [("server", "status")],
    }


def test_the_schema_is_a_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)


def test_documents_fit_before_and_after_an_apply(taskspec: Command, spec: Write) -> None:
    spec(SPEC)
    for kind, commands in documents(taskspec).items():
        for command in commands:
            result = taskspec(*command, "--json")
            assert result.out, (command, result)
            fits(kind, result.out)
    assert taskspec("apply", "spec.yaml").code == 1
    for kind, commands in documents(taskspec).items():
        for command in commands:
            fits(kind, taskspec(*command, "--json").out)
    for address in ("first", "second"):
        assert fits("record", taskspec("state", "show", "spec.yaml", address, "--json").out)["address"] == address
    assert fits("verified", taskspec("state", "verify", "spec.yaml", "--json").out)["events"] > 0
    spec(SPEC.replace("key:", "other: 1, key:").replace("results: {id:", "params: {lr: 2}, results: {id:", 1))
    result = taskspec("explain", "spec.yaml", "first", "--json")
    assert result.out, result.err
    assert fits("explanation", result.out)["changes"]


def test_a_lock_that_is_held_fits(taskspec: Command, spec: Write, folder: Path) -> None:
    spec("tasks: {only: {module: ./good}}")
    assert taskspec("apply", "spec.yaml").code == 0
    path = folder / ".taskspec" / "spec" / "local.db"
    with open_store(path, clock=time.time) as store:
        store.acquire(this_owner())
        assert state_admin.holder(path) is not None
        assert fits("lock", taskspec("lock", "show", "spec.yaml", "--json").out)["held"] is True
        store.release()
    assert fits("lock", taskspec("lock", "show", "spec.yaml", "--json").out)["held"] is False


def test_problems_fit(taskspec: Command, spec: Write) -> None:
    spec("tasks: {only: {module: ./good, colour: red}}")
    assert fits("validation", taskspec("validate", "spec.yaml", "--json").out)["valid"] is False


def test_a_server_that_does_not_run_fits(taskspec: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKSPEC_HOME", str(tmp_path))
    document = fits("server", taskspec("server", "status", "--json").out)
    assert (document["running"], document["address"]) == (False, None)


def test_the_page_names_every_document() -> None:
    kinds = {reference["$ref"].rsplit("/", 1)[-1] for reference in SCHEMA["oneOf"]}
    assert kinds == set(re.findall(r"\| (?:\[documents.*?\), |… )`(\w+)` \|", PAGE))
    for kind in kinds - {"lock", "validation"}:
        first = next(iter(SCHEMA["definitions"][kind]["properties"]))
        assert f"`{first}`" in PAGE
