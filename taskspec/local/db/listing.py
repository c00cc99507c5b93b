"""Filter, sort and page, as every `*.list` method does (wire protocol 1.7, 1.8), with one SQL query.

Knows columns and operators, not what the rows mean.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from taskspec.local.db import timestamps
from taskspec.local.db.server_database import Store
from taskspec.local.request_fields import RequestFields

PAGE_LIMIT = 500


class ColumnKind(StrEnum):
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class Column:
    """The SQL expression of a field of the wire."""

    sql: str
    kind: ColumnKind = ColumnKind.TEXT


def table_columns(*texts: str) -> dict[str, Column]:
    """The id, the given texts, and the times of a table."""
    dates = {"createdAt": "created_at", "updatedAt": "updated_at"}
    return {
        "id": Column("id", ColumnKind.NUMBER),
        **{name: Column(name) for name in texts},
        **{name: Column(sql, ColumnKind.DATE) for name, sql in dates.items()},
    }


@dataclass(frozen=True, slots=True)
class Listing:
    """The source of the rows, and the fields for filters and sorting.

    `counted` is the part of `source` that determines the number of rows; the rest only adds columns.
    """

    source: str
    columns: Mapping[str, Column]
    select: str = "*"
    counted: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of WHERE with its values."""

    sql: str
    values: tuple[Any, ...] = ()


_SAME = {"=": "IS", "eq": "IS", "!=": "IS NOT", "not": "IS NOT"}
_ORDER = {">": ">", "gt": ">", ">=": ">=", "gte": ">=", "<": "<", "lt": "<", "<=": "<=", "lte": "<="}
_MEMBER = {"in": "IN", "!in": "NOT IN"}
_PATTERN = {"like": ("", 0), "!like": ("NOT ", 0), "ilike": ("", 1), "!ilike": ("NOT ", 1)}
OPERATORS = (*_SAME, *_ORDER, *_MEMBER, *_PATTERN)


def read_page(
    store: Store,
    listing: Listing,
    params: RequestFields,
    show: Callable[[sqlite3.Row], dict[str, Any]],
    conditions: Sequence[Condition] = (),
) -> dict[str, Any]:
    """Return one page with its envelope. In token mode, `after` replaces the page numbers."""
    chosen = [*conditions, *(_condition(listing, clause) for clause in params.objects("filter", ()))]
    where = " AND ".join(f"({condition.sql})" for condition in chosen) or "TRUE"
    values = tuple(value for condition in chosen for value in condition.values)
    size = params.integer("per_page", PAGE_LIMIT, lowest=1, highest=PAGE_LIMIT)
    by_token = params.text("pagination_mode", "page") == "token"
    name, first = ("after", 0) if by_token else ("page", 1)
    start = params.integer(name, first, lowest=first, highest=2**31) - first
    offset = start if by_token else start * size
    counted = store.one(f"SELECT count(*) FROM {listing.counted or listing.source} WHERE {where}", values)  # noqa: S608 - no text of the request is in it
    total = int(counted[0]) if counted else 0
    rows = store.all(
        f"SELECT {listing.select} FROM {listing.source} WHERE {where} ORDER BY {_order(listing, params)}"  # noqa: S608 - as above
        " LIMIT ? OFFSET ?",
        (*values, size, offset),
    )
    entities = [show(row) for row in rows]
    if by_token:
        return {"total": total, "after": str(offset + size) if offset + size < total else None, "entities": entities}
    return {"total": total, "perPage": size, "pagesCount": -(-total // size), "entities": entities}


def _condition(listing: Listing, clause: RequestFields) -> Condition:
    column = listing.columns[clause.choice("field", listing.columns)]
    operator = clause.choice("operator", OPERATORS, "=")
    if operator in _MEMBER:
        # One parameter for the whole list, because SQLite limits their number.
        values = json.dumps([_value(column, clause, item) for item in clause.array("value")])
        members = "(SELECT value FROM json_each(?))"
        return Condition(f"{column.sql} {_MEMBER[operator]} {members}", (values,))
    if operator in _PATTERN:
        negation, fold = _PATTERN[operator]
        return Condition(f"{negation}matches_pattern({column.sql}, ?, {fold})", (clause.text("value"),))
    value = _value(column, clause, clause.raw("value"))
    if operator in _SAME:
        return Condition(f"{column.sql} {_SAME[operator]} ?", (value,))
    if value is None:
        raise clause.invalid("value", f'is required by operator "{operator}"')
    return Condition(f"{column.sql} {_ORDER[operator]} ?", (value,))


def _value(column: Column, clause: RequestFields, value: object) -> object:
    """Convert a value to the type of its column."""
    if value is None:
        return None
    if column.kind is ColumnKind.NUMBER:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
            return int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63:
            return value
        raise clause.invalid("value", "must hold numbers for this field")
    if not isinstance(value, str):
        raise clause.invalid("value", "must hold strings for this field")
    if column.kind is ColumnKind.DATE:
        moment = timestamps.normalized(value)
        if moment is None:
            raise clause.invalid("value", "must be an ISO-8601 time for this field")
        return moment
    return value


def _order(listing: Listing, params: RequestFields) -> str:
    name = params.choice("sort", listing.columns, "id")
    direction = params.choice("sort_order", ("asc", "desc"), "asc")
    nulls = params.choice("sort_nulls_order", ("first", "last"), "last" if direction == "asc" else "first")
    # Equal rows are ordered by id, so that pages never overlap.
    return f"{listing.columns[name].sql} {direction} NULLS {nulls}, {listing.columns['id'].sql} {direction}"
