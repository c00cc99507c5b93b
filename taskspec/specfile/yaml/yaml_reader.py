"""Bytes to a SourceDocument: plain values that still know where each of them stands.

The only module that imports yaml. It works on parser events with limits of its own, so that a hostile spec costs no
more than its size. It refuses tags, merge keys and unbounded expansion of aliases, and it does not recurse.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml

from taskspec.diagnostics import Code, Diagnostic, Source, Span
from taskspec.errors import SpecError
from taskspec.specfile.yaml.document import Mark, MarkedList, MarkedMap, SourceDocument
from taskspec.specfile.yaml.yaml_scalars import AmbiguousScalarError, resolve
from taskspec.values import Json, is_encodable

SIZE_LIMIT = 32 * 1024 * 1024
NODE_LIMIT = 2_000_000
DEPTH_LIMIT = 64
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml 0.2.6 has a limit of 1,000 levels, and looks far enough ahead to meet it before we see the first event.
_PARSER_DEPTH = "exceeded maximum nesting depth"


def read_document(name: str, content: bytes, included_from: str = "") -> SourceDocument:
    """Read one YAML document. Raises SpecError with every problem of its syntax."""
    source = Source(name, _decode(name, content), included_from)
    build = _ValueBuilder(source)
    with _paused_collector():
        try:
            for event in yaml.parse(source.text, Loader=_LOADER):
                build.take(event)
        except yaml.YAMLError as error:
            build.problems.append(_parser_error(source, error))
        except _LimitError:
            pass
    if build.problems:
        raise SpecError(build.problems)
    return SourceDocument(source, build.root, build.root_mark)


@contextmanager
def _paused_collector() -> Iterator[None]:
    """Building a tree makes no garbage, but walking it again and again costs half of the time on a large spec."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _decode(name: str, content: bytes) -> str:
    if len(content) > SIZE_LIMIT:
        raise _refusal(name, Code.YAML_LIMIT, f"larger than {SIZE_LIMIT // 2**20} MiB", "Split it, or use for_each.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"no UTF-8 text: {error.reason} at byte {error.start}"
        raise _refusal(name, Code.YAML_SYNTAX, what, "Save it as UTF-8.") from None


def _refusal(name: str, code: Code, what: str, remedy: str) -> SpecError:
    return SpecError([Diagnostic(code, f'"{name}" is {what}', remedy=remedy)])


def _parser_error(source: Source, error: yaml.YAMLError) -> Diagnostic:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    offset = mark.index if mark else getattr(error, "position", 0)
    offset = min(int(offset), max(0, len(source.text) - 1))
    span = Span(source, offset, offset + 1)
    if _PARSER_DEPTH in problem:
        return _too_deep(span)
    context = getattr(error, "context", None)
    detail = f"({context})" if context else ""
    remedy = "Check indentation, colons and quotes here and on the line above."
    return Diagnostic(Code.YAML_SYNTAX, f"this is not valid YAML: {problem}", span, detail, remedy)


def _too_deep(span: Span) -> Diagnostic:
    return Diagnostic(Code.YAML_LIMIT, f"nested deeper than {DEPTH_LIMIT} levels", span, remedy="Flatten it.")


class _LimitError(Exception):
    """The document is larger than we are willing to build; the diagnostic is already noted."""


@dataclass(slots=True)
class _OpenContainer:
    """A collection whose end has not come yet."""

    node: MarkedMap | MarkedList
    start: int
    key: str | None = None
    key_mark: Mark = (0, 0)
    anchor: str | None = None
    first_node: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _ValueBuilder:
    """Takes parser events one by one; the finished tree is in `root`."""

    source: Source
    problems: list[Diagnostic] = field(default_factory=list)
    root: Json = None
    root_mark: Mark = (0, 0)
    nodes: int = 0
    documents: int = 0
    stack: list[_OpenContainer] = field(default_factory=list)
    anchors: dict[str, tuple[Json, int, int]] = field(default_factory=dict)
    """The value of each anchor, how many values that is, and how many characters."""
    repeated: int = 0
    """Characters that aliases stand for."""

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self._forbid("a spec is one YAML document, this is a second", _mark(event), "Remove the ---.")
                raise _LimitError

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        mark = _mark(event)
        self._begin(event, mark)
        if self._expects_key():
            self._key(event.value, mark)
            return
        value: Json = event.value
        if event.tag is None and not event.style:
            value = self._resolve(event.value, mark)
        elif "\\u" in self.source.text[mark[0] : mark[1]] and not is_encodable(event.value):
            self._forbid("half of a surrogate pair is not text", mark, "Remove the escape.")
        if event.anchor:
            self.anchors[event.anchor] = (value, 1, mark[1] - mark[0])
        self._put(value, mark)

    def _resolve(self, text: str, mark: Mark) -> Json:
        try:
            return resolve(text)
        except AmbiguousScalarError as error:
            shown = text if len(text) <= 40 else text[:40] + "…"
            remedy = f"{error.advice[0].upper()}{error.advice[1:]}."
            self._problem(Code.YAML_AMBIGUOUS, f"{shown} is {error.reading}", mark, remedy)
            return text

    def _expects_key(self) -> bool:
        return bool(self.stack) and isinstance(self.stack[-1].node, MarkedMap) and self.stack[-1].key is None

    def _key(self, key: str, mark: Mark) -> None:
        top = self.stack[-1]
        if key == "<<":
            self._forbid("merge keys are not part of the spec language", mark, "Use `defaults:`, or repeat the keys.")
        top.key, top.key_mark = key, mark

    def _put(self, value: Json, mark: Mark) -> None:
        if not self.stack:
            self.root, self.root_mark = value, mark
            return
        top = self.stack[-1]
        if isinstance(top.node, MarkedList):
            top.node.append(value)
            top.node.marks.append(mark)
        elif top.key is None:
            self._refuse_key(mark)
            top.key, top.key_mark = f"<key {len(top.node)}>", mark
        else:
            self._put_entry(top, top.node, value, mark)

    def _refuse_key(self, mark: Mark) -> None:
        """A key is a map or a list: most often it is a template without quotes."""
        if self.source.text[mark[0] - 1 : mark[0] + 1] == "{{":
            remedy = 'Write "{{ … }}": without quotes YAML takes { for the start of a map.'
            self._forbid("a template must stand in quotes", mark, remedy)
        else:
            self._forbid("a key must be text", mark, "Write the key as one word or in quotes.")

    def _put_entry(self, top: _OpenContainer, node: MarkedMap, value: Json, mark: Mark) -> None:
        key = top.key or ""
        top.key = None
        if key in node:
            first = self.source.position(node.marks[key][0][0])[0]
            what = f'key "{key}" is there twice; the first is on line {first}'
            self._problem(Code.YAML_DUPLICATE_KEY, what, top.key_mark, "Remove one of them.")
            return
        node[key] = value
        node.marks[key] = (top.key_mark, mark)

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        mark = _mark(event)
        self._begin(event, mark)
        if len(self.stack) >= DEPTH_LIMIT:
            self.problems.append(_too_deep(Span(self.source, *mark)))
            raise _LimitError
        node = MarkedMap() if isinstance(event, yaml.MappingStartEvent) else MarkedList()
        self.stack.append(
            _OpenContainer(node, mark[0], anchor=event.anchor, first_node=self.nodes, repeated=self.repeated)
        )

    def _close(self, event: yaml.Event) -> None:
        done = self.stack.pop()
        if done.anchor:
            characters = _mark(event)[1] - done.start + self.repeated - done.repeated
            self.anchors[done.anchor] = (done.node, self.nodes - done.first_node + 1, characters)
        self._put(done.node, (done.start, max(done.start + 1, _mark(event)[1])))

    def _alias(self, event: yaml.AliasEvent) -> None:
        mark = _mark(event)
        if event.anchor not in self.anchors:
            what = f'"*{event.anchor}" points at nothing that is complete before it'
            self._forbid(what, mark, "Define the anchor first.")
            self._put(None, mark)
            return
        value, size, characters = self.anchors[event.anchor]
        self._count(mark, size, characters)
        if self._expects_key():
            self._forbid("an alias cannot be a key", mark, "Write the key out.")
            self._key(str(event.anchor), mark)
            return
        self._put(value, mark)

    def _count(self, mark: Mark, nodes: int = 1, repeated: int = 0) -> None:
        self.nodes += nodes
        self.repeated += repeated
        if self.repeated > SIZE_LIMIT:
            self._problem(Code.YAML_LIMIT, f"aliases repeat more than {SIZE_LIMIT:,} characters", mark, "Repeat less.")
            raise _LimitError
        if self.nodes > NODE_LIMIT:
            what = f"more than {NODE_LIMIT:,} values, aliases counted in full"
            self._problem(Code.YAML_LIMIT, what, mark, "Split the spec.")
            raise _LimitError

    def _begin(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, mark: Mark) -> None:
        self._count(mark)
        if event.tag is not None and event.tag != "!":
            what = f"tag {event.tag} is not part of the spec language"
            self._forbid(what, mark, "Remove the tag; quote a value to make it text.")

    def _forbid(self, summary: str, mark: Mark, remedy: str) -> None:
        self._problem(Code.YAML_FORBIDDEN, summary, mark, remedy)

    def _problem(self, code: Code, summary: str, mark: Mark, remedy: str) -> None:
        self.problems.append(Diagnostic(code, summary, Span(self.source, *mark), remedy=remedy))


def _mark(event: Any) -> Mark:
    return event.start_mark.index, event.end_mark.index
