"""A planted secret, and every place and spelling in which it may not turn up."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms(secret: str) -> set[str]:
    """A secret as text, in capitals, as JSON, Python, HTML, addresses and base64 spell it."""
    return {
        secret,
        secret.upper(),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        html.escape(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
    }


def shows(text: str, *secrets: str) -> set[str]:
    """What a text gives away, and of that the beginning too: half a secret is one."""
    wanted = set().union(*map(forms, secrets), (secret[: len(secret) * 2 // 3] for secret in secrets))
    return {form for form in wanted if form in text}


def holding(folder: Path, *secrets: str, besides: Iterable[Path] = ()) -> set[str]:
    """Files below a folder that hold a secret, but for those that must."""
    meant = set(besides)
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path not in meant]
    return {
        str(path.relative_to(folder)) for path in files if shows(path.read_bytes().decode("utf-8", "replace"), *secrets)
    }
