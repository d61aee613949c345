"""Run log queries on an Elasticsearch: all pages of the groups or lines, ordered and cut here."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.errors import MachineError
from regobs.logs.answer import Answer
from regobs.logs.duckdb.columns import empty, shown, types_of, without_secrets
from regobs.logs.elasticsearch.cluster import Cluster, Moment
from regobs.logs.elasticsearch.rows import Bucket, Row, row_of, rows_of
from regobs.logs.elasticsearch.search import PAGE, Search, compiled
from regobs.logs.finish import finished
from regobs.logs.no_text import with_and_without, without_empty_texts
from regobs.logs.query import Query

INDEX = "logs-registry-*"
_MOST_GROUPS = 1_000_000  # kept in memory, for they are ordered here


def run(query: Query, cluster: Cluster, *, index: str = INDEX) -> Answer:
    """The answer of a query over an index, alias, data stream or pattern of these.

    Raises ServerError when the server is not there or refuses, MachineError when there are too many groups.
    """
    with cluster.moment(index) as moment:
        lines = moment.lines()
        found = _groups(query, moment) if query.metrics else list(_hits(query, compiled(query), moment))
    types = types_of(query)
    cells = [tuple(shown(value, one) for value, one in zip(row, types, strict=True)) for row in found]
    return Answer(query.names, without_secrets(query, cells), lines, malformed=0, units=query.units)


def _groups(query: Query, moment: Moment) -> list[Row]:
    rows: list[Row] = []
    for part, left_out in with_and_without(without_empty_texts(query)):
        for page in _pages(compiled(part), moment, query.name):
            rows += (_whole(row, left_out) for row in _of_lines(part, left_out, page))
            if len(rows) > _MOST_GROUPS:
                raise MachineError(
                    f"the query has more than {_MOST_GROUPS:,} groups",
                    next_step="narrow it with --where or --from, or group by a field with fewer values",
                )
    if not rows and not query.groups:
        rows = [empty(query)]
    return finished(query, rows)


def _of_lines(part: Query, left_out: tuple[int, ...], page: list[Bucket]) -> Iterator[Row]:
    """The rows of buckets. The bucket of all lines, where no other group is left, is none where there are no lines."""
    return rows_of(part, [one for one in page if one["doc_count"]] if left_out else page)


def _whole(row: Row, left_out: tuple[int, ...]) -> Row:
    """The row with nothing in the place of each group that was left out."""
    found = list(row)
    for at in left_out:
        found.insert(at, None)
    return tuple(found)


def _pages(search: Search, moment: Moment, name: str) -> Iterator[list[Bucket]]:
    """The buckets of the composite, page by page; without one the whole answer as a bucket."""
    body = search.body
    while True:
        answer = moment.search(body, query=name)
        if search.after is None:
            yield [{"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}]
            return
        composite = answer["aggregations"][search.after]
        yield composite["buckets"]
        inner = body["aggs"][search.after]
        # A page that is not full is the last. OpenSearch 3.3 fails when it is asked for one behind the last bucket.
        if "after_key" not in composite or len(composite["buckets"]) < inner["composite"]["size"]:
            return
        paged = {**inner, "composite": {**inner["composite"], "after": composite["after_key"]}}
        body = {**body, "aggs": {search.after: paged}}


def _hits(query: Query, search: Search, moment: Moment) -> Iterator[Row]:
    body, left = search.body, query.limit
    while True:
        hits = moment.search({**body, "track_total_hits": False}, query=query.name)["hits"]["hits"]
        for hit in hits:
            yield row_of(query, hit["_source"])
        left = None if left is None else left - len(hits)
        if len(hits) < body["size"] or left == 0:
            return
        body = {**body, "search_after": hits[-1]["sort"], "size": min(left or PAGE, PAGE)}
