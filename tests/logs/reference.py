"""What queries mean, in plain Python over the lines as dicts: slow, short, and written apart from the compilers."""

from __future__ import annotations

import fnmatch
import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from msgspec.structs import replace

from regobs.logs.fields import FIELDS, Field, FieldType
from regobs.logs.kql import And, Everything, Is, Literal, Node, Not, Or, Pattern, Range, parse
from regobs.logs.kql.dates import Span, span
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Query, QueryMetric

Line = dict[str, Any]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def values(line: Line, field: Field) -> list[Any]:
    """The values of a field, none when it is missing or null: text, numbers, bools, or milliseconds of times."""
    value = line.get(field.name)
    if value is None:
        return []
    if field.type is FieldType.KEYWORD_LIST:
        return [one for one in value if one is not None] if isinstance(value, list) else []
    if field.type is FieldType.DATE:
        moment = datetime.fromisoformat(value)
        return [int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 // 1)]
    if field.type is FieldType.IP:
        return [_address(value)] if value else []
    if field.type in {FieldType.KEYWORD, FieldType.TEXT} and not isinstance(value, str):
        return [json.dumps(value, separators=(",", ":"), ensure_ascii=False)]
    return [value]


def _address(text: str) -> str:
    """One text for each address, version 4 also where it is written as version 6; what is none stays as it is."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(getattr(address, "ipv4_mapped", None) or address)


@cache
def _span(text: str) -> Span | None:
    return span(text, NOW)


@cache
def words(text: str) -> list[str]:
    """The terms of a text: runs of letters, digits and underscores; some marks join two letters or two digits."""
    kept = "".join(char if _joins(text, at) else " " for at, char in enumerate(text))
    return [word.lower() for word in kept.split() if word.strip("_")]


def _joins(text: str, at: int) -> bool:
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if char in ".:'\u2019\u00b7" and _letter(before) and _letter(after):
        return True
    if char in ".,;'\u2019" and before.isdecimal() and after.isdecimal():
        return True
    return char == "_" or char.isalnum()


def _letter(char: str) -> bool:
    return char.isalnum() and not char.isdecimal()


def fits(line: Line, node: Node) -> bool:  # noqa: PLR0911 - a case for each kind
    if isinstance(node, Everything):
        return True
    if isinstance(node, And):
        return all(fits(line, part) for part in node.of)
    if isinstance(node, Or):
        return any(fits(line, part) for part in node.of)
    if isinstance(node, Not):
        return not fits(line, node.of)
    if isinstance(node, Range):
        return any(_in_range(line, field, node) for field in _named(node.field))
    assert isinstance(node, Is)
    any_value = isinstance(node.value, Pattern) and node.value.is_any
    if any_value and (node.field is None or (isinstance(node.field, Pattern) and node.field.is_any)):
        return True
    fields = [FIELDS[name] for name in line if name in FIELDS] if node.field is None else _named(node.field)
    if any_value:
        return any(values(line, field) for field in fields)
    if isinstance(node.value, Pattern):
        apart = node.field is None or len(fields) > 1
        return any(_like(line, field, node.value, apart=apart) for field in fields)
    return any(_equal(line, field, node.value) for field in fields)


@cache
def _named(name: Literal | Pattern) -> list[Field]:
    if isinstance(name, Literal):
        return [FIELDS[str(name.value)]]
    return [field for field in FIELDS.values() if fnmatch.fnmatchcase(field.name, "*".join(name.parts))]


def _equal(line: Line, field: Field, literal: Literal) -> bool:
    text = literal.value if isinstance(literal.value, str) else str(literal.value).lower()
    return any(_equals(value, field, text, phrase=literal.quoted) for value in values(line, field))


def _equals(value: Any, field: Field, text: str, *, phrase: bool) -> bool:  # noqa: PLR0911 - a case for each type
    kind = field.type
    if kind in {FieldType.KEYWORD, FieldType.KEYWORD_LIST}:
        return bool(value == text)
    if kind is FieldType.TEXT:
        have, wanted = words(value), words(text)
        size = len(wanted)
        in_a_row = any(have[at : at + size] == wanted for at in range(len(have) - size + 1))
        return bool(wanted) and (in_a_row if phrase else bool(set(have) & set(wanted)))
    if kind is FieldType.BOOLEAN:
        return text == str(value).lower()
    if kind is FieldType.IP:
        try:
            block = ipaddress.ip_network(text, strict=False)
            low, high = (_as_version_6(_address(str(end))) for end in (block[0], block[-1]))
            return low <= _as_version_6(value) <= high
        except ValueError:
            return False
    if kind is FieldType.DATE:
        covered = _span(text)
        return covered is not None and bool(covered.first <= value <= covered.last)
    try:
        return kind in {FieldType.LONG, FieldType.DOUBLE} and float(text) == value
    except ValueError:
        return False


def _like(line: Line, field: Field, pattern: Pattern, *, apart: bool) -> bool:
    found = values(line, field)
    if not found:
        return False
    written = "*".join(re.sub(r"[?\[\]]", "[\\g<0>]", part) for part in pattern.parts)
    if field.type in {FieldType.KEYWORD, FieldType.KEYWORD_LIST}:
        patterns = written.split() if apart else [written]
        return any(fnmatch.fnmatchcase(value, one) for value in found for one in patterns)
    if field.type is not FieldType.TEXT:
        return False
    terms = {word for value in found for word in words(value)}
    for one in written.split():
        if "*" not in one and set(words(one)) & terms:
            return True
        if "*" in one and (any(fnmatch.fnmatchcase(term, one.lower()) for term in terms) or (one == "*" and found)):
            return True
    return False


def _in_range(line: Line, field: Field, node: Range) -> bool:
    assert isinstance(node.value, Literal)
    text = str(node.value.value)
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda a, b: a < b,
        "<=": lambda a, b: a <= b,
        ">": lambda a, b: a > b,
        ">=": lambda a, b: a >= b,
    }
    bound: Any = text
    found = values(line, field)
    if field.type in {FieldType.LONG, FieldType.DOUBLE}:
        bound = float(text)
    elif field.type is FieldType.DATE:
        covered = _span(text)
        assert covered is not None
        bound = covered.first if node.op in {">=", "<"} else covered.last
    elif field.type is FieldType.IP:
        bound, *found = (_as_version_6(_address(value)) for value in (text, *found))
    return any(compare[node.op](value, bound) for value in found)


def _as_version_6(text: str) -> int:
    address = ipaddress.ip_address(text)
    return int(ipaddress.IPv6Address(f"::ffff:{address}") if address.version == 4 else address)


def rows(query: Query, lines: Iterable[Line]) -> list[tuple[Any, ...]]:
    """The rows of a query with groups or metrics, without order and limit."""
    groups: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    if not query.groups:
        groups[()] = []
    for line in lines:
        if _in(line, query.where):
            for keys in _keys(line, query.groups):
                groups[keys].append(line)
    every = [line for found in groups.values() for line in found]  # a line of several groups counts in each
    return [
        (*keys, *(_measure(metric, found, query, every) for metric in query.metrics)) for keys, found in groups.items()
    ]


def _in(line: Line, clause: Clause) -> bool:
    return fits(line, parse(clause.text))


def _keys(line: Line, groups: tuple[Group, ...]) -> list[tuple[Any, ...]]:
    keys: list[tuple[Any, ...]] = [()]
    for group in groups:
        if isinstance(group, ByFilters):
            first = next((name for name, clause in group.clauses if _in(line, clause)), group.other)
            found: list[Any] = [] if first is None else [first]
        elif isinstance(group, ByTerms):
            found = values(line, group.field)
            if group.part in {"product", "version"}:
                programs = [str(text).split(" ")[0].partition("/") for text in found]
                found = [last if group.part == "version" else first for first, _, last in programs if first]
            elif group.first and [one for one in values(line, group.first) if one != ""]:
                found = values(line, group.first)
            elif group.part == "reference":
                found = [one for one in (_reference(str(path).partition("?")[0]) for path in found) if one]
            elif group.part == "namespace":
                found = [first for first in (str(text).partition("/")[0] for text in found) if first]
            elif group.part:
                parts = [_part(str(path).partition("?")[0], group.part) for path in found]
                found = [part for part in parts if part]
            found = [one for one in found if one != ""]  # which is as good as none
            found = list(dict.fromkeys(found)) or ([None] if group.missing else [])
        else:
            found = [value // (group.seconds * 1000) * group.seconds * 1000 for value in values(line, group.field)]
        keys = [(*key, value) for key in keys for value in found]
    return keys


def _reference(path: str) -> str:
    """The tag or digest of a manifest's path."""
    start, _, last = path.removesuffix("/").rpartition("/")
    for route in ("/manifests", "/tags/reference"):
        if start.startswith("/v2/") and start.endswith(route) and start.removesuffix(route) > "/v2/":
            return last
    return ""


def _part(path: str, part: int | str) -> str:
    """A segment of a path, or the repository: what stands before the words of the last route that fits."""
    if isinstance(part, int):
        return "".join(path.split("/")[part : part + 1])
    path = path.removesuffix("/")
    if path.startswith("/gitlab/v1/repositories/"):
        name = path.removeprefix("/gitlab/v1/repositories/")
        detail, _, tag = name.rpartition("/")
        return (
            detail.removesuffix("/tags/detail")
            if tag and detail.endswith("/tags/detail")
            else name.removesuffix("/tags/list")
        )
    start, _, last = path.removeprefix("/v2/").rpartition("/")
    if not path.startswith("/v2/"):
        return ""
    for route in ("manifests", "blobs", "referrers", "tags/reference"):
        if last and start.endswith(f"/{route}"):
            return start.removesuffix(f"/{route}")
    if last == "list" and start.endswith("/tags"):
        return start.removesuffix("/tags")
    return start.removesuffix("/blobs/uploads") if start.endswith("/blobs/uploads") else ""


def _share(metric: QueryMetric, lines: list[Line], query: Query, every: list[Line]) -> float | None:
    amount = replace(metric, kind=MetricKind.SUM if metric.field else MetricKind.COUNT)
    total = _measure(amount, every, query, every)
    return _measure(amount, lines, query, every) / total if total else None


def _measure(metric: QueryMetric, lines: list[Line], query: Query, every: list[Line]) -> Any:
    chosen = [line for line in lines if _in(line, metric.where)]
    if metric.kind is MetricKind.SHARE:
        return _share(metric, lines, query, every)
    if metric.kind is MetricKind.RATIO:
        whole = sum(_in(line, metric.whole) for line in lines)
        return len(chosen) / whole if whole else None
    found = [value for line in chosen for value in (values(line, metric.field) if metric.field else [1])]
    if metric.kind in {MetricKind.CARDINALITY, MetricKind.MIN, MetricKind.MAX}:
        found = [one for one in found if one != ""]
    if metric.kind is MetricKind.RATE:
        seconds = next(group.seconds for group in query.groups if isinstance(group, ByTime) and group.seconds)
        return sum(found) * metric.per_seconds / seconds
    if metric.kind in {MetricKind.COUNT, MetricKind.SUM, MetricKind.CARDINALITY}:
        return len(set(found)) if metric.kind is MetricKind.CARDINALITY else sum(found)
    if not found:
        return None
    return _of_many(metric, sorted(found))


def _of_many(metric: QueryMetric, found: list[Any]) -> Any:
    if metric.kind is MetricKind.PERCENTILE:
        place = metric.percent / 100 * (len(found) - 1)
        low = int(place)
        high = min(low + 1, len(found) - 1)
        return found[low] + (found[high] - found[low]) * (place - low)
    if metric.kind is MetricKind.AVG:
        return sum(found) / len(found)
    if metric.field and metric.field.type is FieldType.IP:
        found = sorted(found, key=lambda one: int(ipaddress.ip_address(_as_version_6(one))))
    return found[0] if metric.kind is MetricKind.MIN else found[-1]
