"""Names for what is written, and what a name tells: is it an id, is it a secret. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from taskspec.json_tree import map_leaves
from taskspec.template.expression import is_template
from taskspec.values import Json

_ID = re.compile(r"(?i:^|_)ids?$|[a-z]I[dD]s?$|(?i:(project|dataset|task|session|launch|report|collection)s?$)")
_SECRET = re.compile(
    r"(?i)(token|secret|passw(or)?d|passphrase|credential|api_?key|access_?key|private_?key|auth_?key|authorization)"
)
_SECRET_SHAPE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|\b(AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\b(gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|hf_|sk-|sk_live_|AIza)[\w-]{16,}"
    r"|://[^/\s:@]+:[^/\s@]+@"
)
"""Private keys, JSON Web Tokens (RFC 7519), keys as their makers mark them (AWS, GitHub, GitLab, Slack, Hugging Face,
OpenAI, Stripe, Google), and passwords in addresses (RFC 3986, 3.2.1)."""


def identifier(text: str, otherwise: str = "task") -> str:
    """A name that templates can use, made from any text: `Train YOLO v8` becomes train_yolo_v8."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if not words:
        return otherwise
    return f"{otherwise}_{words}" if words[0].isdigit() else words[:60].strip("_")


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it when it is taken."""
    number, found = 2, name
    while found in taken:
        found = f"{name}_{number}"
        number += 1
    return found


def names_an_id(key: str) -> bool:
    """Whether a value under this key is the id of something."""
    return _ID.search(key) is not None


def names_a_secret(key: str) -> bool:
    """Whether a value under this key must not be written down."""
    return _SECRET.search(key) is not None


def looks_like_a_secret(text: str) -> bool:
    """Whether a text has the shape of a secret, whatever key it stands under."""
    return _SECRET_SHAPE.search(text) is not None


def literal(value: Json) -> Json:
    """The value as it has to be written so that nothing in it is taken for an expression."""
    return map_leaves(value, lambda leaf: _guarded(leaf) if isinstance(leaf, str) and is_template(leaf) else leaf)


def _guarded(text: str) -> str:
    """A text with braces in it, as an expression that gives it."""
    inner = (
        text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    )
    return "{{ '" + inner + "' }}"
