"""What README and docs claim is true: commands, options, codes, keys, links and examples."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import click
import pytest
import yaml

from taskspec import __version__
from taskspec.cli.main import COMMANDS, cli, run
from taskspec.diagnostics import Code
from taskspec.errors import ExitCode
from taskspec.plan.model import Action
from taskspec.specfile.parser import parse_spec
from taskspec.specfile.schema import load_schema
from taskspec.state.model import EventKind
from taskspec.template.expressions.render import Renderer
from taskspec.template.expressions.sandbox import build_sandbox
from taskspec.template.references.reference_check import analyse

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SPEC_PAGE = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "examples" / "specs").glob("*.yaml"))


def test_the_readme_has_exactly_two_lines_to_copy() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.S)
    assert [len(block.strip().splitlines()) for block in blocks] == [1, 1]
    assert "taskspec apply examples/specs/quickstart.yaml" in blocks[0]
    assert "pytest" in blocks[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme(name: str) -> None:
    assert f"`taskspec {name}" in README


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_in_the_readme_and_in_the_help(code: ExitCode) -> None:
    assert re.search(rf"(^|[ ·;]){int(code)} ", README.split("Exit codes:")[1])
    assert re.search(rf"(^|[ ;]){int(code)} ", (cli.help or "").split("Exit codes:")[1])


@pytest.mark.parametrize("action", list(Action))
def test_every_action_is_in_the_readme_with_its_sign(action: Action) -> None:
    assert f"| `{action.sign}` | {action} |" in README


@pytest.mark.parametrize("code", list(Code))
def test_every_diagnostic_has_a_row(code: Code) -> None:
    assert f"| {code} |" in (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")


def test_every_key_of_a_task_is_on_the_spec_page() -> None:
    schema = load_schema("spec")
    for key in (*schema["definitions"]["task"]["properties"], *schema["properties"]):
        assert re.search(rf"`{key}`", SPEC_PAGE), key
    for key in schema["definitions"]["outputs"]["properties"]:
        assert key in SPEC_PAGE, key


def test_every_filter_is_on_the_spec_page() -> None:
    shown = set(re.findall(r"\w+", SPEC_PAGE.split("Filters:")[1].split(";")[0]))
    aliases = {"d", "count"}
    assert set(build_sandbox().filters) - aliases <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_index_links_every_page() -> None:
    docs = ROOT / "docs"
    index = (docs / "README.md").read_text(encoding="utf-8")
    assert "(docs/README.md)" in README
    for page in (*docs.glob("*.md"), *(docs / "decisions").glob("*.md")):
        assert page.name == "README.md" or f"({page.relative_to(docs).as_posix()})" in index, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_specs_shown_in_pages_are_valid(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S):
        if "taskspec: 1" in block:
            spec, _ = parse_spec(page.name, block.encode())
            assert not analyse(spec, Renderer()).problems


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid_and_can_be_planned(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A copy: the example may have been applied in this checkout, and its state belongs to that server.
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns(".taskspec"))
    (tmp_path / ".git").mkdir()  # the apps and the specs are in one project
    copy = tmp_path / "examples" / "specs" / example.name
    assert run(["validate", str(copy)]) == ExitCode.DONE, capsys.readouterr().err
    capsys.readouterr()
    assert run(["plan", str(copy), "--json"]) == ExitCode.DONE, capsys.readouterr().err
    assert json.loads(capsys.readouterr().out)["has_changes"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_editor_line_of_an_example_names_the_schema(example: Path) -> None:
    first = example.read_text(encoding="utf-8").splitlines()[0]
    target = first.removeprefix("# yaml-language-server: $schema=")
    assert json.loads((example.parent / target).read_text(encoding="utf-8")) == load_schema("spec")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0
    assert "Usage: taskspec" in capsys.readouterr().out
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts[0]} says nothing"


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"taskspec {__version__}"
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_dependency_has_its_reason() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    block = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("dependencies = [")[1].split("]\n")[0]
    for name in re.findall(r'"([a-z-]+)[>=<]', block):
        assert name in page, name


def test_decisions_are_numbered_and_short() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert all(f"**{part}.**" in text for part in ("Context", "Decision", "Consequence")), page.name


def test_the_schemas_are_draft_7_and_name_every_event() -> None:
    for path in (ROOT / "schemas").glob("*.schema.json"):
        assert json.loads(path.read_text(encoding="utf-8"))["$schema"] == "http://json-schema.org/draft-07/schema#"
    journal = (ROOT / "schemas" / "journal.schema.json").read_text(encoding="utf-8")
    assert all(f'"{kind}"' in journal for kind in EventKind)


def test_the_workflow_of_ci_reads_its_lines_from_the_readme() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert 'bash -c "$(readme_line 1)"' in script
    assert 'bash -c "$(readme_line 2)"' in script


def test_examples_use_no_yaml_that_other_readers_see_differently() -> None:
    for example in EXAMPLES:
        ours, _ = parse_spec(example.name, example.read_bytes())
        assert yaml.safe_load(example.read_bytes()) == ours.document.data


def test_no_page_installs_from_an_index_what_belongs_to_another_project() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "taskspec").rglob("*.py")]
    installs = re.compile(r"""pip install (-\S+ )*['"]?taskspec\b(?!-cli)""")
    assert installs.search("pip install -q 'taskspec[fast]'")
    wrong = [page.name for page in pages if installs.search(page.read_text("utf-8"))]
    assert wrong == []
