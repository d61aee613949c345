"""Queries to Elasticsearch's Query DSL, with what every distribution of it can do.

Only a part of a path is computed by a script, which reads the line as it was written: OpenSearch keeps no doc values
of a `wildcard`.

Groups are one `composite`, read page by page, with groups by filters inside it; ordering, limits, ratios, shares,
rates and groups without lines are left to the client.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from regobs.logs.fields import FieldType
from regobs.logs.kql import addresses, condition
from regobs.logs.kql.condition import Between, Bound, Condition, Equals, Like, Present, TermLike, Terms
from regobs.logs.kql.nodes import Literal, Word
from regobs.logs.path_part import NAMESPACE, PRODUCT, REFERENCE, REPOSITORY, VERSION, Part
from regobs.logs.query import (
    EVERYTHING,
    ByFilters,
    ByTerms,
    ByTime,
    Clause,
    Group,
    MetricKind,
    Order,
    Query,
    QueryMetric,
)

Dsl = dict[str, Any]
PAGE = 1000  # groups or lines of one page
_MOST_PARTS = 60_000  # of an answer: search.max_buckets is 65,536 by default
_RESERVED = '+-=&|><!(){}[]^"~*?:\\/'  # of query_string
_PRECISION = 40_000  # the highest precision_threshold of cardinality
# The digest keeps every value of a group up to 20 times this number, so far a percentile is exact; beyond, a sketch.
_COMPRESSION = 1000
_ENDS = {MetricKind.MIN: "asc", MetricKind.MAX: "desc"}

_SEGMENTS = """
def path = params._source[params.path];
if (!(path instanceof String)) return null;
int query = path.indexOf('?');
if (query >= 0) path = path.substring(0, query);
"""
_SEGMENT = (
    _SEGMENTS
    + """
def segments = path.splitOnToken('/');
return segments.length > params.part && segments[params.part] != '' ? segments[params.part] : null;
"""
)
# As the expression of path_part.py, without one: a cluster may forbid them in scripts.
_REPOSITORY = (
    _SEGMENTS
    + """
if (path.endsWith('/')) path = path.substring(0, path.length() - 1);
def segments = path.splitOnToken('/');
int count = segments.length, first = 0, end = 0;
if (path.startsWith('/v2/') && count > 4) {
  first = 2;
  String route = segments[count - 2], last = segments[count - 1];
  boolean named = last != '' && (route == 'manifests' || route == 'blobs' || route == 'referrers');
  if (named || (route == 'tags' && last == 'list')) end = count - 2;
  else if (route == 'uploads' && segments[count - 3] == 'blobs') end = count - 3;
  else if (last != '' && route == 'reference' && segments[count - 3] == 'tags') end = count - 3;
} else if (path.startsWith('/gitlab/v1/repositories/')) {
  first = 4;
  if (count > 7 && segments[count - 3] == 'tags' && segments[count - 2] == 'detail') end = count - 3;
  else if (count > 6 && segments[count - 2] == 'tags' && segments[count - 1] == 'list') end = count - 2;
  else end = count;
}
if (end <= first) return null;
String repository = String.join('/', Arrays.asList(segments).subList(first, end));
return repository == '' ? null : repository;
"""
)

_REFERENCE = (
    _SEGMENTS
    + """
if (path.endsWith('/')) path = path.substring(0, path.length() - 1);
def segments = path.splitOnToken('/');
int count = segments.length;
if (!path.startsWith('/v2/') || count < 5 || segments[count - 1] == '') return null;
if (count == 5 && segments[2] == '') return null;
boolean tag = count > 5 && segments[count - 2] == 'reference' && segments[count - 3] == 'tags';
return tag || segments[count - 2] == 'manifests' ? segments[count - 1] : null;
"""
)
# Stands before another script, so its variable is named as none there.
_FIRST = """
def own = params._source[params.first];
if (own instanceof String && own != '') return own;
"""

_FIRST_PROGRAM = """
def text = params._source[params.path];
if (!(text instanceof String)) return null;
int end = text.indexOf(' ');
String program = end < 0 ? text : text.substring(0, end);
int slash = program.indexOf('/');
"""
_PRODUCT = (
    _FIRST_PROGRAM
    + """
