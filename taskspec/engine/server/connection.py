"""The server this command works with: a configured one, or the local one that starts when it is first needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from taskspec.errors import UsageError
from taskspec.specfile.profiles import Profile

if TYPE_CHECKING:
    from taskspec.api import Api, Credentials

LOCAL_WORKSPACE = 1
"""The workspace every local server has."""


@dataclass(slots=True)
class Server:
    """A server known by name. The first use of `api` connects; `wake` starts the local server where that is needed."""

    label: str
    is_local: bool
    default_workspace: int | None
    wake: Callable[[], Credentials]
    _api: Api | None = field(default=None, repr=False)

    @property
    def api(self) -> Api:
        """The client; the first use connects."""
        if self._api is None:
            # requests costs a tenth of a second, and many a plan asks the server nothing.
            from taskspec.api import Api  # noqa: PLC0415 - see above

            found = self.wake()
            self._api = Api(found.address, found.token, insecure=found.insecure)
        return self._api

    def connect(self, api: Api) -> None:
        """Use this client, and start no server."""
        self._api = api

    def link(self, task_id: int) -> str:
        """A launch in the server's web interface; empty for the local server, which has none."""
        return "" if self.is_local else f"{self.api.server_address}/apps/sessions/{task_id}"

    def workspace(self, wanted: int | str | None) -> int:
        """The workspace to launch in. Raises UsageError where none is named, or only by a name."""
        if isinstance(wanted, int):
            return wanted
        if wanted is not None:  # never the default in place of the one that was meant
            raise UsageError(f'the id of workspace "{wanted}" is not known yet', remedy="name the workspace by its id")
        if self.default_workspace is not None:
            return self.default_workspace
        raise UsageError(
            "no workspace is named", remedy="add `workspace: ID` to the task or to defaults, or set WORKSPACE_ID"
        )

    def check(self, profile: Profile | None) -> None:
        """Raises UsageError when a profile is for another server; `local` is the one of this machine."""
        if profile is not None and profile.server is not None and self.label != server_label(profile.server):
            raise UsageError(
                f'profile "{profile.name}" is for {profile.server}, and the configured server is {self.label}',
                remedy="set SERVER_ADDRESS and API_TOKEN for that server, or choose another profile",
            )

    def close(self) -> None:
        if self._api is not None:
            self._api.close()


def server_label(address: str) -> str:
    """A name for the server at an address, fit for a file name. It does not depend on the scheme."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", re.sub(r"(?i)^https?://", "", address)).strip("_")


def choose_server(
    credentials: Credentials | None, environment: Mapping[str, str], wake_local: Callable[[], Credentials]
) -> Server:
    """The configured server, or the local one when none is configured."""
    if credentials is None:
        return Server("local", is_local=True, default_workspace=LOCAL_WORKSPACE, wake=wake_local)
    label = server_label(credentials.address)
    text = environment.get("WORKSPACE_ID", "")
    return Server(
        label,
        is_local=False,
        default_workspace=int(text) if text.isdigit() else None,
        wake=lambda: credentials,
    )
