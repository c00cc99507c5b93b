"""Read a YAML text as a tree with comments. The caller has checked that the text is valid."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import yaml

from taskspec.diagnostics import Source
from taskspec.fmt.tree import Branch, Entry, Leaf, Node, Tree
from taskspec.specfile.yaml.yaml_scalars import resolve

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BLOCK_HEADER = re.compile(r"(?:&\S+\s+)?[|>]([0-9+-]*)[ \t]*(#[^\n]*)?")
_COMMENT = re.compile(r"#[^\n]*")


@dataclass(frozen=True, slots=True)
class _Comment:
    offset: int
    line: int
    column: int
    text: str
    is_alone: bool
    after_blank: bool


def read_tree(source: Source) -> Tree:
    """Read the tree of a valid text."""
    events = _events(source)
    if not events:
        return Tree(tuple(comments_in(source)), Leaf("", is_text=False))
    rows = source.text.split("\n")
    build = _TreeBuilder(source, rows, events, _comments(source, events))
    start = int(events[0].start_mark.index)
    header = build.lines(build.take(start))
    if header and build.after_blank(start):
        header = (*header, "")
    return Tree(header, build.node(-1))


def comments_in(source: Source) -> list[str]:
    """Every comment, in order."""
    return [comment.text for comment in _comments(source, _events(source))]


def _events(source: Source) -> list[Any]:
    kinds = (yaml.NodeEvent, yaml.CollectionEndEvent)
    return [event for event in yaml.parse(source.text, Loader=_LOADER) if isinstance(event, kinds)]


def _comments(source: Source, events: list[Any]) -> list[_Comment]:
    """The comments between scalars, and on the first line of a block scalar, in order."""
    found: list[_Comment] = []
    rows = source.text.split("\n")
    scalars: list[Any] = [e for e in events if isinstance(e, yaml.ScalarEvent)]
    ends = [0, *(e.end_mark.index for e in scalars)]
    starts = [*(e.start_mark.index for e in scalars), len(source.text)]
    for end, start in zip(ends, starts, strict=True):
        matches = _COMMENT.finditer(source.text, end, start)
        found += [_comment(source, rows, match.start(), match.group()) for match in matches]
    for event in scalars:
        header = _BLOCK_HEADER.match(source.text, event.start_mark.index) if event.style in ("|", ">") else None
        if header and header.group(2):
            found.append(_comment(source, rows, header.start(2), header.group(2)))
    return sorted(found, key=lambda comment: comment.offset)


def _comment(source: Source, rows: list[str], offset: int, text: str) -> _Comment:
    line, column = source.position(offset)
    alone = not rows[line - 1][: column - 1].strip()
    return _Comment(offset, line, column - 1, text.rstrip(), alone, _is_blank_above(rows, line))


def _is_blank_above(rows: list[str], line: int) -> bool:
    return line > 1 and not rows[line - 2].strip()


def _hoisted(value: Node) -> tuple[Node, tuple[str, ...]]:
    """The value of an item, and the comments above its first entry, which are written above the dash."""
    if not isinstance(value, Branch) or value.in_line or value.anchor or not value.entries:
        return value, ()
    first = value.entries[0]
    return replace(value, entries=(replace(first, leading=()), *value.entries[1:])), first.leading


@dataclass(slots=True)
class _TreeBuilder:
    """Builds a tree from the parser's events and the comments."""

    source: Source
    rows: list[str]
    events: list[Any]
    comments: list[_Comment]
    at: int = 0
    used: int = 0

    def peek(self) -> Any:
        return self.events[self.at]

    def step(self) -> Any:
        self.at += 1
        return self.events[self.at - 1]

    def take(self, limit: float, column: int = 0) -> list[_Comment]:
        """Take the next comments before an offset, down to the first one left of a column."""
        first = self.used
        while self.used < len(self.comments) and self.comments[self.used].offset < limit:
            if self.comments[self.used].column < column:
                break
            self.used += 1
        return self.comments[first : self.used]

    def trailing(self, end: Any) -> str:
        """Take the comment at the end of a line."""
        limit = self.peek().start_mark.index if self.at < len(self.events) else len(self.source.text)
        if self.used < len(self.comments):
            comment = self.comments[self.used]
            if not comment.is_alone and comment.line == end.line + 1 and comment.offset < max(limit, end.index + 1):
                self.used += 1
                return comment.text
        return ""

    def after_blank(self, offset: int) -> bool:
        return _is_blank_above(self.rows, self.source.position(offset)[0])

    def lines(self, comments: list[_Comment]) -> tuple[str, ...]:
        """The comment lines, with an empty line where the author left one."""
        return tuple(line for c in comments for line in (("", c.text) if c.after_blank and c.is_alone else (c.text,)))

    def node(self, column: int) -> Node:
        """Read the next node; `column` is that of the enclosing map or list."""
        event = self.step()
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        if isinstance(event, yaml.AliasEvent):
            return Leaf(f"*{event.anchor}", is_text=False)
        return self.branch(event, column)

    def scalar(self, event: Any) -> Leaf:
        anchor = event.anchor or ""
        if event.style in ("|", ">"):
            return Leaf(event.value, is_text=True, style=event.style, lines=self.folded(event), anchor=anchor)
        is_text = bool(event.style) or event.tag == "!" or isinstance(resolve(event.value), str)
        return Leaf(event.value, is_text=is_text, anchor=anchor)

    def folded(self, event: Any) -> tuple[str, ...]:
        """The lines of a folded block without their indentation; empty when the indentation is unclear."""
        raw = self.source.text[event.start_mark.index : event.end_mark.index]
        header = _BLOCK_HEADER.match(raw)
        if event.style != ">" or header is None or set(header.group(1)) - {"-"}:
            return ()
        body = raw.split("\n")[1:]
        first = next((line for line in body if line.strip()), "")
        width = len(first) - len(first.lstrip(" "))
        lines = [line[width:].rstrip("\r") for line in body]
        while lines and not lines[-1].strip():
            lines.pop()
        return tuple(lines)

    def branch(self, start: Any, around: int) -> Branch:
        is_map, in_line, first = isinstance(start, yaml.MappingStartEvent), bool(start.flow_style), self.used
        column = self.column(start, around)
        entries: list[Entry] = []
        while not isinstance(self.peek(), yaml.CollectionEndEvent):
            one = self.entry(column) if is_map else self.item(column)
            if not entries and one.leading and not one.leading[0]:
                one = replace(one, leading=one.leading[1:])  # nothing is above it that a blank line would separate
            entries.append(one)
        end = self.step()
        foot = self.take(end.start_mark.index, 0 if in_line else column)
        if in_line and self.used > first:
            in_line = False
        return Branch(tuple(entries), is_map, in_line, self.lines(foot), start.anchor or "")

    def column(self, start: Any, around: int) -> int:
        """The smallest column of a comment that belongs to this map or list."""
        if start.flow_style or isinstance(self.peek(), yaml.CollectionEndEvent):
            return 0
        column = int(self.peek().start_mark.column)
        if not isinstance(start, yaml.MappingStartEvent):
            column = int(start.start_mark.column) if not start.anchor else max(0, column - 2)
        return max(column, around + 1)

    def entry(self, column: int) -> Entry:
        start = self.peek().start_mark.index
        leading = self.lines(self.take(start))
        leading = (*leading, "") if self.after_blank(start) else leading
        event = self.step()
        key = Leaf(event.value, is_text=bool(event.style) or "\n" in event.value, anchor=event.anchor or "")
        trailing = self.trailing(event.end_mark)
        value, extra, comment = self.value(column)
        return Entry(key, value, (*([trailing] if trailing and comment else []), *leading, *extra), comment or trailing)

    def dash(self, start: int) -> int:
        """The offset of the dash of the next item: the last one before its value, outside of comments."""
        is_start = isinstance(self.events[self.at - 1], yaml.SequenceStartEvent)
        end = self.events[self.at - 1].start_mark.index if is_start else self.events[self.at - 1].end_mark.index
        gap = _COMMENT.sub(lambda match: " " * len(match.group()), self.source.text[end:start])
        return int(end + max(0, gap.rfind("-")))

    def item(self, column: int) -> Entry:
        start = self.peek().start_mark.index
        before = self.take(start)
        trailing = next((c.text for c in before if not c.is_alone), "")
        leading = self.lines([c for c in before if c.is_alone])
        leading = (*leading, "") if self.after_blank(self.dash(start)) else leading
        value, extra, comment = self.value(column)
        value, above = _hoisted(value)
        return Entry(
            None, value, (*([trailing] if trailing and comment else []), *leading, *above, *extra), comment or trailing
        )

    def value(self, column: int) -> tuple[Node, tuple[str, ...], str]:
        """A value, the comment lines inside of a scalar, and the comment on its line."""
        event = self.peek()
        value = self.node(column)
        if isinstance(value, Branch) and not event.flow_style:
            return value, (), ""
        end = self.events[self.at - 1].end_mark
        inside = self.take(end.index) if isinstance(value, Leaf) else []
        comment = next((c.text for c in inside if not c.is_alone), "")
        extra = self.lines([c for c in inside if c.text != comment])
        if isinstance(value, Leaf) and value.style:
            return value, extra, comment
        after = self.trailing(end)
        return value, (*([comment] if comment and after else []), *extra), after or comment
