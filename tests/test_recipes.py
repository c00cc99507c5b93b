"""The recipes: each runs on a local server of its own and does what its page says."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskspec.api import Api
from taskspec.local.home import find_home, read_info, read_token
from tests.example_project import ROOT, ExampleProject

PAGES = sorted(page for page in (ROOT / "docs" / "recipes").glob("*.md") if page.stem != "README")


class Recipes(ExampleProject):
    """The examples, with what the tests ask of them."""

    def apply(self, name: str, *arguments: str, code: int = 0) -> dict[str, str]:
        """Apply an example; the outcome of each task."""
        done = self.taskspec("apply", spec(name), "--json", *arguments)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        events = [json.loads(line) for line in done.stdout.splitlines()]
        (ended,) = (event for event in events if event["type"] == "run_ended")
        return {task["address"]: task["outcome"] for task in ended["tasks"]}

    def people_are_done(self) -> None:
        """Complete the first labeling job, as people would."""
        home = find_home(self.environment)
        info = read_info(home)
        assert info is not None
        with Api(info.address, read_token(home)) as api:
            api.labeling_job.set_status(1, "completed")

    def running(self) -> list[str]:
        """The launches that run on the server, as it says."""
        home = find_home(self.environment)
        info = read_info(home)
        assert info is not None
        with Api(info.address, read_token(home)) as api:
            launches = api.task.get_list(1)
        return [launch.raw_status for launch in launches if launch.raw_status in ("queued", "started", "deployed")]

    def results(self, name: str) -> dict[str, object]:
        return json.loads(self.taskspec("results", spec(name), "--json").stdout)["results"]


def spec(name: str) -> str:
    return f"examples/specs/{name}.yaml"


@pytest.fixture(scope="module")
def recipes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipes]:
    recipes = Recipes(tmp_path_factory.mktemp("recipes"))
    yield recipes
    recipes.taskspec("server", "stop")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_shows_is_in_its_spec(page: Path) -> None:
    text = (ROOT / spec(page.stem)).read_text(encoding="utf-8")
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S):
        assert block in text


def test_every_example_has_its_page() -> None:
    specs = {path.stem for path in (ROOT / "examples" / "specs").glob("*.yaml")} - {"quickstart"}
    assert specs == {page.stem for page in PAGES}


def test_an_import_with_a_trap(recipes: Recipes) -> None:
    first = recipes.apply("import_with_a_trap", code=1)
    assert first == {"import": "failed", "train": "skipped"}
    assert recipes.apply("import_with_a_trap", "--var", "batch=tuesday") == {
        "import": "succeeded",
        "train": "succeeded",
    }
    assert recipes.results("import_with_a_trap")["scans"] == 70


def test_one_import_a_day(recipes: Recipes) -> None:
    outcomes = recipes.apply("import_matrix", code=1)
    assert outcomes.pop("import[wednesday]") == "failed"
    assert set(outcomes.values()) == {"succeeded"}
    assert recipes.results("import_matrix")["scans"] == 180
    whole = shutil.copy(recipes.folder / "examples/apps/import_batch/data/monday.csv", recipes.folder / "monday.csv")
    shutil.copy(whole, recipes.folder / "examples/apps/import_batch/data/wednesday.csv")
    assert set(recipes.apply("import_matrix").values()) == {"succeeded"}
    assert recipes.results("import_matrix")["scans"] == 240


def test_train_a_grid_and_compare(recipes: Recipes) -> None:
    outcomes = recipes.apply("train_and_compare")
    assert set(outcomes) == {
        "import", "train[1,euclidean]", "train[1,manhattan]", "train[5,euclidean]", "compare",
    }  # fmt: skip
    assert Path(str(recipes.results("train_and_compare")["page"])).exists()
    assert set(recipes.apply("train_and_compare").values()) == {"kept"}


def test_back_up_before_you_overwrite(recipes: Recipes) -> None:
    assert set(recipes.apply("backup_then_relabel").values()) == {"succeeded"}
    results = recipes.results("backup_then_relabel")
    assert results["changed"] == 2
    assert isinstance(results["backup"], int)
    assert set(recipes.apply("backup_then_relabel").values()) == {"kept"}


def test_promote_if_better(recipes: Recipes) -> None:
    assert set(recipes.apply("promote_if_better").values()) == {"succeeded"}
    worse = recipes.apply("promote_if_better", "--var", "neighbours=60")
    assert worse["candidate"] == "succeeded"
    assert worse["promote"] == "skipped"


def test_wait_for_people(recipes: Recipes) -> None:
    outcomes = recipes.apply("wait_for_people", code=7)
    assert outcomes == {"import": "succeeded", "ask": "succeeded", "labelled": "pending", "train": "pending"}
    recipes.people_are_done()
    outcomes = recipes.apply("wait_for_people")
    assert outcomes == {"import": "kept", "ask": "kept", "labelled": "succeeded", "train": "succeeded"}


def test_serve_evaluate_always_stop(recipes: Recipes) -> None:
    outcomes = recipes.apply("serve_and_evaluate")
    assert set(outcomes.values()) == {"succeeded"}
    assert recipes.results("serve_and_evaluate")["digit"] == 0
    assert recipes.running() == []
    assert set(recipes.apply("serve_and_evaluate").values()) == {"kept"}
    failed = recipes.apply("serve_and_evaluate", "--var", "good_enough=0.99", "--rerun", "evaluate", code=1)
    assert failed["evaluate"] == "failed"
    assert recipes.running() == []
