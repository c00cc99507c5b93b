"""`fmt`: format a spec. A file whose values would change is refused. Pure."""

from __future__ import annotations

from taskspec.diagnostics import Code, Diagnostic, Source, Span
from taskspec.errors import SpecError
from taskspec.fmt.order import ordered
from taskspec.fmt.reading import comments_in, read_tree
from taskspec.fmt.tree import Tree
from taskspec.fmt.writing import write_tree
from taskspec.specfile.yaml.document import SourceDocument
from taskspec.specfile.yaml.yaml_reader import read_document
from taskspec.values import Json, Path

_BREAKS = ("\x85", "\u2028", "\u2029", "\x0b", "\x0c")


def formatted(name: str, content: bytes) -> str:
    """Format a YAML file. Raises SpecError for invalid YAML, or for a file that fmt cannot preserve."""
    document = read_document(name, content)
    text = document.source.text
    _refuse_odd_breaks(document.source)
    tree = read_tree(Source(name, text.replace("\r\n", "\n")))
    is_spec = isinstance(document.data, dict) and "taskspec" in document.data
    after = write_tree(Tree(tree.header, ordered(tree.root)) if is_spec else tree)
    _refuse_change(document, after, is_spec=is_spec)
    return after.replace("\n", "\r\n") if "\r\n" in text else after


def _refuse_odd_breaks(source: Source) -> None:
    """Refuse line ends that editors do not show, because the end of a comment is unclear."""
    for character in _BREAKS:
        at = source.text.find(character)
        if at >= 0:
            summary = f"a character U+{ord(character):04X} ends the line here, and most editors do not show it"
            remedy = 'Remove it, or write it as an escape in "double quotes".'
            raise SpecError([Diagnostic(Code.YAML_FORBIDDEN, summary, Span(source, at, at + 1), remedy=remedy)])
    at = source.text.replace("\r\n", "\n\n").find("\r")
    if at >= 0:
        summary = "a carriage return without a line feed ends the line here"
        remedy = "Save with one kind of line end."
        raise SpecError([Diagnostic(Code.YAML_FORBIDDEN, summary, Span(source, at, at + 1), remedy=remedy)])


def _refuse_change(before: SourceDocument, text: str, *, is_spec: bool) -> None:
    """Refuse a result with other values or comments: that would be a bug of fmt."""
    name = before.source.name
    try:
        after = read_document(name, text.encode())
        same = _same(before.data, after.data, is_spec=is_spec)
        same = same and sorted(comments_in(before.source)) == sorted(comments_in(after.source))
    except SpecError:
        same = False
    if not same:
        summary = f'"{name}" has content that fmt cannot preserve; the file was not changed'
        remedy = "Write it in a simpler way (blocks of lines, comments inside brackets, anchors), or report it."
        raise SpecError([Diagnostic(Code.YAML_FORBIDDEN, summary, before.span(()), remedy=remedy)])


def _same(before: Json, after: Json, path: Path = (), *, is_spec: bool = False) -> bool:
    """Equal in values, types and order; the order of keys may differ only where fmt sorts them."""
    if isinstance(before, dict) and isinstance(after, dict):
        if before.keys() != after.keys() or (list(before) != list(after) and not (is_spec and _is_sorted(path))):
            return False
        return all(_same(before[key], after[key], (*path, key), is_spec=is_spec) for key in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(_same(a, b, (*path, 0)) for a, b in zip(before, after, strict=True))
    return type(before) is type(after) and bool(before == after)


def _is_sorted(path: Path) -> bool:
    return path in ((), ("defaults",)) or (len(path) == 2 and path[0] in ("tasks", "variables"))
