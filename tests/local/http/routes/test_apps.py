"""Apps by version, tag and branch, and downloads of their files."""

from __future__ import annotations

import io
import json
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from taskspec.api.wire import LOCAL_PREFIX
from taskspec.local.apps.git import exact_tag
from tests.local.serving import until, write_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.local.serving import RunningServer

IDENTITY = {
    **{f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **IDENTITY},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, word: str) -> None:
    """Commit two apps that print a word."""
    write_app(folder, entrypoint=f"echo root {word}", files={"notes": "docs/notes.txt"})
    write_app(folder / "train", entrypoint="cat words.txt; echo $CONFIG_DIR")
    (folder / "words.txt").write_text(word)
    (folder / "docs").mkdir(exist_ok=True)
    (folder / "docs" / "notes.txt").write_text(f"notes on {word}")
    (folder / ".hidden").write_text("kept: git keeps it")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", word)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two tags on the main branch, and a branch `dev` ahead of them."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one")
    git(folder, "tag", "v1.0.0")
    commit(folder, "two")
    git(folder, "tag", "-a", "v2.0.0", "-m", "annotated")
    git(folder, "checkout", "-q", "-b", "dev")
    commit(folder, "three")
    git(folder, "checkout", "-q", "main")
    return folder


@pytest.fixture
def slug(tmp_path: Path) -> Iterator[str]:
    return f"acme/{tmp_path.name}"


def add(server: RunningServer, path: Path, slug: str, **how: str) -> dict[str, Any]:
    found: dict[str, Any] = server.control("modules.register", path=str(path), slug=slug, **how)
    return found


def said(server: RunningServer, module: int, **fields: Any) -> list[str]:
    task_id = server.start_app(module, **fields)
    assert server.end_of(task_id)["status"] == "finished"
    return server.messages(task_id)


def releases(server: RunningServer, module: int) -> list[str]:
    return [release["version"] for release in server.call("ecosystem.info", id=module)["meta"]["releases"]]


def test_tags_are_versions_whatever_is_checked_out(local_server: RunningServer, repository: Path, slug: str) -> None:
    (repository / "words.txt").write_text("not committed")
    module = add(local_server, repository, slug, tag="v1.0.0")["moduleId"]
    answer = add(local_server, repository, slug, tag="v2.0.0")
    assert answer == {"moduleId": module, "slug": slug, "version": "v2.0.0"}
    assert releases(local_server, module) == ["v2.0.0", "v1.0.0"]
    assert said(local_server, module) == ["root two"]
    assert said(local_server, module, appVersion="v1.0.0") == ["root one"]


def test_an_app_inside_a_repository_runs_in_the_root_of_it(
    local_server: RunningServer, repository: Path, slug: str
) -> None:
    module = add(local_server, repository / "train", f"{slug}/train", tag="v1.0.0")["moduleId"]
    assert said(local_server, module) == ["onetrain"]
    assert local_server.call("ecosystem.info", id=module)["name"] == "train"


def test_a_branch_is_read_again_at_each_launch(local_server: RunningServer, repository: Path, slug: str) -> None:
    answer = add(local_server, repository, slug, branch="dev")
    module = answer["moduleId"]
    assert answer["version"] == "dev"
    start = {"appVersion": "dev", "isBranch": True}
    assert said(local_server, module, **start) == ["root three"]
    git(repository, "checkout", "-q", "dev")
    commit(repository, "four")
    assert said(local_server, module, **start) == ["root four"]
    task = local_server.info(local_server.start_app(module, **start))
    assert (task["meta"]["app"]["version"], task["meta"]["app"]["isBranch"]) == ("dev", True)
    git(repository, "reset", "-q", "--hard", "v1.0.0")
    assert said(local_server, module, **start) == ["root one"]


def test_a_branch_is_no_version(local_server: RunningServer, repository: Path, slug: str) -> None:
    module = add(local_server, repository, slug, branch="dev")["moduleId"]
    assert releases(local_server, module) == []
    fields = {"agentId": None, "workspaceId": 1, "moduleId": module}
    for wrong in ({}, {"appVersion": "dev"}, {"appVersion": "main", "isBranch": True}):
        assert local_server.refusal("tasks.run.app", **fields, **wrong)[0] == 404
    assert local_server.call("ecosystem.info", id=module, version="dev")["config"]["entrypoint"] == "echo root three"
    add(local_server, repository, slug, tag="v1.0.0")
    assert said(local_server, module) == ["root one"]
    [row] = [row for row in local_server.control("modules.list") if row["slug"] == slug]
    assert row == {"id": module, "slug": slug, "name": "repository", "versions": ["v1.0.0"], "branches": ["dev"]}


