"""The address of a server in one spelling. Pure: no lookups, no network."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

from taskspec.errors import UsageError


def normalise(address: str, *, insecure: bool = False) -> str:
    """Normalise a server address (wire protocol 1.1): no outer slashes, a scheme, sub-paths kept.

    Without a scheme it is https, and http on this machine. Raises UsageError for http to another machine, where others
    can read the token on its way; `insecure` allows it.
    """
    text = address.strip().strip("/")
    if text.lower() in {"", "http:", "https:"}:
        raise UsageError(
            "the server address names no host", remedy="set SERVER_ADDRESS, for example https://app.supervisely.com"
        )
    is_bare = "://" not in text
    parts = _split(f"https://{text}" if is_bare else text)
    # What is returned is what was checked: urlsplit ignores control characters, other parsers do not.
    checked = parts.geturl().rstrip("/")
    if is_loopback(checked):
        return checked.replace("https:", "http:", 1) if is_bare else checked
    if parts.scheme == "http" and not insecure:
        raise UsageError(
            f'the server "{checked}" would get the token without encryption',
            remedy="write https:// in the address; to allow http in a network that you trust, "
            "use --insecure, TASKSPEC_INSECURE=1 or insecure=True",
        )
    return checked


def is_loopback(address: str) -> bool:
    """Return whether the address names this machine, which needs no proxy and no encryption."""
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(text: str) -> SplitResult:
    remedy = "write it as https://host or https://host:port"
    if "@" in text:
        raise UsageError("the server address holds a user name or password", remedy="leave only host and port in it")
    try:
        parts = urlsplit(text)
        port_is_valid = not parts.netloc.endswith(":") and (parts.port is None or parts.port > 0)
    except ValueError as error:
        raise UsageError(f'the server address "{text}" cannot be read: {error}', remedy=remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise UsageError(f'the server address "{text}" names no host', remedy=remedy)
    return parts
