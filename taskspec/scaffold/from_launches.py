"""`init --from-task`: write a spec that describes launches of a server. Pure.

Defaults of the apps are left out. Values that one launch took from another become references. Secrets become variables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from taskspec.api import TaskInfo
from taskspec.fmt.tree import Entry, block, entry, leaf, node
from taskspec.json_tree import leaf_values, leaves
from taskspec.scaffold.app_config import DescribedApp
from taskspec.scaffold.draft import Draft
from taskspec.scaffold.naming import identifier, literal, looks_like_a_secret, names_a_secret, names_an_id, unique
from taskspec.specfile.fields.targets import TARGETS
from taskspec.specfile.model import LOG_LEVEL, RESTART_POLICY
from taskspec.values import ABSENT, Json, Path, canonical, show_path

_BUILT_IN = {"restart_policy": RESTART_POLICY, "log_level": LOG_LEVEL}
_PLACEHOLDERS = frozenset({"", "pythonSpawned", "run-from-python"})
_SHORTEST_PATH = 8


@dataclass(frozen=True, slots=True)
class ObservedLaunch:
    """A launch on the server, and its app."""

    info: TaskInfo
    app: DescribedApp

    @property
    def state(self) -> Mapping[str, Json]:
        """The params it was started with."""
        state = self.info.params.get("state")
        return state if isinstance(state, dict) else {}


@dataclass(slots=True)
class _Written:
    """A task that is written from a launch."""

    name: str
    launch: ObservedLaunch
    target: dict[str, Json] = field(default_factory=dict)
    params: dict[str, Json] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)


def draft_launches(launches: Sequence[ObservedLaunch]) -> Draft:
    """One task for each launch, the oldest first, since a launch can only use results of earlier ones."""
    drawing = _DraftBuilder()
    for launch in sorted(launches, key=lambda one: one.info.id):
        drawing.add(launch)
    shared = _shared([_settings(launch) for launch in launches])
    tasks = tuple(drawing.entry(written, shared) for written in drawing.tasks)
    ids = ", ".join(str(written.launch.info.id) for written in drawing.tasks)
    about = (
        f"Written from the launches {ids}. Defaults of the apps are left out.",
        "Secrets are found by their key or format. Look for others before you commit this.",
    )
    return Draft(tasks, drawing.variables, shared, about)


def _settings(launch: ObservedLaunch) -> dict[str, Json]:
    """The settings that the server reports and that differ from the built-in defaults."""
    info, settings = launch.info, launch.info.raw.get("settings")
    known_settings = settings if isinstance(settings, dict) else {}
    found: dict[str, Json] = {
        "agent": info.agent_name or info.agent_id,
        "workspace": info.workspace_id,
        "restart_policy": known_settings.get("restartPolicy"),
        "log_level": known_settings.get("logLevel"),
    }
    return {key: value for key, value in found.items() if value is not None and _BUILT_IN.get(key) != value}


def _shared(settings: Sequence[Mapping[str, Json]]) -> dict[str, Json]:
    """The settings that are equal for every launch; they move to `defaults`."""
    common = set.intersection(*({(key, canonical(value)) for key, value in one.items()} for one in settings))
    return {key: value for key, value in settings[0].items() if (key, canonical(value)) in common}


@dataclass(slots=True)
class _DraftBuilder:
    tasks: list[_Written] = field(default_factory=list)
    variables: dict[str, Mapping[str, Json]] = field(default_factory=dict)

    def add(self, launch: ObservedLaunch) -> None:
        """Name the task, and find the values that it took from earlier ones."""
        written = _Written(unique(_name(launch), [written.name for written in self.tasks]), launch)
        target, params = _split(launch)
        written.params = self._drawn(params, written, ())
        written.target = self._drawn(target, written, ("target",))
        self.tasks.append(written)

    def _drawn(self, value: Json, written: _Written, path: Path) -> Json:
        """Replace secrets by variables, results by references, and escape texts with braces."""
        if isinstance(value, dict):
            return {key: self._drawn(item, written, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self._drawn(item, written, (*path, index)) for index, item in enumerate(value)]
        secret = self._secret(value, written, path)
        return secret or self._reference(value, path) or literal(value)

    def _secret(self, value: Json, written: _Written, path: Path) -> str:
        """A variable that replaces a secret; empty for another value."""
        tokens = {one.launch.info.session_token for one in (*self.tasks, written)} - {""}
        named = any(isinstance(part, str) and names_a_secret(part) for part in path)
        is_one = isinstance(value, str | int | float) and not isinstance(value, bool) and value != "" and named
        tells = isinstance(value, str) and (looks_like_a_secret(value) or any(token in value for token in tokens))
        if not is_one and not tells:
            return ""
        variable = unique(identifier(f"{written.name}_{show_path(path)}", "secret"), self.variables)
        kind = "string" if isinstance(value, str) else "number"
        about = f"{show_path(path)} of {written.name}; it was not written down"
        self.variables[variable] = {"type": kind, "sensitive": True, "description": about}
        return "{{ var." + variable + " }}"

    def _reference(self, value: Json, path: Path) -> str:
        """A reference that replaces the id or an output of an earlier launch; empty for another value."""
        if isinstance(value, bool) or not isinstance(value, int | str):
            return ""
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        is_id = isinstance(value, int) and (names_an_id(key) or path[:1] == ("target",))
        is_path = isinstance(value, str) and len(value) >= _SHORTEST_PATH and "/" in value
        if not is_id and not is_path:
            return ""
        for earlier in self.tasks:
            if is_id and value == earlier.launch.info.id:
                return "{{ tasks." + earlier.name + ".id }}"
            made = next(
                (place for place, leaf in _made(earlier.launch) if leaf == value and type(leaf) is type(value)), None
            )
            if made is not None:
                return "{{ tasks." + f"{earlier.name}.results.{_result(earlier, made)}" + " }}"
        return ""

    def entry(self, written: _Written, shared: Mapping[str, Json]) -> Entry:
        """The task as an entry of the spec."""
        launch, app = written.launch, written.launch.app
        fields: list[Entry] = []
        title = launch.info.name
        if title not in _PLACEHOLDERS and title not in (app.name, written.name):
            fields.append(entry("title", leaf(literal(title))))
        if app.stays_up and launch.info.raw_status not in ("finished", "error"):
            fields.append(entry("kind", leaf("service")))
        fields.append(entry("module", leaf(app.module)))
        fields += [entry(k, leaf(v)) for k, v in (("version", app.version), ("branch", app.branch)) if v is not None]
        own = {key: value for key, value in _settings(launch).items() if shared.get(key, ABSENT) != value}
        fields += [entry(key, leaf(value)) for key, value in own.items()]
        sections = {"target": written.target, "params": written.params, "results": written.results}
        fields += [entry(key, node(value)) for key, value in sections.items() if value]
        about = (f"# Launch {launch.info.id}, {launch.info.raw_status}: {app.name}", *_note_on_defaults(launch))
        return entry(written.name, block(fields), *(" ".join(line.split()) for line in about))


def _name(launch: ObservedLaunch) -> str:
    """The title if it is a word or an address, `train[yolo]` as train_yolo; otherwise the name of the app."""
    title = launch.info.name
    task = title.split("[", 1)[0]
    if title in _PLACEHOLDERS or not (task.isidentifier() and task.isascii()):
        return launch.app.task_name
    return task if task == title else identifier(title)


def _split(launch: ObservedLaunch) -> tuple[dict[str, Json], dict[str, Json]]:
    """The target and the params: the state without the app's defaults."""
    params = _non_default_state(launch.state, launch.app.defaults)
    for place in launch.app.places:
        value = params.get(TARGETS[place].key)
        if type(value) is TARGETS[place].kind:
            del params[TARGETS[place].key]
            return {place: value}, params
    return {}, params


