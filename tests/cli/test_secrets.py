"""A planted secret: it reaches the app, and nothing that taskspec writes or says holds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Command
from .planted_secret import holding, shows

PLANTED = '7f3a-hidden"3a\\e1c9'
SHELL = "echo app says $TOKEN_COPY; "

SPEC = """\
variables:
  token: {type: string, sensitive: true, default: "env:PLANTED_OF_THE_TESTS"}
  url: {default: "https://example.org"}
locals:
  header: "Bearer {{ var.token }}"
tasks:
  good:
    module: ./good
    params:
      headers: {Authorization: "{{ local.header }}", plain: "{{ var.url }}"}
      token: "{{ var.token }}"
      shouted: "{{ var.token | upper }}"
      both: ["{{ var.token }}", 1]
      long: "{{ var.token | length > 3 }}"
    results: {echo: "{{ launch.params.token }}", made: "{{ var.token ~ '!' }}", plain: "{{ var.url }}"}
    checks: [{assert: "{{ var.token != 'x' and results.echo == var.token }}", message: the token has changed}]
  next:
    module: ./next
    params: {token: "{{ tasks.good.results.echo }}", wrapped: "<{{ tasks.good.results.made }}>"}
results:
  token: "{{ var.token }}"
  echoed: "{{ tasks.good.results.echo }}"
"""


@pytest.fixture
def project(folder: Path, spec: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A spec whose app writes its params, the secret among them, into its log, and fails if asked to."""
    monkeypatch.setenv("PLANTED_OF_THE_TESTS", PLANTED)
    program = (
        "import json, os, pathlib, sys\n"
        "params = {k.removeprefix('modal.state.'): v for k, v in os.environ.items() if k.startswith('modal.state.')}\n"
        "print('params:', json.dumps({k: v for k, v in params.items() if 'token' in k.lower()}))\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps(params))\n"
        "sys.exit(pathlib.Path(sys.argv[1]).with_name('fail').exists())\n"
    )
    for name in ("good", "next"):
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "main.py").write_text(program)
        seen = folder / f"{name}.seen"
        config = {"name": name, "entrypoint": f"python3 main.py '{seen}'", "modal_template_state": {}}
        (folder / name / "config.json").write_text(json.dumps(config))
    return spec(SPEC)


def test_a_secret_reaches_the_app_and_shows_nowhere(folder: Path, project: Path, taskspec: Command) -> None:
    result = [taskspec("plan", str(project)), taskspec("plan", "--json", str(project)), taskspec("apply", str(project))]
    assert result[-1].code == 0, result[-1]
    seen = json.loads((folder / "good.seen").read_text())
    assert PLANTED in json.dumps(list(seen.values())) or any(PLANTED in str(value) for value in seen.values())
    again = taskspec("apply", str(project))
    assert "nothing to do, 2 to keep" in again.out, again
    commands = (
        *("status", "results", "graph", "runs", "validate", "state list", "state export"),
        *("plan --full", "plan --json", "status --json", "results --json", "apply --json", "plan --rerun good"),
    )
    result += [again, *(taskspec(*command.split(), str(project)) for command in commands)]
    result += [taskspec("logs", str(project), "good"), taskspec("logs", "--json", str(project), "next")]
    result += [taskspec("results", str(project), "--name", "token"), taskspec("results", "--name", "good.made")]
    assert "(sensitive" in result[0].out
    assert "params:" in result[-4].out
    for one in result:
        assert not shows(one.out + one.err, PLANTED), one
    written_by_apps = folder.glob("*.seen")
    assert holding(folder, PLANTED, besides=written_by_apps) == set()
