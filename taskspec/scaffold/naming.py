"""Names for tasks and variables, and keys that name ids or secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain, count

from taskspec.json_tree import map_leaves
from taskspec.template.expressions.expression import is_template
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
"""Private keys, JSON Web Tokens (RFC 7519), and passwords in addresses (RFC 3986, 3.2.1). Also keys with the prefixes
of AWS, GitHub, GitLab, Slack, Hugging Face, OpenAI, Stripe and Google."""

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def identifier(text: str, otherwise: str = "task") -> str:
    """A name for templates from any text: `Train YOLO v8` becomes train_yolo_v8."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    if not words:
        return otherwise
    return f"{otherwise}_{words}" if words[0].isdigit() else words[:60].strip("_")


def unique(name: str, taken: Collection[str]) -> str:
    """The name, with a number when it is taken."""
    numbered = (f"{name}_{number}" for number in count(2))
    return next(found for found in chain((name,), numbered) if found not in taken)


def names_an_id(key: str) -> bool:
    """Whether a value under this key is an id."""
    return _ID.search(key) is not None


def names_a_secret(key: str) -> bool:
    """Whether a value under this key is a secret."""
    return _SECRET.search(key) is not None


def looks_like_a_secret(text: str) -> bool:
    """Whether a text has the format of a secret, independent of its key."""
    return _SECRET_SHAPE.search(text) is not None


def literal(value: Json) -> Json:
    """Escape the texts of a value that would be read as expressions."""
    return map_leaves(value, lambda leaf: _guarded(leaf) if isinstance(leaf, str) and is_template(leaf) else leaf)


def _guarded(text: str) -> str:
    """An expression that evaluates to a text with braces."""
    return "{{ '" + text.translate(_ESCAPES) + "' }}"