String product = slash < 0 ? program : program.substring(0, slash);
return product == '' ? null : product;
"""
)
_VERSION = _FIRST_PROGRAM + "return slash < 1 || slash == program.length() - 1 ? null : program.substring(slash + 1);"
_SCRIPTS: dict[Part, str] = {REPOSITORY: _REPOSITORY, REFERENCE: _REFERENCE, PRODUCT: _PRODUCT, VERSION: _VERSION}


@dataclass(frozen=True, slots=True)
class Search:
    """The body of a search. `after` names the composite whose `after_key` asks for the next page, if there is one."""

    body: Dsl
    after: str | None = None


def compiled(query: Query) -> Search:
    """The search of a query. `buckets` is the name of its groups, a metric's name that of its part of a bucket.

    A count of all lines of a bucket needs no part: it is the bucket's `doc_count`.
    """
    where = dsl(query.where.condition)
    if not query.metrics:
        return Search(_hits(query, where))
    metrics = {key: value for metric in query.metrics for key, value in _metric(metric).items()}
    body = {"size": 0, "track_total_hits": True, "query": where}
    keyed = [group for group in query.groups if not isinstance(group, ByFilters)]
    filters = [group for group in query.groups if isinstance(group, ByFilters)]
    inner, parts = metrics, len(metrics) + 1
    for group in reversed(filters):
        named = _filters(group)
        inner = {group.name: {"filters": named, **_within(inner)}}
        parts = (len(named["filters"]) + 1) * parts + 1
    if keyed:  # on the outside: a composite may have no parent
        sources = [{group.name: _source(group)} for group in keyed]
        size = max(1, min(PAGE, _MOST_PARTS // parts))
        inner = {"buckets": {"composite": {"size": size, "sources": sources}, **_within(inner)}}
    return Search({**body, **_within(inner)}, after="buckets" if keyed else None)


def _within(aggregations: Dsl) -> Dsl:
    return {"aggs": aggregations} if aggregations else {}


def _hits(query: Query, where: Dsl) -> Dsl:
    """Lines; without an order in that of their time, which is the one of files."""
    orders = query.ordering or (Order("time", descending=False),)
    sort = [{one.column: {"order": "desc" if one.descending else "asc", "missing": "_last"}} for one in orders]
    shown = [field.name for field in query.columns]
    return {"query": where, "_source": shown, "sort": sort, "size": min(query.limit or PAGE, PAGE)}


def _part(group: ByTerms) -> tuple[str, Dsl]:
    """The script that returns the part by which lines are grouped, null where there is none, and its parameters."""
    source = _SCRIPTS.get(group.part, _SEGMENT)
    params: Dsl = {"path": group.field.name, "part": 0 if group.part == NAMESPACE else group.part}
    return (_FIRST + source, params | {"first": group.first.name}) if group.first else (source, params)


def runtime_script(group: ByTerms) -> str:
    """The part by which lines are grouped as the script of a runtime field, which emits it and takes no parameters."""
    source, params = _part(group)
    given = ", ".join(
        f"'{name}': " + (f"'{value}'" if isinstance(value, str) else f"{value}") for name, value in params.items()
    )
    return (
        f"String part(Map params) {{{source}}}\n"
        f"String found = part(['_source': params._source, {given}]);\nif (found != null) emit(found);"
    )


def _source(group: Group) -> Dsl:
    if isinstance(group, ByTerms):
        if group.part:
            source, params = _part(group)
            script = {"source": source, "lang": "painless", "params": params}
            return {"terms": {"script": script, "missing_bucket": group.missing}}
        return {"terms": {"field": group.field.term, "missing_bucket": group.missing}}
    assert isinstance(group, ByTime)  # noqa: S101 - filters are no source
    unit = {"fixed_interval": f"{group.seconds}s"} if group.seconds else {"calendar_interval": f"1{group.calendar[0]}"}
    if group.calendar in {"month", "quarter"}:
        unit = {"calendar_interval": {"month": "1M", "quarter": "1q"}[group.calendar]}
    return {"date_histogram": {"field": group.field.name, **unit}}


def _filters(group: ByFilters) -> Dsl:
    """The clauses, each without what an earlier one has: the first that fits is the group of a line."""
    named: dict[str, Dsl] = {}
    earlier: list[Dsl] = []
    for name, clause in group.clauses:
        own = dsl(clause.condition)
        named[name] = {"bool": {"filter": [own], "must_not": list(earlier)}} if earlier else own
        earlier.append(own)
    return {"filters": named, **({"other_bucket_key": group.other} if group.other is not None else {})}


def _metric(metric: QueryMetric) -> dict[str, Dsl]:
    """The aggregations of a metric. A ratio has two, `name` and `name:whole`; the client divides them."""
    if metric.kind is MetricKind.RATIO:
        return _filtered(metric.name, metric.where, {}) | _filtered(f"{metric.name}:whole", metric.whole, {})
    return _filtered(metric.name, metric.where, _measured(metric) if metric.field else {})


def _filtered(name: str, clause: Clause, measured: Dsl) -> dict[str, Dsl]:
    """What is measured, of the lines that fit the clause where it says something."""
    if clause.condition == EVERYTHING:
        return {name: measured} if measured else {}
    return {name: {"filter": dsl(clause.condition), **_within({"value": measured} if measured else {})}}


def _measured(metric: QueryMetric) -> Dsl:
    name = metric.field.term if metric.field else ""
    if metric.kind is MetricKind.PERCENTILE:
        digest = {"tdigest": {"compression": _COMPRESSION}}
        return {"percentiles": {"field": name, "percents": [metric.percent], "keyed": False, **digest}}
    if metric.kind is MetricKind.CARDINALITY:
        return {"cardinality": {"field": name, "precision_threshold": _PRECISION}}
    if metric.text:  # `min` and `max` are of numbers
        return {"terms": {"field": name, "size": 1, "order": {"_key": _ENDS[metric.kind]}}}
    return {("sum" if metric.kind in {MetricKind.RATE, MetricKind.SHARE} else metric.kind.value): {"field": name}}


def dsl(asked: Condition) -> Dsl:
    """A condition in filter context."""
    if isinstance(asked, condition.Fixed):
        return {"match_all": {}} if asked.holds else {"match_none": {}}
    if isinstance(asked, condition.All):
        return {"bool": {"filter": [dsl(part) for part in asked.of]}}
    if isinstance(asked, condition.Any):
        return {"bool": {"should": [dsl(part) for part in asked.of], "minimum_should_match": 1}}
    if isinstance(asked, condition.No):
        return {"bool": {"must_not": [dsl(asked.of)]}}
    if isinstance(asked, condition.Anywhere):
        return _anywhere(asked.written)
    return _LEAVES[type(asked)](asked)


def _anywhere(written: Word) -> Dsl:
    if not isinstance(written, Literal):
        query = "*".join("".join(f"\\{c}" if c in _RESERVED else c for c in part) for part in written.parts)
        return {"query_string": {"query": query, "lenient": True}}
    text = written.value if isinstance(written.value, str) else str(written.value).lower()
    return {"multi_match": {"type": "phrase" if written.quoted else "best_fields", "query": text, "lenient": True}}


def _equals(asked: Equals) -> Dsl:
    return {"term": {asked.field.name: {"value": asked.value}}}


def _present(asked: Present) -> Dsl:
    return {"exists": {"field": asked.field.name}}


def _between(asked: Between) -> Dsl:
    ends: Dsl = {}
    for word, bound in (("gt", asked.low), ("lt", asked.high)):
        if bound is not None:
            ends[word + ("e" if bound.inclusive else "")] = _end(asked, bound)
    if asked.field.type is FieldType.DATE:
        ends["format"] = "epoch_millis"
    return {"range": {asked.field.name: ends}}


def _end(asked: Between, bound: Bound) -> Any:
    is_address = asked.field.type is FieldType.IP and isinstance(bound.value, str)
    return addresses.address(str(bound.value)) if is_address else bound.value


def _like(asked: Like | TermLike) -> Dsl:
    pattern = "*".join("".join(f"\\{char}" if char in "\\*?" else char for char in part) for part in asked.parts)
    return {"wildcard": {asked.field.name: {"value": pattern}}}


def _terms(asked: Terms) -> Dsl:
    return {("match_phrase" if asked.phrase else "match"): {asked.field.name: {"query": asked.written}}}


_LEAVES: dict[type, Callable[[Any], Dsl]] = {
    Equals: _equals,
    Present: _present,
    Between: _between,
    Like: _like,
    TermLike: _like,
    Terms: _terms,
}
