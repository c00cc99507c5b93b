"""Looks secrets up where a reference says: in the environment, in a file, or from a command.

Specs come from pull requests. A reference in a file under review may not run a command, leave the folder of the
spec, or read taskspec's own credentials. A reference on the command line may.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskspec.files.project_files import project_root
from taskspec.files.safe_read import TooLarge, path_problem, read_plain
from taskspec.secrets.reference import SecretKind, SecretReference, UnreadableSecret

SIZE_LIMIT = 65_536
_SHOWN = 80
COMMAND_SECONDS = 60.0
OWN_TOKENS = frozenset({"API_TOKEN"})
"""What proves who we are; an app that needs it gets it from the server."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What is done for files under review beyond reading them: look secrets up, from commands too, and go outside."""

    allow_cmd: bool = False
    allow_outside: bool = False
    looks_up_secrets: bool = True

    def root(self, folder: Path) -> Path | None:
        """The folder that nothing may lead out of."""
        return None if self.allow_outside else project_root(folder)


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where secrets may come from. `folder` is the spec's."""

    environment: Mapping[str, str]
    folder: Path
    trust: Trust = field(default_factory=Trust)

    def read(self, reference: SecretReference) -> str:
        """The secret a reference leads to. Raises UnreadableSecret."""
        match reference.kind:
            case SecretKind.ENV:
                return self._from_environment(reference)
            case SecretKind.FILE:
                return self._from_file(reference)
            case SecretKind.CMD:
                return self._from_command(reference)

    def _from_environment(self, reference: SecretReference) -> str:
        name = reference.place.strip()
        if name in OWN_TOKENS and not reference.is_trusted:
            raise UnreadableSecret(
                f"a spec cannot take {name} out of the environment", "Use a token of its own, in another variable."
            )
        if not self.environment.get(name):
            raise UnreadableSecret(
                f"{name} is not set in the environment", f"Set {name}, or give another reference with --var."
            )
        return self.environment[name]

    def _from_file(self, reference: SecretReference) -> str:
        """The content of a file without its last line break. Relative paths start in the folder of the spec."""
        path = Path(reference.place).expanduser() if reference.is_trusted else self.folder / reference.place
        reason = path_problem(path)
        if reason:
            raise UnreadableSecret(f'"{str(reference)[:_SHOWN]}" cannot be read: {reason}', "Check the path.")
        may_leave = reference.is_trusted or self.trust.allow_outside
        if not may_leave and not path.resolve().is_relative_to(self.folder.resolve()):
            raise UnreadableSecret(
                f'"{reference}" lies outside of the folder of the spec',
                "Give the reference with --var, or allow it with --allow-outside.",
            )
        try:
            return _as_text(reference, read_plain(path, SIZE_LIMIT))
        except TooLarge:
            raise _too_long(reference) from None
        except OSError as error:
            raise UnreadableSecret(
                f'"{reference}" cannot be read: {error.strerror or error}', "Check the path."
            ) from None

    def _from_command(self, reference: SecretReference) -> str:
        """What a command prints, without its last line break. No shell reads it; what it says of errors is dropped."""
        if not reference.is_trusted and not self.trust.allow_cmd:
            raise UnreadableSecret(
                f'the spec asks to run "{reference.place}", and a spec runs nothing by itself',
                "Give the reference with --var, or allow it with --allow-cmd.",
            )
        try:
            arguments = shlex.split(reference.place)
            done = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_SECONDS,
                check=False,
            )
        except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
            why = f"it took longer than {COMMAND_SECONDS:.0f} s" if isinstance(error, subprocess.TimeoutExpired) else ""
            why = why or getattr(error, "strerror", None) or "it is not a command"
            raise UnreadableSecret(f'"{reference}" cannot be run: {why}', "Try the command by hand.") from None
        if done.returncode:
            raise UnreadableSecret(f'"{reference}" ended with code {done.returncode}', "Try the command by hand.")
        return _as_text(reference, done.stdout)


def _too_long(reference: SecretReference) -> UnreadableSecret:
    return UnreadableSecret(f'"{reference}" gives more than {SIZE_LIMIT} bytes', "A secret is a short text.")


def _as_text(reference: SecretReference, content: bytes) -> str:
    if len(content) > SIZE_LIMIT:
        raise _too_long(reference)
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise UnreadableSecret(f'"{reference}" gives no UTF-8 text', "Encode it, for example as base64.") from None
    if not text:
        raise UnreadableSecret(f'"{reference}" gives nothing', "Check what it holds.")
    return text
