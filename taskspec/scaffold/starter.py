"""`init` without options: a small spec and its app. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from taskspec.scaffold.document import EDITOR_LINE

SPEC = (
    EDITOR_LINE
    + """
# taskspec plan pipeline.yaml     what would be launched, and why
# taskspec apply pipeline.yaml    do it; a second apply finds nothing to do

taskspec: 1
name: pipeline

variables:
  name: {type: string, description: The name to greet, default: world}

tasks:
  # An app in a folder; the local server runs it. For an app of your server:
  # taskspec init --from supervisely-ecosystem/import-images --append pipeline.yaml
  hello:
    module: ./hello
    params: {name: "{{ var.name }}"}
    results:
      task_id: "{{ launch.id }}"

  # A reference makes a dependency: this task waits for the first one and uses its result.
  again:
    module: ./hello
    params: {name: "launch {{ tasks.hello.results.task_id }}"}

results:
  first: "{{ tasks.hello.results.task_id }}"
"""
)
CONFIG = """\
{
  "name": "Hello",
  "type": "app",
  "version": "2.0.0",
  "description": "Prints a greeting",
  "headless": true,
  "main_script": "main.py",
  "modal_template_state": {"name": ""}
}
"""
MAIN = """\
\"\"\"An app: its params are in the environment, its output is its log.\"\"\"

import os

print(f"Hello, {os.environ['modal.state.name']}!")
"""


def starter_files(spec_name: str = "pipeline.yaml") -> Mapping[str, str]:
    """The files of a first pipeline, by their paths."""
    return {spec_name: SPEC.replace("pipeline.yaml", spec_name), "hello/config.json": CONFIG, "hello/main.py": MAIN}
