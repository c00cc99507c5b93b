"""What a selection takes, leaves out and refuses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from taskspec.errors import ExitCode, UsageError

from .planning import Pipeline, actions

Write = Callable[[str], Pipeline]

DIAMOND = """
    tasks:
      top: {module: owner/a, version: v1}
      left: {module: owner/a, version: v1, depends_on: top}
      right: {module: owner/a, version: v1, depends_on: top}
      bottom: {module: owner/a, version: v1, depends_on: [left, right]}
      cell: {module: owner/a, version: v1, for_each: [a, b, c], params: {k: "{{ each.key }}"}}
"""
ALL = {"top", "left", "right", "bottom", "cell[a]", "cell[b]", "cell[c]"}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({}, ALL),
        ({"targets": ("left",)}, {"top", "left"}),
        ({"targets": ("bottom",)}, {"top", "left", "right", "bottom"}),
        ({"targets": ("cell",)}, {"cell[a]", "cell[b]", "cell[c]"}),
        ({"targets": ("cell[b]",)}, {"cell[b]"}),
        ({"targets": ("cell*",)}, {"cell[a]", "cell[b]", "cell[c]"}),
        ({"targets": ("left", "cell[a]")}, {"top", "left", "cell[a]"}),
        ({"targets": ("?o*",)}, {"top", "left", "right", "bottom"}),
        ({"excludes": ("left",)}, ALL - {"left", "bottom"}),
        ({"excludes": ("top",)}, {"cell[a]", "cell[b]", "cell[c]"}),
        ({"excludes": ("cell[a]", "bottom")}, ALL - {"cell[a]", "bottom"}),
        ({"targets": ("bottom",), "excludes": ("left",)}, {"top", "right"}),
        ({"excludes": ("*",)}, set()),
    ],
)
def test_a_selection_takes_what_is_needed_and_leaves_out_what_depends(
    write: Write, flags: dict[str, tuple[str, ...]], expected: set[str]
) -> None:
    assert set(actions(write(DIAMOND).plan(**flags))) == expected


def test_a_requested_rerun_takes_what_is_downstream_with_it_and_nothing_else(write: Write) -> None:
    pipeline = write(DIAMOND)
    plan = pipeline.plan(pipeline.applied(), reruns=("left", "cell[b]"))
    reruns = {address: why for address, why in actions(plan).items() if why != "keep: unchanged"}
    assert reruns == {"left": "rerun: requested", "bottom": "rerun: upstream_reruns", "cell[b]": "rerun: requested"}


@pytest.mark.parametrize("flag", ["targets", "excludes", "reruns"])
def test_a_selection_that_fits_nothing_is_refused_with_the_nearest_name(write: Write, flag: str) -> None:
    with pytest.raises(UsageError) as refused:
        write(DIAMOND).plan(**{flag: ("botom",)})
    assert refused.value.exit_code == ExitCode.SPEC
    assert f'--{flag[:-1]} "botom"' in refused.value.message
    assert "bottom" in refused.value.remedy
