"""What would be sent to `start`: the unit that is compared, fingerprinted and launched. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from taskspec.spec.parser import merge
from taskspec.spec.targets import target_state
from taskspec.values import Json, digest, is_known


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
    `targets` are the launch places the app offers, none where it does not say.
    """

    identity: str | int
    version: str
    is_branch: bool
    name: str
    defaults: Mapping[str, Json]
    module_id: int | None = None
    folder: str | None = None
    targets: tuple[str, ...] = ()
    needs_gpu: bool = False


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One launch, decided but for what is known only after apply. Cosmetic fields are not part of the identity."""

    facts: ModuleFacts
    agent: Json
    workspace: str | int | None
    params: Mapping[str, Json]
    restart_policy: str
    log_level: str
    title: str
    description: str
    settings: Mapping[str, Json] = field(default_factory=dict)

    @property
    def inputs(self) -> dict[str, Json]:
        """The identity as JSON: what the fingerprint covers and what a plan compares."""
        return {
            "module": self.facts.identity,
            "version": self.facts.version,
            "branch": self.facts.is_branch,
            "agent": self.agent,
            "workspace": self.workspace,
            "restart_policy": self.restart_policy,
            "log_level": self.log_level,
            "params": self.params,
            **({"settings": self.settings} if self.settings else {}),
        }

    @property
    def fingerprint(self) -> str | None:
        """Digest of the inputs; None while a part of them is unknown."""
        return digest(self.inputs) if is_known(self.params) else None


def build_params(facts: ModuleFacts, target: Mapping[str, Json], params: Mapping[str, Json]) -> Mapping[str, Json]:
    """The app's defaults, then the target, then the author's params, each laid over the one before."""
    state = merge(merge(facts.defaults, target_state(target)), _bare(facts, params))
    return dict(state)


def _bare(facts: ModuleFacts, params: Mapping[str, Json]) -> Mapping[str, Json]:
    """Params without the wrapper of the wire, which some copy from a script: the state is wrapped once, by us."""
    inner = params.get("state") if len(params) == 1 else None
    return inner if isinstance(inner, Mapping) and "state" not in facts.defaults else params


def start_key(lineage: str, address: str, fingerprint: str, attempt: int) -> str:
    """The derived key of one launch attempt: the same attempt has the same key on every machine that has the state."""
    return digest([lineage, address, fingerprint, attempt])[:20]
