"""Address and token of the server: from the environment, or else from the user's env file.

Reads one file and never changes the environment. Facts: wire protocol, section 1.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from taskspec.api.address import normalise
from taskspec.errors import UsageError

ADDRESS_NAME: Final = "SERVER_ADDRESS"
INSECURE_NAME: Final = "TASKSPEC_INSECURE"
TOKEN_NAME: Final = "API_TOKEN"  # noqa: S105 - the name of the variable, not its value
ENV_FILE = Path("~/supervisely.env")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A server and a token. The repr does not show the token.

    Raises UsageError for an http address of another machine, unless `insecure` allows it.
    """

    address: str
    token: str = field(repr=False)
    insecure: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", normalise(self.address, insecure=self.insecure))


def from_environment(
    environ: Mapping[str, str], env_file: Path | None = ENV_FILE, *, insecure: bool = False
) -> Credentials | None:
    """Return the configured server, or None. Raises UsageError when only address or token is set.

    TASKSPEC_INSECURE=1 has the effect of `insecure`. The env file cannot set it.
    """
    address, token = environ.get(ADDRESS_NAME, ""), environ.get(TOKEN_NAME, "")
    if env_file is not None and not (address and token):
        written = _read(env_file)
        address, token = address or written.get(ADDRESS_NAME, ""), token or written.get(TOKEN_NAME, "")
    if not address and not token:
        return None
    if address and token:
        insecure = insecure or environ.get(INSECURE_NAME) == "1"
        return Credentials(address, _one_word(token), insecure)
    found, missing = (ADDRESS_NAME, TOKEN_NAME) if address else (TOKEN_NAME, ADDRESS_NAME)
    where = f' or in "{env_file}"' if env_file is not None else ""
    raise UsageError(
        f"{found} is set, {missing} is not",
        remedy=f"set {missing} in the environment{where}, or unset {found} to use the local server",
    )


def _one_word(token: str) -> str:
    """Return the token without spaces around it. Raises UsageError, without the token, for an invalid one."""
    word = token.strip()
    if not word or not all("!" <= character <= "~" for character in word):
        raise UsageError(
            f"{TOKEN_NAME} is not a valid token: it contains a space, a line break or a character that is not ASCII",
            remedy="copy the whole token again, and nothing else",
        )
    return word


def _read(env_file: Path) -> dict[str, str]:
    # The import of python-dotenv takes time, and most runs have no such file.
    from dotenv import dotenv_values  # noqa: PLC0415 - see above

    try:
        path = env_file.expanduser()
        if not path.is_file():
            return {}
        return {key: value for key, value in dotenv_values(path, interpolate=False).items() if value}
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise UsageError(
            f'"{env_file}" cannot be read: {error}', remedy=f"write lines {ADDRESS_NAME}=… and {TOKEN_NAME}=… in it"
        ) from None
