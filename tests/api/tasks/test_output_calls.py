"""Every output body, as in wire protocol section 2.6."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from taskspec.api import Api
from taskspec.api.tasks.task_api import TaskApi
from taskspec.errors import NotFound
from tests.api.recorder import Recorder

GREEN = {"color": "#33c94c", "backgroundColor": "#d9f7e4"}
RED = {"color": "#ff83a6", "backgroundColor": "#ffeae9"}


def general(icon: dict[str, str], **content: Any) -> dict[str, Any]:
    return {"general": {"icon": icon, **content}}


CASES: dict[str, tuple[Callable[[TaskApi], Any], dict[str, Any]]] = {
    "report": (
        lambda task: task.set_output_report(5, 9, "report.html"),
        general(
            {"className": "zmdi zmdi-receipt", **GREEN},
            title="report.html",
            titleUrl="/files/9",
            download=False,
            description="Report",
        ),
    ),
    "report with description": (
        lambda task: task.set_output_report(5, 9, "report.html", "Evaluation"),
        general(
            {"className": "zmdi zmdi-receipt", **GREEN},
            title="report.html",
            titleUrl="/files/9",
            download=False,
            description="Evaluation",
        ),
    ),
    "archive with url": (
        lambda task: task.set_output_archive(5, 9, "a.tar", "/x/a.tar"),
        general(
            {"className": "zmdi zmdi-archive", **GREEN},
            title="a.tar",
            titleUrl="/x/a.tar",
            download=True,
            description="Download archive",
        ),
    ),
    "archive looked up": (
        lambda task: task.set_output_archive(5, 9, "a.tar"),
        general(
            {"className": "zmdi zmdi-archive", **GREEN},
            title="a.tar",
            titleUrl="/h5un6l2bnaz1vj8a9qgms4-public/a.tar",
            download=True,
            description="Download archive",
        ),
    ),
    "file": (
        lambda task: task.set_output_file_download(5, 9, "m.pt"),
        general(
            {"className": "zmdi zmdi-file", **GREEN},
            title="m.pt",
            titleUrl="/h5un6l2bnaz1vj8a9qgms4-public/a.tar",
            download=True,
            description="Download file",
        ),
    ),
    "file to look at": (
        lambda task: task.set_output_file_download(5, 9, "m.pt", "/m.pt", download=False),
        general(
            {"className": "zmdi zmdi-file", **GREEN},
            title="m.pt",
            titleUrl="/m.pt",
            download=False,
            description="Download file",
        ),
    ),
    "directory": (
        lambda task: task.set_output_directory(5, 9, "/models/1/"),
        general(
            {"className": "zmdi zmdi-folder", **GREEN},
            title="/models/1/",
            titleUrl="/files/9",
            download=False,
            description="Directory",
        ),
    ),
    "error": (
        lambda task: task.set_output_error(5, "failed"),
        general({"className": "zmdi zmdi-alert-octagon", **RED}, title="failed", showLogs=True, isError=True),
    ),
    "error with description": (
        lambda task: task.set_output_error(5, "failed", "why", show_logs=False),
        general(
            {"className": "zmdi zmdi-alert-octagon", **RED},
            title="failed",
            description="why",
            showLogs=False,
            isError=True,
        ),
    ),
    "text": (
        lambda task: task.set_output_text(5, "done"),
        general({"className": "zmdi zmdi-comment-alt-text", **GREEN}, title="done", showLogs=False, isError=False),
    ),
    "text in full": (
        lambda task: task.set_output_text(5, "done", "well", True, "zmdi-star", "#000001", "#000002"),
        general(
            {"className": "zmdi zmdi-star", "color": "#000001", "backgroundColor": "#000002"},
            title="done",
            description="well",
            showLogs=True,
            isError=False,
        ),
    ),
    "experiment": (
        lambda task: task.set_output_experiment(5, {"experiment_name": "lemons"}),
        {"experiment": {"data": {"experiment_name": "lemons"}}},
    ),
    "project by name": (
        lambda task: task.set_output_project(5, 99, "Lemons"),
        {"project": {"id": 99, "title": "Lemons"}},
    ),
    "project with preview": (
        lambda task: task.set_output_project(5, 99, "Lemons", "https://x/p.png"),
        {"project": {"id": 99, "title": "Lemons", "preview": "https://x/p.png"}},
    ),
}


@pytest.mark.parametrize(("call", "expected"), CASES.values(), ids=CASES.keys())
def test_the_body_of_each_output(
    server: Recorder, api: Api, call: Callable[[TaskApi], Any], expected: dict[str, Any]
) -> None:
    server.answer("tasks.output.set", {"success": True})
    server.answer("file-storage.info", {"id": 9, "storagePath": "/h5un6l2bnaz1vj8a9qgms4-public/a.tar"})
    assert call(api.task) == {"success": True}
    assert server.bodies("tasks.output.set") == [{"taskId": 5, "output": expected}]


@pytest.mark.parametrize(
    ("project", "preview"),
    [
        (
            {"type": "images", "referenceImageUrl": "/h/image-converter/a.png"},
            "{address}/h/previews/x200,jpeg,q70/image-converter/a.png",
        ),
        (
            {"type": "images", "referenceImageUrl": "https://h/image-converter/a.png"},
            "https://h/previews/x200,jpeg,q70/image-converter/a.png",
        ),
        ({"type": "images", "referenceImageUrl": None}, None),
        ({"type": "point_clouds", "referenceImageUrl": "/x"}, None),
    ],
)
def test_a_project_is_looked_up_for_its_name_and_picture(
    server: Recorder, api: Api, project: dict[str, Any], preview: str | None
) -> None:
    server.answer("projects.info", {"id": 99, "name": "Lemons", **project})
    server.answer("tasks.output.set", {"success": True})
    api.task.set_output_project(5, 99)
    expected: dict[str, Any] = {"id": 99, "title": "Lemons"}
    if preview is not None:
        expected["preview"] = preview.format(address=server.address)
    assert server.bodies("tasks.output.set") == [{"taskId": 5, "output": {"project": expected}}]


def test_an_unknown_project_is_not_published(server: Recorder, api: Api) -> None:
    with pytest.raises(NotFound):
        api.task.set_output_project(5, 99)
    assert server.sent("tasks.output.set") == []


def test_the_callers_experiment_is_left_alone(server: Recorder, api: Api) -> None:
    server.answer("tasks.output.set", {"success": True})
    experiment: dict[str, Any] = {"a": 1}
    api.task.set_output_experiment(5, experiment)
    assert experiment == {"a": 1}
