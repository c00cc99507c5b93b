"""taskspec init: what it writes is valid, runs, and means what the launches it came from were started with."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from taskspec.api import Api
from taskspec.local.server_client import Endpoint
from tests.cli.conftest import Command

Config = Callable[..., str]
SECRET = "hidden-7f3a"


@pytest.fixture
def api(endpoint: Endpoint) -> Iterator[Api]:
    with Api(endpoint.address, endpoint.token) as api:
        yield api


@pytest.fixture
def registered(taskspec: Command, folder: Path) -> Callable[..., str]:
    """Register an app with this config under a slug of this test."""

    def register(name: str, version: str = "v1.0.0", **config: Any) -> str:
        slug = f"{folder.name.replace('_', '-')}/{name}"
        (folder / name).mkdir(exist_ok=True)
        body = {"name": name.title(), "entrypoint": "echo hi", "headless": True, **config}
        (folder / name / "config.json").write_text(json.dumps(body))
        assert taskspec("server", "modules", "add", name, "--slug", slug, "--version", version).code == 0
        return slug

    return register


def launch(api: Api, slug: str, title: str = "by hand", version: str = "v1.0.0", **state: Any) -> int:
    """A launch made without taskspec, ended."""
    module = api.app.get_ecosystem_module_info(slug=slug)
    started = api.task.start(
        None, workspace_id=1, module_id=module.id, app_version=version, task_name=title, params={"state": state}
    )
    api.task.wait(started.id, "finished", 500, 0.02)
    return started.id


def planned(taskspec: Command, *arguments: str) -> dict[str, Any]:
    result = taskspec("plan", *arguments, "--json")
    assert result.code == 0, result.err
    return {task["address"]: task for task in json.loads(result.out)["tasks"]}


def test_the_first_spec_runs_as_it_is(taskspec: Command, folder: Path) -> None:
    result = taskspec("init")
    assert (result.code, result.err) == (0, "")
    assert taskspec("fmt", "--check", "pipeline.yaml").code == 0
    assert "Applied: 2 succeeded" in taskspec("apply", "pipeline.yaml").out
    assert "Hello, launch " in taskspec("logs", "pipeline.yaml", "again").out


def test_nothing_is_overwritten_unless_forced(taskspec: Command, folder: Path) -> None:
    (folder / "hello").mkdir()
    (folder / "hello" / "main.py").write_text("mine")
    assert taskspec("init").code == 3
    assert not (folder / "pipeline.yaml").exists()
    assert taskspec("init", "--force").code == 0
    assert "mine" not in (folder / "hello" / "main.py").read_text()


def test_a_task_for_an_app_is_pinned_to_its_newest_release_and_shows_what_it_takes(
    taskspec: Command, registered: Config
) -> None:
    registered("loader")
    slug = registered(
        "loader",
        "v1.1.0",
        categories=["import"],
        context_menu={"target": ["files_folder", "images_project"]},
        modal_template_state={
            "depth": 3,
            "api_token": SECRET,
            "text": "{{ no }} template",
            "deep": {"a": [1, {"b": 2}]},
        },
    )
    result = taskspec("init", "--from", slug)
    assert result.code == 0
    for line in (
        "    version: v1.1.0\n",
        '      files_folder: "{{ var.loader_folder }}"\n',
        "    # Instead: images_project.\n",
        "    #   depth: 3  # integer\n",
        '    #   project_id: "{{ launch.output.project.id }}"\n',
    ):
        assert line in result.out
    assert SECRET not in result.out
    Path("spec.yaml").write_text(result.out)
    assert taskspec("validate", "spec.yaml").code == 0
    assert taskspec("fmt", "--check", "spec.yaml").code == 0
    task = planned(taskspec, "spec.yaml", "--var", "loader_folder=/data")["loader"]
    assert task["inputs"]["params"]["slyFolder"] == "/data"


def test_the_defaults_it_shows_change_nothing_when_they_are_uncommented(taskspec: Command, registered: Config) -> None:
    slug = registered("many", modal_template_state={"n": 1, "s": "no", "l": ["a, b"], "m": {"x": None}, "t": "{{ x }}"})
    text = taskspec("init", "--from", slug).out
    Path("spec.yaml").write_text(text)
    before = planned(taskspec, "spec.yaml")["many"]["fingerprint"]
    head, rest = text.split("    # params:\n")
    params, results = rest.split("    # Usual results of similar apps")
    written = "".join("    " + line.removeprefix("    # ") + "\n" for line in params.splitlines())
    Path("spec.yaml").write_text(f"{head}    params:\n{written}    # Usual results of similar apps{results}")
    assert planned(taskspec, "spec.yaml")["many"]["fingerprint"] == before


def test_an_app_that_stays_up_is_a_service(taskspec: Command, registered: Config) -> None:
    assert (
        "kind: service" in taskspec("init", "--from", registered("serving", task_location="application_sessions")).out
    )
    assert "kind: service" in taskspec("init", "--from", registered("served", categories=["serve"])).out
    assert "kind: service" not in taskspec("init", "--from", registered("batch", categories=["train"])).out


def test_a_release_can_be_named_and_a_wrong_one_is_reported(taskspec: Command, registered: Config) -> None:
    registered("pinned")
    slug = registered("pinned", "v2.0.0")
    assert "version: v1.0.0" in taskspec("init", "--from", slug, "--version", "v1.0.0").out
    result = taskspec("init", "--from", slug, "--version", "v2.0.1")
    assert (result.code, 'Did you mean "v2.0.0"?' in result.err) == (3, True)
    assert taskspec("init", "--from", "no/such-app").code == 4


def test_a_task_is_added_to_a_spec_with_its_comments(taskspec: Command, folder: Path) -> None:
    Path("spec.yaml").write_text("# mine\ntaskspec: 1\ntasks:\n  first: {module: ./good}  # keep\n")
    assert taskspec("init", "--from", "./good", "--append", "spec.yaml").code == 0
    text = Path("spec.yaml").read_text()
    assert "# mine\n" in text
    assert "first: {module: ./good}  # keep\n" in text
    assert list(planned(taskspec, "spec.yaml")) == ["first", "good"]
    before = Path("spec.yaml").read_bytes()
    result = taskspec("init", "--from", "./good", "--append", "spec.yaml")
    assert (result.code, "--name" in result.err, Path("spec.yaml").read_bytes()) == (3, True, before)
    assert taskspec("init", "--from", "./good", "--append", "spec.yaml", "--name", "third").code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version", "v1"),
        ("12",),
        ("--from", "./good", "--from-task", "1"),
        ("--from", "./good", "--out", "a.yaml", "--append", "b.yaml"),
        ("--from", "./good", "--append", "nowhere.yaml"),
        ("--from", "./good", "--name", "no-name"),
        ("--from", "./nowhere"),
    ],
)
def test_what_cannot_be_is_a_message(taskspec: Command, folder: Path, arguments: tuple[str, ...]) -> None:
    result = taskspec("init", *arguments)
    assert (result.code, result.out) == (3, "")
    assert "Error" in result.err


def test_launches_become_a_spec_that_means_the_same(taskspec: Command, registered: Config, api: Api) -> None:
    defaults = {"depth": 3, "deep": {"a": 1, "b": 2}, "api_token": ""}
    make = registered("maker", modal_template_state=defaults, context_menu={"target": ["files_folder"]})
    use = registered("user", modal_template_state={"mode": "fast"}, context_menu={"target": ["images_project"]})
    first = launch(
        api, make, **{**defaults, "deep": {"a": 1, "b": 5}, "api_token": SECRET, "slyFolder": "/data", "t": "{{ x }}"}
    )
    api.task.set_output_project(first, 987654, "made")
    second = launch(api, use, "train", mode="fast", slyProjectId=987654, sessionId=first, epochs=first)
    result = taskspec("init", "--from-task", str(second), str(first), "--out", "spec.yaml")
    assert result.code == 0, result.err
    text = Path("spec.yaml").read_text()
    assert SECRET not in text
    assert "depth" not in text
    assert "mode" not in text
    assert 'images_project: "{{ tasks.maker.results.project_id }}"' in text
    assert 'sessionId: "{{ tasks.maker.id }}"' in text
    assert f"epochs: {first}" in text
    assert taskspec("fmt", "--check", "spec.yaml").code == 0
    given = ("--var", f"maker_api_token={SECRET}")
    before = planned(taskspec, "spec.yaml", *given)
    assert list(before) == ["maker", "train"]
    sent = dict(api.task.get_info_by_id(first).params["state"])
    assert sent.pop("api_token") == SECRET
    shown = before["maker"]["inputs"]["params"]
    assert SECRET not in str(shown.pop("api_token"))
    assert shown == sent
    assert taskspec("state", "adopt", "spec.yaml", "maker", str(first), *given).code == 0
    assert "succeeded" in taskspec("apply", "spec.yaml", *given, "--target", "maker").out
    after = planned(taskspec, "spec.yaml", *given)
    assert after["maker"]["action"] == "keep"
    assert after["train"]["inputs"]["params"] == api.task.get_info_by_id(second).params["state"]
    result = taskspec("state", "adopt", "spec.yaml", "train", str(second), *given)
    assert result.code == 0, result.err


def test_what_a_launch_was_given_itself_is_no_result_of_it(taskspec: Command, registered: Config, api: Api) -> None:
    slug = registered("passing", context_menu={"target": ["images_project"]})
    first = launch(api, slug, slyProjectId=777001)
    api.task.set_output_experiment(
        first, {"project_id": 777001, "evaluation_report_id": 777002, "dir": "/experiments/1"}
    )
    second = launch(api, slug, slyProjectId=777001, report_id=777002, folder="/experiments/1", width=777002)
    text = taskspec("init", "--from-task", str(first), str(second)).out
    assert text.count("images_project: 777001") == 2
    assert 'report_id: "{{ tasks.passing.results.evaluation_report_id }}"' in text
    assert 'evaluation_report_id: "{{ launch.output.experiment.data.evaluation_report_id }}"' in text
    assert 'folder: "{{ tasks.passing.results.dir }}"' in text
    assert "width: 777002" in text


def test_a_session_token_is_never_written(taskspec: Command, registered: Config, api: Api) -> None:
    slug = registered("plain")
    first = launch(api, slug)
    token = api.task.get_info_by_id(first).session_token
    second = launch(api, slug, door=f"/net/{token}/run")
    result = taskspec("init", "--from-task", str(first), str(second))
    assert (result.code, token in result.out, "sensitive: true" in result.out) == (0, False, True)


def test_what_looks_like_a_secret_is_never_written(taskspec: Command, registered: Config, api: Api) -> None:
    pem = "-----BEGIN " + "PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END PRIVATE KEY-----"
    number = launch(api, registered("shaped"), pem=pem, from_="s3://reader:hunter22@store/lemons")
    result = taskspec("init", "--from-task", str(number))
    assert (result.code, "MIIEvQIBADANBgkqh" in result.out, "hunter22" in result.out) == (0, False, False)
    assert "{{ var.shaped_pem }}" in result.out


def test_a_default_that_a_launch_did_without_is_reported(taskspec: Command, registered: Config, api: Api) -> None:
    number = launch(api, registered("lacking", modal_template_state={"depth": 3}), other=1)
    assert "started without depth" in taskspec("init", "--from-task", str(number)).out


def test_launches_of_one_app_get_names_of_their_own(taskspec: Command, registered: Config, api: Api) -> None:
    slug = registered("twin")
    ids = [launch(api, slug), launch(api, slug), launch(api, slug, "train[Big one]")]
    result = taskspec("init", "--from-task", *map(str, ids))
    assert "  train_big_one:\n    title: train[Big one]\n" in result.out
    assert "  twin:\n" in result.out
    assert "  twin_2:\n" in result.out


def test_an_unknown_launch_is_reported(taskspec: Command, folder: Path) -> None:
    assert taskspec("init", "--from-task", "99999999").code == 4
