"""Draw an explanation as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from taskspec.operations.explanation import Explanation
from taskspec.operations.value_origins import HIDDEN, Origin, OriginKind
from taskspec.plan.model import Change, PlannedTask
from taskspec.secrets.sensitive import HIDDEN as HIDDEN_TEXT
from taskspec.specfile.model import TaskDecl
from taskspec.values import Json, show_path
from taskspec.view.json_documents import action_document, change_document, json_value, limits_of_task, place_document
from taskspec.view.labels import COLOURS, deadlines, retries, show, show_change, why
from taskspec.view.terminal_text import Paint, clean, one_line

VERSION = 1


def draw_explanation(found: Explanation, paint: Paint) -> str:
    """The action and its reason, each value with its origin, the neighbours, deadlines and retries."""
    task = found.planned
    sign = paint(f"{task.action.sign} {task.action}", COLOURS[task.action], "bold")
    lines = [f"{paint(clean(task.address), 'bold')}  {sign}: {why(task)}"]
    lines += [f"  {_change(change)}" for change in found.changes]
    if found.values:
        lines += ["", paint("Values", "bold")]
    for path, origin in found.values.items():
        lines += _origin_lines(show_path(path), origin, paint)
    lines += _neighbours("Waits for", found.waits_for, paint)
    lines += _neighbours("Needed by", found.needed_by, paint)
    if found.task is not None and found.task.kind.is_launch:
        lines += ["", f"Deadlines: {deadlines(found.task.deadlines)}.", f"Retry: {_retry(found.task)}."]
    return "\n".join(lines) + "\n"


def _retry(task: TaskDecl) -> str:
    if task.destructive:
        return "never, since the task is destructive"
    return retries(task.retry) if task.retry.attempts > 1 else "none"


def _change(change: Change) -> str:
    return f"{one_line(show_path(change.path))}: {HIDDEN_TEXT}" if change.after is HIDDEN else show_change(change)


def _origin_lines(name: str, origin: Origin, paint: Paint, depth: int = 1) -> Iterator[str]:
    """The value of this name with its origin; below it, in the same way, the values that it reads."""
    value = HIDDEN_TEXT if origin.shown is HIDDEN else show(origin.shown)
    yield f"{'  ' * depth}{one_line(name)} = {value}  {paint(_from(origin), 'dim')}"
    for part in origin.parts:
        yield from _origin_lines(part.text, part, paint, max(3, depth + 1))


def _from(origin: Origin) -> str:
    """`{{ var.lr }}  (spec.yaml:4:9)`, `defaults (spec.yaml:2:3)`, `default of app "Train"`."""
    text = origin.text if origin.kind is OriginKind.EXPRESSION else ""
    words = ", ".join(one_line(word) for word in (text, origin.note) if word)
    place = f"({clean(str(origin.place))})" if origin.place is not None else ""
    return " ".join(part for part in (words, place) if part)


def _neighbours(title: str, tasks: Sequence[PlannedTask], paint: Paint) -> list[str]:
    if not tasks:
        return []
    width = min(60, max(len(task.address) for task in tasks))
    rows = [
        f"  {paint(task.action.sign, COLOURS[task.action])} {clean(task.address):<{width}}  {paint(why(task), 'dim')}"
        for task in tasks
    ]
    return ["", paint(title, "bold"), *rows]


def explanation_document(found: Explanation) -> dict[str, Any]:
    """The explanation; validates against `explanation` in schemas/documents.schema.json."""
    task = found.planned
    return {
        "taskspec_explanation": VERSION,
        **action_document(task),
        "detail": task.detail,
        "task_id": task.previous.task_id if task.previous is not None else None,
        "changes": [
            {"path": show_path(change.path), "sensitive": True} if change.after is HIDDEN else change_document(change)
            for change in found.changes
        ],
        "values": [
            {"path": show_path(path), **_given(origin.shown), "origin": _origin(origin)}
            for path, origin in found.values.items()
        ],
        "waits_for": [action_document(other) for other in found.waits_for],
        "needed_by": [action_document(other) for other in found.needed_by],
        "endurance": limits_of_task(found.task) if found.task is not None else None,
    }


def _origin(origin: Origin) -> dict[str, Any]:
    return {
        "kind": str(origin.kind),
        "text": origin.text,
        "note": origin.note,
        "place": place_document(origin.place),
        **({} if origin.kind is OriginKind.EXPRESSION else _given(origin.shown)),
        "parts": [_origin(part) for part in origin.parts],
    }


def _given(value: Json) -> dict[str, Any]:
    return {"sensitive": True} if value is HIDDEN else {"value": json_value(value)}
