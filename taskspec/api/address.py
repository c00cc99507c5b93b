"""The address of a server in one spelling. Pure: no lookups, no network."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from taskspec.errors import UsageError


def normalise(address: str) -> str:
    """Normalise a server address (wire protocol 1.1): no outer slashes, a scheme, sub-paths kept."""
    text = address.strip().strip("/")
    if text in {"", "http:", "https:"}:
        raise UsageError(
            "the server address names no host", remedy="set SERVER_ADDRESS, for example https://app.supervisely.com"
        )
    if "http://" not in text and "https://" not in text:
        text = f"http://{text}"
    _check(text)
    return text


def is_loopback(address: str) -> bool:
    """Return whether the address names this machine, which no proxy is needed for."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(text: str) -> None:
    remedy = "write it as https://host or https://host:port"
    if "@" in text:
        raise UsageError("the server address holds a user name or password", remedy="leave only host and port in it")
    try:
        parts = urlsplit(text)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError as error:
        raise UsageError(f'the server address "{text}" cannot be read: {error}', remedy=remedy) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise UsageError(f'the server address "{text}" names no host', remedy=remedy)
