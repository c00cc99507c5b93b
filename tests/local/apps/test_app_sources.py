"""Archives of repositories, also on Pythons whose tarfile has no filters."""

from __future__ import annotations

import tarfile

import pytest

from taskspec.local.apps.app_sources import _refuse_outside
from taskspec.local.apps.git import RepositoryError


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "info",
    [
        member("src/main.py"),
        member("src", tarfile.DIRTYPE),
        member("src/link", tarfile.SYMTYPE, "main.py"),
        member("src/link", tarfile.SYMTYPE, "../README.md"),
        member("..hidden"),
    ],
    ids=lambda info: f"{info.name} {info.linkname}",
)
def test_what_stays_inside_is_unpacked(info: tarfile.TarInfo) -> None:
    _refuse_outside(info)


@pytest.mark.parametrize(
    "info",
    [
        member("../x"),
        member("a/../../x"),
        member("/etc/passwd"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("a/link", tarfile.SYMTYPE, "../../x"),
        member("hard", tarfile.LNKTYPE, "src/main.py"),
        member("device", tarfile.CHRTYPE),
        member("pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda info: f"{info.name} {info.linkname}",
)
def test_what_leads_outside_is_refused(info: tarfile.TarInfo) -> None:
    with pytest.raises(RepositoryError, match="leads out"):
        _refuse_outside(info)
