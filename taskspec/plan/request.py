"""What a start would send: taskspec compares it, computes its fingerprint and launches it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import nearest
from taskspec.json_tree import merge
from taskspec.secrets.sensitive import to_marks
from taskspec.specfile.fields.kinds import Kind
from taskspec.specfile.fields.launch_settings import AgentRule, LaunchSettings
from taskspec.specfile.target_check import target_state
from taskspec.values import Json, Path, Unknown, digest, is_known, to_symbols


@dataclass(frozen=True, slots=True)
class ModuleKey:
    """A module as the spec names it, expressions evaluated: the question a catalogue answers."""

    module: str | int
    version: str | None
    branch: str | None


@dataclass(frozen=True, slots=True)
class ModuleFacts:
    """What a module turned out to be.

    `identity` and `version` are the same on every machine: a slug with its release, or a folder with the digest of
    its content. `folder` is set for an app on this disk, `module_id` where the server already knows the module.
    Without `is_checked` the server was not asked, and the defaults are not known.
    `targets` are the launch places the app offers, none where it does not say.
    """

    identity: str | int
    version: str
    is_branch: bool
    name: str
    defaults: Mapping[str, Json]
    module_id: int | None = None
    folder: str | None = None
    is_checked: bool = True
    targets: tuple[str, ...] = ()
    needs_gpu: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What was looked up for a spec: its modules, and the ids of workspaces by name and of users by login."""

    modules: Mapping[ModuleKey, ModuleFacts] = field(default_factory=dict)
    workspaces: Mapping[str, int] = field(default_factory=dict)
    users: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One launch, decided but for what is known only after apply. Cosmetic fields are not part of the identity."""

    facts: ModuleFacts
    agent: AgentRule | Json
    workspace: str | int | None
    params: Mapping[str, Json]
    restart_policy: str
    log_level: str
    title: str
    description: str
    may_name_services: bool = False
    has_secrets: bool = False
    settings: LaunchSettings | None = None

    @property
    def inputs(self) -> dict[str, Json]:
        """The identity as JSON: what the fingerprint covers and what a plan compares."""
        settings = self.settings.as_json() if self.settings is not None else {}
        return {
            "module": self.facts.identity,
            "version": self.facts.version,
            "branch": self.facts.is_branch,
            "agent": self.agent.as_json() if isinstance(self.agent, AgentRule) else self.agent,
            "workspace": self.workspace,
            "restart_policy": self.restart_policy,
            "log_level": self.log_level,
            "params": _comparable(self.params, self),
            **({"settings": _comparable(settings, self)} if settings else {}),
        }

    @property
    def fingerprint(self) -> str | None:
        """Digest of the inputs; None while a part of them is unknown."""
        return digest(self.inputs) if is_known(self.params) else None

    @property
    def is_checked(self) -> bool:
        """Whether the defaults of the app are known."""
        return self.facts.is_checked


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call, decided but for what is known only after apply. How long it may take is not part of the identity.

    `content` is the digest of files that it sends. `folder` is where paths and commands of its spec begin, seen from
    the folder of the whole.
    """

    kind: Kind
    workspace: int | str | None
    body: Mapping[str, Json]
    description: str
    content: str = ""
    may_name_services: bool = False
    has_secrets: bool = False
    folder: str = ""

    @property
    def inputs(self) -> dict[str, Json]:
        """The identity as JSON; `body` marks it as that of a call."""
        body = _comparable(self.body, self)
        identity = {"kind": str(self.kind), "workspace": self.workspace, "body": body}
        return {**identity, "content": self.content} if self.content else identity

    @property
    def fingerprint(self) -> str | None:
        """Digest of the inputs; None while a part of them is unknown."""
        return digest(self.inputs) if is_known(self.body) else None

    @property
    def is_checked(self) -> bool:
        """Always: a call has no app."""
        return True


Request = LaunchRequest | CallRequest


def _comparable(values: Mapping[str, Json], request: Request) -> Mapping[str, Json]:
    """Values without what changes from launch to launch of a service, and without secrets."""
    found = to_symbols(values) if request.may_name_services else values
    return to_marks(found) if request.has_secrets else found


def build_params(facts: ModuleFacts, target: Mapping[str, Json], params: Mapping[str, Json]) -> Mapping[str, Json]:
    """The app's defaults, then the target, then the author's params, each merged over the one before."""
    state = merge(merge(facts.defaults, target_state(target)), _bare(facts, params))
    return dict(state)


def _bare(facts: ModuleFacts, params: Mapping[str, Json]) -> Mapping[str, Json]:
    """Params without the wrapper `state`, which authors copy from scripts: taskspec wraps the params itself.

    Keys outside of the wrapper come from the defaults of the spec, or were meant for the same place.
    """
    inner = params.get("state")
    if not isinstance(inner, Mapping) or "state" in facts.defaults:
        return params
    outside = {key: value for key, value in params.items() if key != "state"}
    return {**merge(outside, inner)} if outside else inner


def start_key(lineage: str, address: str, fingerprint: str, attempt: int) -> str:
    """The derived key of one launch attempt: the same attempt has the same key on every machine that has the state."""
    return digest([lineage, address, fingerprint, attempt])[:20]


def agrees_with_plan(planned: Json, final: Json) -> bool:
    """Whether `final` only fills in what `planned` did not know: a part that was known may not change."""
    if isinstance(planned, Unknown):
        return True
    if isinstance(planned, Mapping) and isinstance(final, Mapping):
        return planned.keys() == final.keys() and all(agrees_with_plan(planned[key], final[key]) for key in planned)
    if isinstance(planned, list | tuple) and isinstance(final, list | tuple):
        return len(planned) == len(final) and all(map(agrees_with_plan, planned, final))
    return is_known(final) and type(planned) is type(final) and bool(planned == final)


def misspelt_params(
    params: Mapping[str, Json], declared: Mapping[str, Json], path: Path = ()
) -> Iterator[tuple[Path, str]]:
    """Keys at any depth that look like a slip, each with its path and the nearest declared name.

    Real apps read keys they do not declare, so a key that is unlike all of them is not a slip. Neither is a key below
    one whose default is an empty map or not a map.
    """
    for name, value in params.items():
        if name in declared:
            below = declared[name]
            if isinstance(value, Mapping) and isinstance(below, Mapping) and below:
                yield from misspelt_params(value, below, (*path, name))
        elif declared and (close := nearest(name, declared)):
            yield (*path, name), close
