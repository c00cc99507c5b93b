"""`init --from MODULE`: write a task for an app, with its options as comments. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from taskspec.fmt.tree import Entry, Node, Tree, block, entry, leaf, node
from taskspec.fmt.writing import write_tree
from taskspec.scaffold.app_config import DescribedApp
from taskspec.scaffold.draft import Draft
from taskspec.scaffold.naming import literal, looks_like_a_secret, names_a_secret
from taskspec.specfile.fields.targets import TARGETS
from taskspec.values import Json

_TYPES = {str: "text", bool: "true or false", int: "integer", float: "number", list: "list", dict: "map"}


def draft_task(app: DescribedApp, name: str) -> Draft:
    """A task for an app. Defaults and likely results are comments."""
    variables: dict[str, Mapping[str, Json]] = {}
    entries = [entry("module", leaf(app.module))]
    if app.stays_up:
        entries.insert(0, entry("kind", leaf("service"), "# The app stays up until it is stopped."))
    if app.version is not None:
        entries.append(entry("version", leaf(app.version)))
    if app.needs_target:
        place = app.places[0]
        variable = f"{name}_{_what(place)}"
        kind = "integer" if TARGETS[place].kind is int else "string"
        variables[variable] = {"type": kind, "description": f"What {app.name} is launched on: {place}"}
        target = block([entry(place, leaf("{{ var." + variable + " }}"))])
        entries.append(entry("target", target, *_other_places(app)))
    foot = (*([] if app.needs_target else _other_places(app)), *_defaults(app), *_results(app))
    about = [f"# {app.name}: {app.description}" if app.description else f"# {app.name}"]
    if app.needs_clicks:
        about.append(
            "# The app has a user interface and may wait for clicks: see its params for a start without clicks."
        )
    return Draft((entry(name, block(entries, foot=foot), *about),), variables, {})


def _what(place: str) -> str:
    """`project_id` for images_project, `folder` for files_folder."""
    word = place.rsplit("_", 1)[-1]
    return f"{word}_id" if TARGETS[place].kind is int else word


def _other_places(app: DescribedApp) -> tuple[str, ...]:
    others = app.places[1:] if app.needs_target else app.places
    if not others:
        return ()
    instead = "Instead" if app.needs_target else "It can be launched on something, as target"
    return (f"# {instead}: {', '.join(others)}.",)


def _defaults(app: DescribedApp) -> tuple[str, ...]:
    """The app's defaults as a commented block of params."""
    if not app.defaults:
        return ("# The app declares no defaults; see its documentation for its params.", "# params: {}")
    params = block(_default(app, key, value) for key, value in app.defaults.items())
    return ("# The app's defaults. Uncomment what you change.", *_commented("params", params))


def _default(app: DescribedApp, key: str, value: Json) -> Entry:
    words = [word for word in (_TYPES.get(type(value), "any"), app.describe(key)) if word]
    if names_a_secret(key) or (isinstance(value, str) and looks_like_a_secret(value)):
        words.append("a secret: pass it in a variable with sensitive: true")
        value = "" if isinstance(value, str) else value
    is_short = len(json.dumps(value)) <= 60
    return entry(key, node(literal(value), in_line=is_short), trailing=f"# {'; '.join(words)}")


def _results(app: DescribedApp) -> tuple[str, ...]:
    """Results as comments, because a launch without a declared result counts as failed."""
    found = app.likely_results or {"task_id": "{{ launch.id }}"}
    note = "# Usual results of similar apps. A launch without a declared result counts as failed."
    return (note, *_commented("results", node(dict(found))))


def _commented(key: str, value: Node) -> Iterator[str]:
    """A section of the task as comment lines."""
    for line in write_tree(Tree((), block([entry(key, value)]))).splitlines():
        yield f"# {line}".rstrip()
