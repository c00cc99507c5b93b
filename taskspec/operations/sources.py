"""Read a spec and the specs it includes. Each include is relative to the folder of the spec that names it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from pathlib import Path

from taskspec.diagnostics import Code, Diagnostic, take_until_limit
from taskspec.errors import SpecError, UsageError
from taskspec.files.project_files import SPEC_LIMIT, ProjectFiles, project_root
from taskspec.specfile.includes import DEPTH_LIMIT, PART_LIMIT, Include, qualified_name
from taskspec.specfile.model import SpecFile
from taskspec.specfile.parser import parse_spec
from taskspec.specfile.variables import check_profile_values
from taskspec.template.expressions.budget import Budget
from taskspec.template.expressions.functions import Functions
from taskspec.template.expressions.render import Renderer
from taskspec.template.included_scope import IncludedSpec, check_inputs


@dataclass(frozen=True, slots=True)
class Sources:
    """A spec, its included specs in the order of inclusion, and the warnings about them."""

    root: SpecFile
    renderer: Renderer
    parts: tuple[IncludedSpec, ...]
    warnings: tuple[Diagnostic, ...]


def read_sources(path: Path, shown_as: str, content: bytes, profile: str, *, allow_outside: bool) -> Sources:
    """Read a spec and all included specs, at any depth. Raises SpecError with the problems of all of them."""
    root, warnings = parse_spec(shown_as, content, profile)
    place = path.resolve()
    files = ProjectFiles(project_root(place.parent), allow_outside)
    reading = _Reading(files, profile)
    reading.follow(_From(root, "", place.parent, ".", (place,)))
    if reading.problems:
        raise SpecError(reading.problems)
    renderer = Renderer(Functions(files.reader(place.parent)), reading.budget)
    return Sources(root, renderer, tuple(reading.parts), (*warnings, *reading.warnings))


@dataclass(frozen=True, slots=True)
class _From:
    """A spec that includes others: its folder on disk and relative to the root, and the chain of its includers."""

    spec: SpecFile
    prefix: str
    folder: Path
    seen_from_root: str
    chain: tuple[Path, ...]


@dataclass(slots=True)
class _Reading:
    files: ProjectFiles
    profile: str
    budget: Budget = field(default_factory=Budget)
    parts: list[IncludedSpec] = field(default_factory=list)
    warnings: list[Diagnostic] = field(default_factory=list)
    problems: list[Diagnostic] = field(default_factory=list)

    def follow(self, here: _From) -> None:
        """Read the includes of a spec, recursively."""
        for include in here.spec.includes.values():
            if len(self.parts) >= PART_LIMIT:
                self._problem(here, include, Code.INCLUDE, f"more than {PART_LIMIT:,} included specs", "Include fewer.")
                return
            try:
                place = self.files.place(here.folder, include.path)
                refused = _refusal(here, place)
                if refused:
                    self._problem(here, include, Code.INCLUDE, refused, "Remove one of the includes.")
                    continue
                content = self.files.content(place, include.path, SPEC_LIMIT)
            except UsageError as error:
                summary = f'include "{include.name}": {error.message}'
                self._problem(here, include, Code.FILE, summary, error.remedy)
                continue
            self._read(here, include, place, content)

    def _read(self, here: _From, include: Include, place: Path, content: bytes) -> None:
        source = here.spec.document.source
        name = posixpath.normpath(posixpath.join(posixpath.dirname(source.name), include.path))
        span = here.spec.span(("include", include.name), key=True)
        chain = f", included from {source.included_from}" if source.included_from else ""
        try:
            spec, warnings = parse_spec(name, content, self.profile, included_from=f"{span}{chain}")
        except SpecError as error:
            self.problems.extend(error.diagnostics)
            return
        below = posixpath.dirname(include.path)
        folder = here.folder / below
        part = IncludedSpec(
            prefix=qualified_name(here.prefix, include.name),
            parent=here.prefix,
            include=include,
            spec=spec,
            renderer=Renderer(Functions(self.files.reader(folder)), self.budget),
            folder=posixpath.join(here.seen_from_root, below),
        )
        self.parts.append(part)
        self.warnings.extend(warnings)
        self.problems.extend(check_inputs(part, here.spec))
        self.problems.extend(take_until_limit(check_profile_values(spec)))
        self.follow(_From(spec, part.prefix, folder, part.folder, (*here.chain, place)))

    def _problem(self, here: _From, include: Include, code: Code, summary: str, remedy: str) -> None:
        path = ("include", include.name)
        span = here.spec.span((*path, "spec") if here.spec.document.has((*path, "spec")) else path)
        self.problems.append(Diagnostic(code, summary, span, remedy=remedy))


def _refusal(here: _From, place: Path) -> str:
    """Why a spec may not be included here; empty when it is allowed."""
    if place in here.chain:
        names = [path.name for path in (*here.chain[here.chain.index(place) :], place)]
        return f"specs include each other: {' → '.join(names)}"
    return f"specs are included more than {DEPTH_LIMIT} deep" if len(here.chain) > DEPTH_LIMIT else ""
