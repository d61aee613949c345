"""A log query: which lines (KQL), grouped by what, measured how. Saved ones are `log_schemas/queries/*.query.yaml`."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct
from msgspec import field as made
from msgspec.structs import replace

from regobs.logs.fields import Field, FieldType
from regobs.logs.kql.condition import Condition, Fixed, both

EVERYTHING = Fixed(holds=True)


class Clause(Struct, frozen=True):
    """A KQL text with what it means."""

    text: str = ""
    condition: Condition = EVERYTHING


class MetricKind(Enum):
    """What a metric computes from the lines of a group."""

    COUNT = "count"
    SUM = "sum"  # 0 when no line has the field, as in Elasticsearch
    AVG = "avg"
    MIN = "min"  # of text the first in its order, so the one value where a group has no other
    MAX = "max"
    PERCENTILE = "percentile"  # interpolated between neighbours; Elasticsearch approximates it
    CARDINALITY = "cardinality"  # exact; Elasticsearch approximates it above its precision threshold
    RATE = "rate"  # lines, or the sum of a field, per `per_seconds`, over the time bucket
    SHARE = "share"  # lines, or the sum of a field, of this group over that of all groups; nothing when they have none
    RATIO = "ratio"  # lines that fit `where` over those that fit `whole`; nothing when the whole is empty


class QueryMetric(Struct, frozen=True):
    """One column of numbers. `field` is None for a count of lines."""

    name: str
    kind: MetricKind
    field: Field | None = None
    where: Clause = made(default_factory=Clause)
    whole: Clause = made(default_factory=Clause)
    percent: float = 0.0
    per_seconds: int = 1

    @property
    def text(self) -> bool:
        """Whether it is one of the texts of a group, or of its addresses, and no number or time."""
        shown = self.field is not None and self.field.type in {FieldType.KEYWORD, FieldType.IP}
        return shown and self.kind in {MetricKind.MIN, MetricKind.MAX}


def _unit(metric: QueryMetric) -> str | None:
    if metric.kind in {MetricKind.RATIO, MetricKind.SHARE}:
        return "ratio"
    unit = metric.field.unit if metric.field and metric.kind is not MetricKind.CARDINALITY else None
    per = {1: "s", 60: "min", 3600: "h"}.get(metric.per_seconds, f"{metric.per_seconds} s")
    return f"{unit or '1'}/{per}" if metric.kind is MetricKind.RATE else unit


class ByTerms(Struct, frozen=True):
    """One group for each value; lines without the field are left out unless `missing`.

    With a `part` the value is that part of a path, from 1: part 2 of `/v2/group/project` is `group`; the part
    `repository` is `group/project` of `/v2/group/project/tags/list`, `namespace` is `group` of `group/project`. The
    parts `product` and `version` are those of the first program that a User-Agent header names, `reference` is the tag
    or digest of a manifest's path. A line that has the field `first` is in the group of that value instead.
    """

    name: str
    field: Field
    missing: bool = False
    part: int | str = 0
    first: Field | None = None


class ByTime(Struct, frozen=True):
    """One group for each stretch of time: `seconds` counted from 1970, or a `calendar` unit in UTC."""

    name: str
    field: Field
    seconds: int = 0
    calendar: str = ""  # week, month, quarter, year


class ByFilters(Struct, frozen=True):
    """One group for each clause; a line is in the first that fits, lines that fit none in `other` or left out."""

    name: str
    clauses: tuple[tuple[str, Clause], ...]
    other: str | None = None


Group = ByTerms | ByTime | ByFilters


class Order(Struct, frozen=True):
    """Sort by a column; what is missing comes last."""

    column: str
    descending: bool


class Query(Struct, frozen=True):
    """A query. Without metrics its rows are lines, of which `columns` are shown.

    `flavor` is the only registry that writes its lines, where the others write none.
    """

    name: str
    title: str = ""
    description: str = ""
    where: Clause = made(default_factory=Clause)
    groups: tuple[Group, ...] = ()
    metrics: tuple[QueryMetric, ...] = ()
    columns: tuple[Field, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    flavor: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns of the answer."""
        return tuple(one.name for one in (*self.groups, *self.metrics)) or tuple(one.name for one in self.columns)

    @property
    def units(self) -> tuple[str | None, ...]:
        """The unit of each column of the answer: that of its field, `ratio` of a share, None of a count and of text."""
        if not self.metrics and not self.groups:
            return tuple(one.unit for one in self.columns)
        return (*(None for _ in self.groups), *(_unit(one) for one in self.metrics))

    def narrowed(self, *clauses: Clause) -> Query:
        """The query over those of its lines that fit the clauses too."""
        texts = [clause.text for clause in (self.where, *clauses) if clause.text]
        text = texts[0] if len(texts) == 1 else " and ".join(f"({one})" for one in texts)
        condition = both(self.where.condition, *(clause.condition for clause in clauses))
        return replace(self, where=Clause(text, condition))

    @property
    def ordering(self) -> tuple[Order, ...]:
        """The order with the groups as last word, so that rows with equal numbers stand still."""
        given = {order.column for order in self.order}
        return (*self.order, *(Order(one.name, descending=False) for one in self.groups if one.name not in given))
