"""The same call of taskspec and of the vendor's SDK is the same request on the wire.

`DIFFERENCES` lists the exceptions and their reasons. A row that is no longer true fails, like a difference without a
row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from taskspec.api import Api
from taskspec.errors import ApiError
from tests.api.recorder import Answer, Recorder

from .calls import ANSWERS, CASES, Case, call_ours
from .same_requests import ABSENT, Difference, compare
from .sdk import ENVIRON, Sdk, SdkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "hidden-token-1f2e3d"
LISTS_THE_PARENT = [
    Difference("file-storage.list.body.path", "/x/a.txt", "/x"),
    Difference("file-storage.list.body.recursive", True, False),
]

PROJECT_FIELDS = [
    *("backupArchive", "createdAt", "createdBy", "customData", "datasetsCount", "description", "embeddingsEnabled"),
    *("embeddingsInProgress", "embeddingsUpdatedAt", "groupId", "id", "imagesCount", "importSettings", "name"),
    *("readme", "referenceImageUrl", "size", "teamId", "title", "type", "updatedAt", "workspaceId"),
]

# The reason for each: docs/api.md, "Where we differ".
DIFFERENCES: dict[str, list[Difference]] = {
    "task.start by our spelling": [
        Difference("tasks.run.app.body.advancedSettings.limitGpus", ABSENT, 2),
        Difference("tasks.run.app.body.advancedSettings.limit_gpus", 2, ABSENT),
    ],
    "task.upload_files": [Difference("tasks.files.bulk.upload.headers.x-task-id", ABSENT, "501")],
    "project.get_list": [Difference("projects.list.body.fields", [], ABSENT)],
    "project.get_info_by_name": [Difference("projects.list.body.fields", PROJECT_FIELDS, ABSENT)],
    "file.get_info_by_path": LISTS_THE_PARENT,
    "file.exists": LISTS_THE_PARENT,
}


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with Recorder() as running:
        for method, answer in ANSWERS.items():
            running.answer(method, answer)
        yield running


@pytest.fixture(scope="module")
def sdk(sdk_python: Path, recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    folder = tmp_path_factory.mktemp("same_requests")
    environ = {
        "PATH": ENVIRON["PATH"],
        "HOME": str(folder),
        "NO_PROXY": "*",
        "SERVER_ADDRESS": recorder.address,
        "API_TOKEN": TOKEN,
        "SUPERVISELY_SKIP_HTTPS_USER_HELPER_CHECK": "true",
        "SUPERVISELY_PUBLIC_API_RETRY_SLEEP_SEC": "0",
    }
    with Sdk(sdk_python, environ, folder / "stderr.log") as process:
        yield process


@pytest.fixture(scope="module")
def api(recorder: Recorder) -> Iterator[Api]:
    with Api(recorder.address, TOKEN, retries=0, sleep=lambda _: None) as client:
        yield client


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_both_clients_send_the_same(recorder: Recorder, sdk: Sdk, api: Api, case: Case) -> None:
    recorder.seen.clear()
    sdk(case.call, *case.args, **case.kwargs)
    theirs = list(recorder.seen)
    recorder.seen.clear()
    call_ours(api, case)
    assert theirs
    assert compare(theirs, recorder.seen) == DIFFERENCES.get(case.id, [])


def test_every_difference_belongs_to_a_case() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids))
    assert set(DIFFERENCES) <= set(ids)


def test_both_send_the_token_and_nothing_else_of_their_own(recorder: Recorder, sdk: Sdk, api: Api) -> None:
    recorder.seen.clear()
    sdk("user.get_my_info")
    api.user.get_my_info()
    for seen in recorder.seen:
        assert {name: value for name, value in seen.headers.items() if name.startswith("x-")} == {"x-api-key": TOKEN}


@pytest.mark.parametrize("status_code", [400, 401, 403, 404, 409, 413, 422, 501])
def test_both_take_a_refusal_for_final(recorder: Recorder, sdk: Sdk, api: Api, status_code: int) -> None:
    """Both send one request and never repeat it. The exception has the server's message."""
    refusal = Answer(status_code, {"error": "NO", "details": {"message": "never ever"}})
    recorder.answer("tasks.stop", refusal)
    recorder.seen.clear()
    try:
        with pytest.raises(SdkError, match="never ever"):
            sdk("task.stop", 501)
        with pytest.raises(ApiError, match="never ever"):
            api.task.stop(501)
    finally:
        recorder.answer("tasks.stop", ANSWERS["tasks.stop"])
    assert len(recorder.sent("tasks.stop")) == 2
