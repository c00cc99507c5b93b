"""The order of keys: what a task is, where it runs, its inputs, and its results. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from taskspec.fmt.tree import Branch, Entry, Node

ROOT = (
    "taskspec", "name", "description", "x-", "include", "profiles", "variables", "locals", "pools", "slots_per_agent",
    "fail_fast", "defaults", "tasks", "results",
)  # fmt: skip
VARIABLE = ("type", "description", "default", "enum", "minimum", "maximum", "pattern", "sensitive")
TASK = (
    "description", "title", "kind", "module", "version", "branch", "service", "method", "wait", "call", "command",
    "agent", "workspace", "team", "target", "params", "data", "with", "env", "settings",
    "for_each", "matrix", "at_most", "depends_on", "when", "run_on", "partial", "rerun",
    "pool", "max_parallel", "priority",
    "ready", "reuse", "keep", "poll", "every", "timeout", "idempotent",
    "restart_policy", "log_level", "deadlines", "retry", "destructive",
    "results", "checks", "outputs",
)  # fmt: skip


def ordered(root: Node) -> Node:
    """Sort the keys of a spec. Tasks, params and other keys of the author keep their order."""
    if not isinstance(root, Branch) or not root.is_map:
        return root
    entries = tuple(replace(entry, value=_section(_name(entry), entry.value)) for entry in root.entries)
    return _sorted(replace(root, entries=entries), ROOT)


def _section(name: str, node: Node) -> Node:
    """Sort the defaults, or every task or variable of its section. Other sections stay as they are."""
    if name == "defaults":
        return _sorted(node, TASK)
    if name not in ("tasks", "variables") or not isinstance(node, Branch) or not node.is_map:
        return node
    order = TASK if name == "tasks" else VARIABLE
    entries = tuple(replace(item, value=_sorted(item.value, order)) for item in node.entries)
    return replace(node, entries=entries, spaced=name == "tasks")


def _sorted(node: Node, order: Sequence[str]) -> Node:
    """Sort the known keys of a map first, unless an alias would then come before its anchor."""
    if not isinstance(node, Branch) or not node.is_map:
        return node
    rank = {name: index for index, name in enumerate(order)}
    entries = tuple(sorted(node.entries, key=lambda entry: _rank(_name(entry), rank)))
    return replace(node, entries=entries) if _marks(entries) == _marks(node.entries) else node


def _rank(name: str, rank: dict[str, int]) -> int:
    return rank.get("x-" if name.startswith("x-") else name, len(rank))


def _name(entry: Entry) -> str:
    return entry.key.text if entry.key is not None else ""


def _marks(entries: Sequence[Entry]) -> list[str]:
    """The anchors and their aliases in order; empty when no alias refers to an anchor of these entries."""
    marks = [mark for entry in entries for mark in _marks_in(entry.value)]
    anchors = {mark for mark in marks if mark.startswith("&")}
    own = [mark for mark in marks if mark in anchors or mark.replace("*", "&", 1) in anchors]
    return own if any(mark.startswith("*") for mark in own) else []


def _marks_in(node: Node) -> Iterator[str]:
    if node.anchor:
        yield f"&{node.anchor}"
    if isinstance(node, Branch):
        for entry in node.entries:
            yield from _marks_in(entry.value)
    elif not node.is_text and node.text.startswith("*"):
        yield node.text
