"""Write a tree as YAML: two spaces for each level, quotes where needed, and comments. Pure."""

from __future__ import annotations

import re

from taskspec.fmt.tree import Branch, Entry, Leaf, Node, Tree
from taskspec.specfile.yaml.yaml_scalars import AmbiguousScalarError, resolve

_PLAIN = re.compile(r"(?![.]{3}|-{3})[\w/.+(^$-](?:.*[^\s:])?")
_INDICATOR_FIRST = re.compile(r"-(?:\s|$)")
_ONLY_BLOCK = frozenset(",[]{}:?")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def quoted(text: str, *, in_line: bool = False) -> str:
    """The text as a scalar: plain if that is safe, otherwise in the quotes that need fewer escapes."""
    if is_plain(text, in_line=in_line):
        return text
    if text.isprintable() and "'" not in text and ('"' in text or "\\" in text):
        return f"'{text}'"
    return '"' + "".join(_escaped(character) for character in text) + '"'


def is_plain(text: str, *, in_line: bool = False) -> bool:
    """Whether a text without quotes reads as the same text."""
    if not text.isprintable() or not _PLAIN.fullmatch(text) or _INDICATOR_FIRST.match(text):
        return False
    if ": " in text or " #" in text or "{{" in text or "{%" in text or "{#" in text:
        return False
    if in_line and not _ONLY_BLOCK.isdisjoint(text):
        return False
    try:
        return resolve(text) == text
    except AmbiguousScalarError:
        return False


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


WIDTH = 120
STEP = 2


def write_tree(tree: Tree) -> str:
    """The text of a tree; the same tree always gives the same text."""
    header = _collapsed(tree.header)
    if isinstance(tree.root, Leaf):
        body = [_scalar(tree.root)] if _scalar(tree.root) else []
    else:
        body = _branch(tree.root, 0) if tree.root.entries else [_in_line(tree.root), *_collapsed(tree.root.foot)]
    while header and not header[-1] and not body:
        header.pop()
    return "".join(f"{line}\n" for line in [*header, *body])


def _collapsed(lines: tuple[str, ...]) -> list[str]:
    """Remove blank lines at the start, and merge consecutive ones."""
    kept: list[str] = []
    for line in lines:
        if line or (kept and kept[-1]):
            kept.append(line)
    return kept


def _branch(branch: Branch, indent: int) -> list[str]:
    lines: list[str] = []
    before = 0
    for entry in branch.entries:
        leading = _collapsed(entry.leading)
        chunk = [_indented(line, indent) for line in leading] + _entry(entry, indent)
        asked = bool(entry.leading) and not entry.leading[0]
        if lines and (asked or (branch.spaced and max(before, len(chunk)) > 1)):
            lines.append("")
        if not lines and leading and not leading[0]:
            chunk = chunk[1:]
        lines += chunk
        before = len(chunk)
    foot = _collapsed(branch.foot)
    if lines and foot and not branch.foot[0]:
        lines.append("")
    return lines + [_indented(line, indent) for line in foot]


def _indented(line: str, indent: int) -> str:
    return " " * indent + line if line else ""


def _entry(entry: Entry, indent: int) -> list[str]:
    """The lines of one entry: its key or dash, and its value on the same line or below."""
    head = " " * indent + ("-" if entry.key is None else f"{_key(entry.key)}:")
    trailing = f"  {entry.trailing}" if entry.trailing else ""
    value = entry.value
    if isinstance(value, Leaf):
        return _leaf(value, head, trailing, indent, is_item=entry.key is None)
    flat = _in_line(value) if value.in_line or not value.entries else ""
    if flat and not value.foot and (not value.entries or len(head) + 1 + len(flat) <= WIDTH):
        return [f"{head} {flat}{trailing}"]
    anchor = f" &{value.anchor}" if value.anchor else ""
    if not value.entries:
        return [f"{head} {flat}{trailing}", *(_indented(line, indent + STEP) for line in _collapsed(value.foot))]
    below = _branch(value, indent + STEP)
    if entry.key is None and not anchor and not trailing and not _collapsed(value.entries[0].leading):
        return [f"{head} {below[0].lstrip(' ')}", *below[1:]]
    return [f"{head}{anchor}{trailing}", *below]


def _leaf(leaf: Leaf, head: str, trailing: str, indent: int, *, is_item: bool) -> list[str]:
    lines = _block_lines(leaf)
    if not lines:
        text = _scalar(leaf) or ("null" if is_item else "")
        return [f"{head} {text}{trailing}" if text else f"{head}{trailing}"]
    anchor = f"&{leaf.anchor} " if leaf.anchor else ""
    header = leaf.style + ("" if leaf.text.endswith("\n") else "-")
    return [f"{head} {anchor}{header}{trailing}", *(_indented(line, indent + STEP) for line in lines)]


def _block_lines(leaf: Leaf) -> list[str]:
    """The lines of a block scalar; empty for a scalar that is written on the line of its key."""
    if leaf.style == ">":
        return list(leaf.lines)
    lines = leaf.text.removesuffix("\n").split("\n")
    fits = all(line.replace("\t", "").isprintable() and (line.strip() or not line) for line in lines)
    if leaf.style != "|" or not fits or not lines[0] or not lines[-1] or lines[0][0] in " \t":
        return []
    return lines


def _key(leaf: Leaf, *, in_line: bool = False) -> str:
    anchor = f"&{leaf.anchor} " if leaf.anchor else ""
    return anchor + (quoted(leaf.text, in_line=in_line) if leaf.is_text else leaf.text)


def _scalar(leaf: Leaf, *, in_line: bool = False) -> str:
    text = quoted(leaf.text, in_line=in_line) if leaf.is_text else leaf.text
    return f"&{leaf.anchor} {text or 'null'}" if leaf.anchor else text


def _in_line(node: Node) -> str:
    """A node on one line, without comments."""
    if isinstance(node, Leaf):
        return _scalar(node, in_line=True) or "null"
    inner = ", ".join(
        _in_line(entry.value) if entry.key is None else f"{_key(entry.key, in_line=True)}: {_in_line(entry.value)}"
        for entry in node.entries
    )
    anchor = f"&{node.anchor} " if node.anchor else ""
    return f"{anchor}{{{inner}}}" if node.is_map else f"{anchor}[{inner}]"
