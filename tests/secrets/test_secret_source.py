"""Where secrets come from, and who may name such a place."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from taskspec.secrets.reference import UnreadableSecret, secret_reference
from taskspec.secrets.secret_source import SIZE_LIMIT, SecretSource, Trust


@pytest.fixture
def source(tmp_path: Path) -> SecretSource:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "inside").write_text("a secret\n")
    (tmp_path / "outside").write_text("not yours")
    (folder / "link").symlink_to(tmp_path / "outside")
    return SecretSource({"HOOK": "from the environment", "API_TOKEN": "ours"}, folder)


def look(source: SecretSource, text: str, *, trusted: bool = False) -> str:
    reference = secret_reference(text, is_trusted=trusted)
    assert reference is not None
    return source.read(reference)


def test_the_environment_and_files_next_to_the_spec_are_for_specs_too(source: SecretSource) -> None:
    assert look(source, "env:HOOK") == "from the environment"
    assert look(source, "file:inside") == "a secret"
    assert look(source, "file:./inside") == "a secret"


@pytest.mark.parametrize("path", ["../outside", "link", "/etc/hostname", "./../outside"])
def test_a_file_outside_is_only_for_those_who_are_trusted(source: SecretSource, path: str) -> None:
    with pytest.raises(UnreadableSecret, match="outside of the folder"):
        look(source, f"file:{path}")
    allowed = SecretSource(source.environment, source.folder, Trust(allow_outside=True))
    assert look(allowed, f"file:{path}")


def test_a_file_named_at_the_command_line_may_be_anywhere(source: SecretSource) -> None:
    assert look(source, f"file:{source.folder.parent / 'outside'}", trusted=True) == "not yours"


def test_a_command_of_a_spec_does_not_run(source: SecretSource) -> None:
    mark = source.folder / "ran"
    with pytest.raises(UnreadableSecret, match="runs nothing by itself"):
        look(source, f"cmd:touch '{mark}'")
    assert not mark.exists()
    allowed = SecretSource(source.environment, source.folder, Trust(allow_cmd=True))
    assert look(allowed, "cmd:echo yes") == "yes"
    assert look(source, "cmd:echo yes", trusted=True) == "yes"


def test_no_shell_reads_a_command(source: SecretSource) -> None:
    assert look(source, "cmd:echo $HOME; echo 'a b' `id`", trusted=True) == "$HOME; echo a b `id`"


@pytest.mark.parametrize("command", ["cmd:false", "cmd:no-such-program-here", "cmd:'", "cmd:true", "cmd:''"])
def test_a_command_that_gives_nothing_is_explained(source: SecretSource, command: str) -> None:
    with pytest.raises(UnreadableSecret):
        look(source, command, trusted=True)


def test_what_a_failing_command_said_is_not_repeated(source: SecretSource) -> None:
    program = f"cmd:{sys.executable} -c \"import sys; print('half a secret'); sys.exit('the other half')\""
    with pytest.raises(UnreadableSecret) as caught:
        look(source, program, trusted=True)
    assert "ended with code 1" in caught.value.message
    assert caught.value.remedy == "Try the command by hand."


@pytest.mark.parametrize("name", ["MISSING", "API_TOKEN"])
def test_a_spec_gets_neither_what_is_not_there_nor_our_own_token(source: SecretSource, name: str) -> None:
    with pytest.raises(UnreadableSecret, match=name):
        look(source, f"env:{name}")


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * (SIZE_LIMIT + 1)])
def test_a_file_that_holds_no_secret_is_explained(source: SecretSource, content: bytes) -> None:
    (source.folder / "odd").write_bytes(content)
    with pytest.raises(UnreadableSecret):
        look(source, "file:odd")


def test_a_pipe_and_a_folder_are_no_files(source: SecretSource) -> None:
    os.mkfifo(source.folder / "pipe")
    for name in ("pipe", ".", "nowhere"):
        with pytest.raises(UnreadableSecret, match="cannot be read"):
            look(source, f"file:{name}")
