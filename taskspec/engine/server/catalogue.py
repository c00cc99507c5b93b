"""Looks up what a spec names: modules in folders and on the server, agents by name. Reads, never changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.diagnostics import Code, Diagnostic, choices
from taskspec.engine.server.connection import Server
from taskspec.engine.server.places import Places
from taskspec.errors import NotFound, Refused, SpecError, UsageError
from taskspec.files.app_folder import AppFolderError, OutsideError, needs_gpu, read_app_folder
from taskspec.plan.agent_rules import is_rule
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.request import Facts, LaunchRequest, ModuleFacts, ModuleKey, Request
from taskspec.specfile.model import SpecFile, is_folder
from taskspec.template.expansion.instances import Instance
from taskspec.values import Json

if TYPE_CHECKING:
    from taskspec.api.resources.module_info import ModuleInfo


@dataclass(slots=True)
class Catalogue:
    """Answers for one spec, each asked once. Problems are collected with the place of the first task that asks.

    With a `root` nothing outside of it is read; one that `is_offline` asks the server nothing.
    """

    spec: SpecFile
    folder: Path
    server: Server
    root: Path | None = None
    is_offline: bool = False
    modules: dict[ModuleKey, ModuleFacts] = field(default_factory=dict)
    agents: dict[tuple[int, str], int] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(self.server)

    @property
    def facts(self) -> Facts:
        """What has been looked up so far."""
        users = {login: number for (_, login), number in self.places.users.items()}
        return Facts(self.modules, self.places.workspaces, users)

    def agent_id(self, workspace: int, agent: Json) -> int | None:
        """The id for an agent as the spec names it; None lets the server choose."""
        if agent is None or isinstance(agent, int):
            return agent
        key = (workspace, str(agent))
        if key not in self.agents:
            team = self.server.api.workspace.get_info_by_id(workspace).team_id
            self.agents[key] = self.server.api.agent.get_info_by_name(int(team or 0), str(agent)).id
        return self.agents[key]

    def knows_agent(self, workspace: int, agent: Json) -> bool:
        """Whether `agent_id` answers without asking the server."""
        return agent is None or isinstance(agent, int) or (workspace, str(agent)) in self.agents

    def look_up(self, evaluator: Evaluator, instances: Iterable[Instance]) -> Facts:
        """The facts of every module the instances name. Raises SpecError with all that cannot be found."""
        failed: set[ModuleKey] = set()
        for instance in instances:
            if instance.task.call is not None:
                continue
            try:
                key = evaluator.module_key(instance)
            except SpecError as error:
                self.problems.extend(error.diagnostics)
                continue
            if key not in self.modules and key not in failed and not self._add(key, instance):
                failed.add(key)
        if self.problems:
            raise SpecError(self.problems)
        return self.facts

    def check_places(self, wanted: Iterable[tuple[Instance, Request | None]]) -> None:
        """Every named agent exists, and every workspace, named or by id. Raises SpecError with all that do not.

        Rules are left to `with_agents`: what fits them changes with the hour.
        """
        seen: set[tuple[str, str]] = set()
        for instance, request in wanted:
            if not isinstance(request, LaunchRequest) or is_rule(request.agent):
                continue
            workspace, agent = request.workspace, request.agent
            if (str(workspace), str(agent)) in seen:
                continue
            seen.add((str(workspace), str(agent)))
            section = "workspace"
            try:
                number = self.server.workspace(workspace)
                if isinstance(workspace, int):
                    self.places.team(workspace)
                section = "agent"
                self.agent_id(number, agent)
            except (Refused, UsageError) as error:
                span = self.spec.task_span(instance.task.name, section)
                message = error.message
                if isinstance(error, NotFound) and section == "workspace":
                    message = f"workspace {workspace} does not exist on this server, or you do not have access"
                summary = f'task "{instance.address}": {message}'
                self.problems.append(Diagnostic(Code.PLACE, summary, span, remedy=error.remedy))
        if self.problems:
            raise SpecError(self.problems)

    def _add(self, key: ModuleKey, instance: Instance) -> bool:
        try:
            self.modules[key] = self._folder(key) if is_folder(key.module) else self._published(key, instance)
        except OutsideError as error:
            span = self.spec.task_span(instance.task.name, "module")
            summary = f'task "{instance.task.name}": {error.message}'
            self.problems.append(Diagnostic(Code.OUTSIDE, summary, span, remedy=error.remedy))
            return False
        except (AppFolderError, NotFound, UsageError) as error:
            span = self.spec.task_span(instance.task.name, "module")
            remedy = error.remedy[:1].upper() + error.remedy[1:].removesuffix(".") + "."
            self.problems.append(
                Diagnostic(Code.MODULE, f'task "{instance.task.name}": {error.message}', span, remedy=remedy)
            )
            return False
        except SpecError as error:
            self.problems.extend(error.diagnostics)
            return False
        return True

    def _folder(self, key: ModuleKey) -> ModuleFacts:
        if not self.server.is_local:
            raise UsageError(
                f'"{key.module}" is a folder, and {self.server.label} only runs published apps',
                remedy="name the app by its slug, or unset SERVER_ADDRESS and API_TOKEN to use the local server",
            )
        app = read_app_folder(self.folder / str(key.module), inside=self.root)
        return ModuleFacts(
            identity=str(key.module),
            version=app.version,
            is_branch=False,
            name=app.name,
            defaults=app.defaults,
            folder=str(app.path),
            targets=app.targets,
            needs_gpu=app.needs_gpu,
        )

    def _unchecked(self, key: ModuleKey) -> ModuleFacts:
        """What can be said of a published app without the server."""
        return ModuleFacts(
            identity=key.module,
            version=key.version or key.branch or "",
            is_branch=key.branch is not None,
            name=str(key.module),
            defaults={},
            is_checked=False,
        )

    def _published(self, key: ModuleKey, instance: Instance) -> ModuleFacts:
        if self.is_offline:
            return self._unchecked(key)
        info = self._module(key, instance)
        version = key.version or key.branch or ""
        if key.branch is None and info.releases and version not in info.releases:
            raise SpecError([self._no_version(instance, info.name, version, info.releases)])
        return ModuleFacts(
            identity=key.module,
            version=version,
            is_branch=key.branch is not None,
            name=info.name or str(key.module),
            defaults=info.defaults,
            module_id=info.id,
            targets=info.targets,
            needs_gpu=needs_gpu(info.config),
        )

    def _module(self, key: ModuleKey, instance: Instance) -> ModuleInfo:
        """The module at its version. A server that knows the module but not the version tells which it has."""
        module_id, slug = (int(key.module), None) if isinstance(key.module, int) else (None, str(key.module))
        look_up = self.server.api.app.get_ecosystem_module_info
        try:
            return look_up(module_id=module_id, slug=slug, version=key.version)
        except NotFound:
            if key.version is None:
                raise
            info = look_up(module_id=module_id, slug=slug)
            raise SpecError([self._no_version(instance, info.name, key.version, info.releases)]) from None

    def _no_version(self, instance: Instance, name: str, version: str, releases: tuple[str, ...]) -> Diagnostic:
        what = f'app "{name}" has no release "{version}"' if version else f'no release of app "{name}" is named'
        section = "version" if version else "module"
        remedy = choices(version, releases, label="Releases")
        return Diagnostic(Code.VERSION, what, self.spec.task_span(instance.task.name, section), remedy=remedy)
