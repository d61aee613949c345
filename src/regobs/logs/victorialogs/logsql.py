"""Queries to LogsQL of VictoriaLogs, over lines whose message field was `msg` and time field `time` at ingestion.

There the two are called `_msg` and `_time`, and every value is text; an empty one is as good as none. Ratios, rates,
shares, order and limit of groups are left to the client. Source of the language: VictoriaLogs 1.52, lib/logstorage.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from regobs.errors import LogQueryError
from regobs.logs.fields import Field, FieldType
from regobs.logs.kql import addresses, condition
from regobs.logs.kql.condition import Between, Condition, Equals, Like, Present, TermLike, Terms
from regobs.logs.kql.dates import iso
from regobs.logs.path_part import pattern
from regobs.logs.query import EVERYTHING, ByFilters, ByTerms, Clause, Group, MetricKind, Query, QueryMetric

_NAMES = {"msg": "_msg", "time": "_time"}


def as_logsql(query: Query) -> str:
    """The query as one LogsQL text. Raises LogQueryError for what has no LogsQL."""
    parts = [_where(query)]
    if not query.metrics:
        shown = ", ".join(name for field in query.columns for name in _shown(field))
        orders = [f"{_column(one.column)}{' desc' if one.descending else ''}" for one in query.order]
        # Lines that are equal in this stand in the order of what is shown, as from files.
        orders += [_name(one) for one in query.columns if orders and _name(one) not in orders] or ['"_time"']
        limit = [f"limit {query.limit}"] if query.limit is not None else []
        return " | ".join([*parts, f"sort by ({', '.join(orders)})", *limit, f"fields {shown}"])
    for at, group in enumerate(query.groups):
        if isinstance(group, ByFilters):
            parts += _named(group, at)
        elif isinstance(group, ByTerms) and group.part:
            parts += _parted(group, at)
    by = ", ".join(_grouped_by(group, at) for at, group in enumerate(query.groups))
    counted = ", ".join(text for at, metric in enumerate(query.metrics) for text in _metric(metric, at))
    parts.append(f"stats by ({by}) {counted}" if by else f"stats {counted}")
    return " | ".join(parts)


def group_column(at: int, group: Group) -> str:
    """The name that the values of a group have in the answer."""
    if isinstance(group, ByFilters) or (isinstance(group, ByTerms) and group.part):
        return f"_g{at}"
    return _NAMES.get(group.field.name, group.field.name)


def may_be_object(field: Field) -> bool:
    """Whether lines may have an object there, of which VictoriaLogs makes a field for each of its values."""
    return field.type is FieldType.OBJECT or field.loose


def _shown(field: Field) -> tuple[str, ...]:
    return (_name(field), _column(f"{field.name}.*")) if may_be_object(field) else (_name(field),)


def _where(query: Query) -> str:
    needed = [Present(one.field) for one in query.groups if isinstance(one, ByTerms) and not (one.missing or one.first)]
    return _text(condition.both(query.where.condition, *needed))


def _named(group: ByFilters, at: int) -> list[str]:
    """The name of the first clause that fits as a field: later ones are written before earlier ones."""
    column = f'"_g{at}"'
    first = [f"format {_quoted(group.other)} as {column}"] if group.other is not None else []
    named = [
        f"format if ({_text(clause.condition)}) {_quoted(name)} as {column}" for name, clause in reversed(group.clauses)
    ]
    return [*first, *named, *([] if group.other is not None else [f"filter {column}:*"])]


def _parted(group: ByTerms, at: int) -> list[str]:
    """The part of a path as a field: what the groups of its expression hold, one behind the other."""
    column, text = f'"_g{at}"', pattern(group.part)
    names = [f"_g{at}_{number}" for number in range(text.count("([^"))]
    for name in names:
        text = text.replace("([^", f"(?P<{name}>[^", 1)
    found = [
        f"extract_regexp {_quoted(text)} from {_name(group.field)}",
        f"format {_quoted(''.join(f'<{name}>' for name in names))} as {column}",
    ]
    if group.first:
        own = _name(group.first)
        found.append(f"format if ({own}:*) {_quoted(f'<{group.first.name}>')} as {column}")
    return found if group.missing else [*found, f"filter {column}:*"]


def _grouped_by(group: Group, at: int) -> str:
    if isinstance(group, ByFilters) or (isinstance(group, ByTerms) and group.part):
        return f'"_g{at}"'
    if isinstance(group, ByTerms):
        if group.field.type in {FieldType.KEYWORD_LIST, FieldType.OBJECT}:
            raise _unable(f"{group.field.name} makes no groups in VictoriaLogs")
        return _name(group.field)
    if group.field.name != "time" or not group.seconds:
        raise _unable(f"groups by {group.calendar or group.field.name} are not made in VictoriaLogs")
    return f"_time:{group.seconds}s"


def _metric(metric: QueryMetric, at: int) -> list[str]:
    """The functions of a metric. A ratio has two; the client divides them."""
    if metric.kind is MetricKind.RATIO:
        return [f'count(){_only(metric.where)} as "_m{at}"', f'count(){_only(metric.whole)} as "_w{at}"']
    return [f'{_function(metric)}{_only(metric.where)} as "_m{at}"']


def _function(metric: QueryMetric) -> str:
    if metric.field is None:
        return "count()"
    if metric.field.type in {FieldType.KEYWORD_LIST, FieldType.OBJECT}:
        raise _unable(f"{metric.field.name} is not measured in VictoriaLogs")
    name = _name(metric.field)
    if metric.kind is MetricKind.PERCENTILE:
        return f"quantile({metric.percent / 100!r}, {name})"
    if metric.kind is MetricKind.CARDINALITY:
        return f"count_uniq({name})"
    return f"{metric.kind.value if metric.kind in {MetricKind.AVG, MetricKind.MIN, MetricKind.MAX} else 'sum'}({name})"


def _only(clause: Clause) -> str:
    return "" if clause.condition == EVERYTHING else f" if ({_text(clause.condition)})"


def _text(asked: Condition) -> str:
    """A condition as a filter."""
    if isinstance(asked, condition.Fixed):
        return "*" if asked.holds else "!*"
    if isinstance(asked, condition.No):
        return f"!({_text(asked.of)})"
    if isinstance(asked, condition.All):
        return f"({' '.join(map(_text, asked.of))})"
    if isinstance(asked, condition.Any | condition.Anywhere):
        return f"({' or '.join(map(_text, asked.of))})" if asked.of else "!*"
    if asked.field.type in {FieldType.KEYWORD_LIST, FieldType.OBJECT} and not isinstance(asked, Present):
        raise _unable(f"{asked.field.name} is not compared in VictoriaLogs")
    return _LEAVES[type(asked)](asked)


def _equals(asked: Equals) -> str:
    if isinstance(asked.value, bool):
        return f"{_name(asked.field)}:={_quoted(str(asked.value).lower())}"
    if isinstance(asked.value, str):
        return f"{_name(asked.field)}:={_quoted(asked.value)}"
    return f"{_name(asked.field)}:range[{asked.value}, {asked.value}]"


def _present(asked: Present) -> str:
    return f"{_name(asked.field)}:*"


def _between(asked: Between) -> str:
    if asked.field.type is FieldType.IP:
        return _addresses(asked)
    if asked.field.type is FieldType.DATE:
        return _times(asked)
    if asked.field.type is FieldType.KEYWORD:
        raise _unable(f"{asked.field.name} is text, whose order is not compared in VictoriaLogs")
    ends = [
        f"{_name(asked.field)}:{sign}{'=' if bound.inclusive else ''}{_quoted(str(bound.value))}"
        for sign, bound in ((">", asked.low), ("<", asked.high))
        if bound is not None
    ]
    return f"({' '.join(ends)})"


def _times(asked: Between) -> str:
    """A range of whole milliseconds; the times of lines have nanoseconds."""
    if asked.field.name != "time":
        raise _unable(f"{asked.field.name} is no time to VictoriaLogs, which knows that of the line only")
    ends = []
    if asked.low is not None:
        ends.append(f"_time:>={iso(int(asked.low.value) + (not asked.low.inclusive))}")
    if asked.high is not None:
        ends.append(f"_time:<{iso(int(asked.high.value) + asked.high.inclusive)}")
    return f"({' '.join(ends)})"


def _addresses(asked: Between) -> str:
    bounds = (asked.low, asked.high)
    if any(bound is None or not bound.inclusive for bound in bounds):
        raise _unable(f"{asked.field.name} is compared with an address or a block of them in VictoriaLogs")
    low, high = (addresses.address(str(bound.value)) for bound in bounds if bound is not None)
    return f"{_name(asked.field)}:{'ipv6' if ':' in low else 'ipv4'}_range({_quoted(low)}, {_quoted(high)})"


def _like(asked: Like) -> str:
    pattern = ".*".join(re.escape(part) for part in asked.parts)
    return f"{_name(asked.field)}:~{_quoted(f'(?s)^{pattern}$')}"


def _terms(asked: Terms) -> str:
    """Words and phrases, in any case, as VictoriaLogs takes them: letters, digits and underscores make a word."""
    texts = [asked.written] if asked.phrase else asked.terms
    found = [f"{_name(asked.field)}:i({_quoted(text)})" for text in texts]
    return found[0] if len(found) == 1 else f"({' or '.join(found)})"


def _term_like(asked: TermLike) -> str:
    pattern = r"(?i)(?:^|\W)" + r"\w*".join(re.escape(part) for part in asked.parts) + r"(?:\W|$)"
    return f"{_name(asked.field)}:~{_quoted(pattern)}"


def _name(field: Field) -> str:
    return _column(field.name)


def _column(name: str) -> str:
    return json.dumps(_NAMES.get(name, name))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _unable(message: str) -> LogQueryError:
    return LogQueryError(message, next_step="ask local files or Elasticsearch, or take another field")


_LEAVES: dict[type, Callable[[Any], str]] = {
    Equals: _equals,
    Present: _present,
    Between: _between,
    Like: _like,
    Terms: _terms,
    TermLike: _term_like,
}
