from __future__ import annotations

from pathlib import Path

import pytest

from taskspec.api import Api
from taskspec.api.resources.local_api import RegisteredModule
from taskspec.errors import LocalServerError, UsageError
from tests.api.recorder import Recorder


def test_a_folder_is_registered_by_its_absolute_path(
    server: Recorder, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    server.answer("modules.register", {"moduleId": 3, "slug": "local/app", "version": "sha256:ab"})
    assert api.local.register_module("app") == RegisteredModule(3, "local/app", "sha256:ab")
    api.local.register_module(tmp_path / "app", slug="me/app")
    assert [(seen.path, seen.json) for seen in server.seen] == [
        ("/local/v1/modules.register", {"path": str(tmp_path / "app")}),
        ("/local/v1/modules.register", {"path": str(tmp_path / "app"), "slug": "me/app"}),
    ]


def test_a_missing_folder_is_refused_before_sending(server: Recorder, api: Api, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        api.local.register_module(tmp_path / "missing")
    assert server.seen == []


def test_an_odd_answer_is_an_error(server: Recorder, api: Api, tmp_path: Path) -> None:
    server.answer("modules.register", {"moduleId": 3})
    with pytest.raises(LocalServerError):
        api.local.register_module(tmp_path)


def test_status_and_shutdown(server: Recorder, api: Api) -> None:
    server.answer("status", {"pid": 1})
    server.answer("shutdown", {})
    assert api.local.status() == {"pid": 1}
    api.local.shutdown()
    assert [(seen.verb, seen.path) for seen in server.seen] == [
        ("GET", "/local/v1/status"),
        ("POST", "/local/v1/shutdown"),
    ]
