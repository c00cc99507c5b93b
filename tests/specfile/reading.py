"""Small specs for the tests of the package."""

from __future__ import annotations

import textwrap

from taskspec.diagnostics import Diagnostic
from taskspec.errors import SpecError
from taskspec.specfile.model import SpecFile
from taskspec.specfile.parser import parse_spec


def parse(text: str) -> SpecFile:
    return parse_spec("spec.yaml", textwrap.dedent(text).encode())[0]


def with_task(body: str = "", *, head: str = "") -> str:
    """A spec with the task `train`, whose further keys are `body`."""
    head = f"{textwrap.dedent(head).strip()}\n" if head else ""
    task = textwrap.indent(f"module: acme/train\nversion: v1.0.0\n{textwrap.dedent(body)}", "    ")
    return f"taskspec: 1\n{head}tasks:\n  train:\n{task}\n"


def problems(text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a spec; empty when nothing is."""
    try:
        parse(text)
    except SpecError as error:
        return error.diagnostics
    return ()