def test_a_branch_that_is_gone_starts_nothing(local_server: RunningServer, repository: Path, slug: str) -> None:
    module = add(local_server, repository, slug, branch="dev")["moduleId"]
    git(repository, "branch", "-q", "-D", "dev")
    fields = {"agentId": None, "workspaceId": 1, "moduleId": module, "appVersion": "dev", "isBranch": True}
    status, message = local_server.refusal("tasks.run.app", **fields)
    assert status == 400
    assert 'no branch "dev"' in message


def test_a_folder_may_be_given_a_version(local_server: RunningServer, slug: str, tmp_path: Path) -> None:
    path = write_app(tmp_path / "plain", entrypoint="echo 1")
    first = add(local_server, path, slug, version="v1.0.0")
    assert add(local_server, path, slug, version="v1.0.0") == first
    write_app(path, entrypoint="echo 2")
    status, message = local_server.refusal(
        "modules.register", prefix=LOCAL_PREFIX, path=str(path), slug=slug, version="v1.0.0"
    )
    assert status == 409
    assert "other files" in message
    add(local_server, path, slug, version="v1.0.1")
    assert releases(local_server, first["moduleId"]) == ["v1.0.1", "v1.0.0"]
    assert said(local_server, first["moduleId"], appVersion="v1.0.0") == ["1"]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"tag": "v9"}, 'no tag "v9"'),
        ({"branch": "nowhere"}, 'no branch "nowhere"'),
        ({"tag": "--upload-pack=x"}, "must be a name"),
        ({"branch": "../x"}, "must be a name"),
        ({"version": "a b"}, "must be a name"),
        ({"tag": "v1.0.0", "branch": "dev"}, "together"),
        ({"tag": "dev"}, 'no tag "dev"'),
    ],
    ids=str,
)
def test_what_git_does_not_have_is_refused(
    local_server: RunningServer, repository: Path, slug: str, how: dict[str, str], words: str
) -> None:
    status, message = local_server.refusal(
        "modules.register", prefix=LOCAL_PREFIX, path=str(repository), slug=slug, **how
    )
    assert status == 400
    assert words in message


def test_a_folder_outside_any_repository_has_no_tag(local_server: RunningServer, tmp_path: Path, slug: str) -> None:
    path = write_app(tmp_path / "loose")
    status, message = local_server.refusal("modules.register", prefix=LOCAL_PREFIX, path=str(path), slug=slug, tag="v1")
    assert status == 400
    assert "not a git repository" in message
    assert exact_tag(path) is None


def test_the_tag_of_what_is_checked_out(repository: Path) -> None:
    assert exact_tag(repository) == exact_tag(repository / "train") == "v2.0.0"
    (repository / "words.txt").write_text("changed")
    assert exact_tag(repository) is None
    git(repository, "checkout", "-q", "-f", "dev")
    assert exact_tag(repository) is None


def test_the_files_of_a_version_come_as_an_archive(local_server: RunningServer, repository: Path, slug: str) -> None:
    module = add(local_server, repository, slug, tag="v1.0.0")["moduleId"]
    body = {"moduleId": module, "version": "v1.0.0", "isArchive": True}
    answers = [local_server.send("ecosystem.file.download", json=body) for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert int(answers[0].headers["Content-Length"]) == len(answers[0].content)
    with tarfile.open(fileobj=io.BytesIO(answers[0].content), mode="r:gz") as tar:
        names = tar.getnames()
    assert {name.split("/")[0] for name in names} == {f"module-{module}"}
    assert f"module-{module}/train/config.json" in names
    until(lambda: not list(local_server.home.path.glob(".archive-*")), "the end of the archives")


def test_one_file_of_a_version(local_server: RunningServer, repository: Path, slug: str) -> None:
    module = add(local_server, repository, slug, tag="v1.0.0")["moduleId"]

    def fetch(**fields: str) -> tuple[int, bytes]:
        answer = local_server.send("ecosystem.file.download", json={"moduleId": module, **fields})
        return answer.status_code, answer.content

    assert fetch(filePath="docs/notes.txt") == (200, b"notes on one")
    assert fetch(fileKey="notes", version="v1.0.0") == (200, b"notes on one")
    assert json.loads(fetch(filePath="/config.json")[1])["entrypoint"] == "echo root one"
    for path in ("../../token", "/etc/passwd", "docs", "nowhere", "", "a\0b"):
        assert fetch(filePath=path)[0] == 404
    assert fetch(fileKey="unknown")[0] == 404
    assert fetch(filePath="config.json", version="v9")[0] == 404
