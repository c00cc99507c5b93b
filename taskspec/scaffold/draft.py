"""Write a spec for an author from a draft of variables and tasks. The text is validated first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from taskspec.diagnostics import Source
from taskspec.errors import SpecError, UsageError
from taskspec.fmt.order import ordered
from taskspec.fmt.reading import read_tree
from taskspec.fmt.tree import Branch, Entry, Leaf, Node, Tree, block, entry, leaf, node
from taskspec.fmt.writing import write_tree
from taskspec.specfile.parser import parse_spec
from taskspec.template.expressions.render import Renderer
from taskspec.template.references.reference_check import analyse
from taskspec.values import Json

EDITOR_LINE = "# yaml-language-server: $schema=https://taskspec.dev/schemas/spec.schema.json"


@dataclass(frozen=True, slots=True)
class Draft:
    """The tasks to write, with comments, and the variables that they need."""

    tasks: tuple[Entry, ...]
    variables: Mapping[str, Mapping[str, Json]]
    defaults: Mapping[str, Json]
    about: tuple[str, ...] = ()


def spec_text(name: str, draft: Draft) -> str:
    """A whole spec, whose shape and references are checked."""
    entries = [entry("taskspec", leaf(1)), entry("name", leaf(name))]
    if draft.variables:
        entries.append(_section("variables", _variables(draft.variables)))
    if draft.defaults:
        entries.append(_section("defaults", node(dict(draft.defaults))))
    tasks = replace(block(draft.tasks), spaced=True)
    entries.append(_section("tasks", tasks))
    header = (EDITOR_LINE, *(f"# {line}" for line in draft.about))
    return _checked(write_tree(Tree(header, ordered(block(entries)))), "what init wrote")


def appended(name: str, content: bytes, task: str, draft: Draft) -> str:
    """Append a drafted task and its variables to a spec. Raises SpecError for an invalid spec."""
    spec, _ = parse_spec(name, content)
    if task in spec.tasks:
        raise UsageError(f'the spec has a task "{task}" already', remedy="give the new one another name: --name")
    tree = read_tree(Source(name, spec.document.source.text.replace("\r\n", "\n")))
    if not isinstance(tree.root, Branch):  # a spec is a map; this check is for the type checker
        raise UsageError(f'"{name}" is not a spec', remedy="name a file with tasks")
    root = tree.root
    missing = {key: body for key, body in draft.variables.items() if key not in spec.variables}
    if missing:
        root = _with(root, "variables", _variables(missing))
    root = _with(root, "tasks", Branch(draft.tasks, is_map=True, spaced=True))
    return _checked(write_tree(Tree(tree.header, ordered(root))), name)


def _section(key: str, value: Node) -> Entry:
    return Entry(Leaf(key, is_text=True), value, ("",))


def _variables(variables: Mapping[str, Mapping[str, Json]]) -> Branch:
    return block(entry(name, node(dict(body), in_line=True)) for name, body in variables.items())


def _with(root: Branch, section: str, more: Branch) -> Branch:
    """Add entries to a section, which is created when it is missing."""
    keys = [item.key.text if item.key is not None else "" for item in root.entries]
    if section not in keys:
        return replace(root, entries=(*root.entries, _section(section, more)))
    entries, at = list(root.entries), keys.index(section)
    old = entries[at].value
    if isinstance(old, Branch):
        more = replace(old, entries=(*old.entries, *more.entries), in_line=False, spaced=more.spaced)
    entries[at] = replace(entries[at], value=more)
    return replace(root, entries=tuple(entries))


def _checked(text: str, name: str) -> str:
    spec, _ = parse_spec(name, text.encode())
    problems = analyse(spec, Renderer()).problems
    if problems:
        raise SpecError(problems)
    return text


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