def _non_default_state(state: Mapping[str, Json], defaults: Mapping[str, Json]) -> dict[str, Json]:
    """The part of the state that differs from the defaults."""
    more: dict[str, Json] = {}
    for key, value in state.items():
        default = defaults.get(key, ABSENT)
        if isinstance(value, dict) and isinstance(default, dict):
            inner = _non_default_state(value, default)
            if inner:
                more[key] = inner
        elif default is ABSENT or canonical(value) != canonical(default):
            more[key] = value
    return more


def _note_on_defaults(launch: ObservedLaunch) -> Iterator[str]:
    """A note on defaults that the launch was started without: a spec always sends them."""
    missing = [show_path(path) for path in _without(launch.state, launch.app.defaults, ())]
    if missing:
        yield f"# It was started without {', '.join(missing[:8])}; the app's defaults will be sent for them."


def _without(state: Mapping[str, Json], defaults: Mapping[str, Json], path: Path) -> Iterator[Path]:
    for key, default in defaults.items():
        value = state.get(key, ABSENT)
        if value is ABSENT:
            yield (*path, key)
        elif isinstance(value, dict) and isinstance(default, dict):
            yield from _without(value, default, (*path, key))


def _made(launch: ObservedLaunch) -> Iterator[tuple[Path, Any]]:
    """Ids and paths in a launch's output that were not part of its input."""
    given = {canonical(value) for value in leaf_values(launch.state)}
    for path, value in leaves(launch.info.output):
        key = next((part for part in reversed(path) if isinstance(part, str)), "")
        is_id = isinstance(value, int) and not isinstance(value, bool) and names_an_id(key)
        if (is_id or isinstance(value, str)) and canonical(value) not in given and not names_a_secret(key):
            yield path, value


def _result(written: _Written, path: Path) -> str:
    """The name of the result that reads a place in the output; it is declared when it is new."""
    text = "{{ launch.output" + "".join(_step(part) for part in path) + " }}"
    for name, known in written.results.items():
        if known == text:
            return name
    words = [str(part) for part in path if isinstance(part, str)]
    last = words[-1] if words else "output"
    name = "_".join(words[-2:]) if last.lower() in ("id", "ids", "path", "name", "url") else last
    name = unique(identifier(name, "output"), written.results)
    written.results[name] = text
    return name


def _step(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    simple = part.isidentifier() and part.isascii() and not part.startswith("_")
    return f".{part}" if simple else "['" + part.replace("\\", "\\\\").replace("'", "\\'") + "']"
