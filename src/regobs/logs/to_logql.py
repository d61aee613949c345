"""Queries to LogQL of Grafana Loki, over JSON lines with the names of the GitLab registry 4.x.

A LogQL query has one number a group and no time of its own: each metric becomes a query, the span is Grafana's
`$__range`, and order and limit are left to the reader. An empty label is as good as none. No test asks a Loki:
Grafana's grammar of LogQL proves the syntax, nothing proves the rows. Source of the language: Loki 3, pkg/logql.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import product
from typing import Any

from regobs.errors import LogQueryError
from regobs.logs.fields import Field, FieldType
from regobs.logs.kql import addresses, condition
from regobs.logs.kql.condition import Between, Condition, Equals, Like, No, Present, TermLike, Terms, both
from regobs.logs.path_part import pattern
from regobs.logs.query import EVERYTHING, ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Query, QueryMetric

STREAM = '{job="registry"}'
RANGE = "$__range"
_NO_LETTER = r"[^\pL\pN_]"
_NUMBERS = frozenset({FieldType.LONG, FieldType.DOUBLE})
_NESTED = frozenset({FieldType.KEYWORD_LIST, FieldType.OBJECT})
# A line that is no JSON, and a value that is no number, leave a mark; what has none is as asked.
_READABLE = ' | __error__=""'
# A line's time as a number; a shipper gives the line its own.
_TIME_LABEL, _TIME = "regobs_time", "`{{ __timestamp__ | unixEpochMillis }}`"


def as_logql(query: Query, stream: str = STREAM) -> str:
    """The query as LogQL: one text for lines, else one for each metric under a comment with its name.

    Raises LogQueryError for what has no LogQL, with the reason.
    """
    if not query.metrics:
        return _lines(query, stream)
    steps = [group for group in query.groups if isinstance(group, ByTime)]
    note = f", asked with a step of {_span(steps[0])}" if steps else ""
    return "\n".join(f"# {metric.name}{note}\n{_metric(query, metric, stream)}" for metric in query.metrics)


def _lines(query: Query, stream: str) -> str:
    by_time = [one for one in query.order if one.column != "time"]
    if by_time:
        raise _unable(f"Loki orders lines by their time, not by {by_time[0].column}")
    shown = " ".join(f"{{{{.{_label(field)}}}}}" for field in query.columns)
    return f"{stream}{_pipeline(query.where.condition)} | line_format `{shown}`"


def _metric(query: Query, metric: QueryMetric, stream: str) -> str:
    """A metric of every group. Groups by filters are a vector each, under a label of their own."""
    terms = [group for group in query.groups if isinstance(group, ByTerms)]
    filters = [group for group in query.groups if isinstance(group, ByFilters)]
    needed = [Present(one.field) for one in terms if not one.missing]
    every = both(query.where.condition, *needed, *(_in_one_of(group) for group in filters))
    by = [_grouped(group) for group in terms]
    made = "".join(map(_parted, terms))
    span = _span(next((group for group in query.groups if isinstance(group, ByTime)), None))
    vectors = []
    for chosen in product(*(list(_cases(group)) for group in filters)):
        here = both(every, *(case for _, case in chosen))
        text = _Vectors(stream, here, every, by, span=span, made=made).of(metric, query.groups)
        for group, (name, _) in zip(filters, chosen, strict=True):
            text = f'label_replace({text}, "{_name(group.name)}", {_quoted(name)}, "", "")'
        vectors.append(text)
    return "\nor ".join(vectors)


class _Vectors:
    """The vectors of the lines of one group by filters: `here` its lines, `every` those of all groups.

    `made` is the stage of the pipeline that makes labels of parts of paths.
    """

    def __init__(self, stream: str, here: Condition, every: Condition, by: list[str], *, span: str, made: str) -> None:
        self._stream, self._here, self._every, self._span, self._made = stream, here, every, span, made
        self._by = by
        self._sum = f"sum by ({', '.join(by)})" if by else "sum"

    def of(self, metric: QueryMetric, groups: tuple[Group, ...]) -> str:
        """The metric, as one expression that may stand in another."""
        if metric.field is not None and metric.field.type in _NESTED:
            raise _unable(f"Loki does not read lists and objects of JSON such as {metric.field.name}")
        if metric.kind is MetricKind.RATIO:
            return f"({self._counted(metric.where)}) / {self._lines(metric.whole)}"
        if metric.kind is MetricKind.RATE:
            bucket = next((group.seconds for group in groups if isinstance(group, ByTime)), 0)
            if not bucket:
                raise _unable("a rate needs groups by time, whose length Loki has to know")
            return f"({self._added(metric)}) / {_number(bucket / metric.per_seconds)}"
        if metric.kind is MetricKind.SHARE:
            return self._share(metric)
        if metric.kind in {MetricKind.COUNT, MetricKind.SUM}:
            return f"({self._added(metric)})"
        if metric.field is None:
            raise _unable(f"{metric.kind.value} needs a field")
        if metric.kind is MetricKind.CARDINALITY:
            label = _label(metric.field)
            inner = f"sum by ({', '.join([*self._by, label])})"
            of = both(self._here, metric.where.condition, Present(metric.field))
            found = f"{self._sum.replace('sum', 'count', 1)} ({inner} ({self._over('count_over_time', of)}))"
            return f"({found} or 0 * {self._lines(Clause())})"
        return self._measured(metric, metric.field)

    def _share(self, metric: QueryMetric) -> str:
        total = _Vectors(self._stream, self._every, self._every, [], span=self._span, made=self._made)
        part, whole = self._added(metric), total._added(metric)
        return (
            f"({part}) / ignoring ({', '.join(self._by)}) group_left () ({whole})"
            if self._by
            else f"({part}) / ({whole})"
        )

    def _measured(self, metric: QueryMetric, field: Field) -> str:
        if metric.kind is MetricKind.PERCENTILE:
            function, first = "quantile_over_time", f"{_number(metric.percent / 100)}, "
        else:
            function, first = f"{metric.kind.value}_over_time", ""
        of = both(self._here, metric.where.condition)
        # Without `by` the function would answer once for each set of labels.
        return f"{self._over(function, of, unwrapped=field, first=first)} by ({', '.join(self._by)})"

    def _added(self, metric: QueryMetric) -> str:
        """Lines, or the sum of a field; 0 where the group has none."""
        if metric.field is None:
            return self._counted(metric.where)
        of = both(self._here, metric.where.condition)
        found = f"{self._sum} ({self._over('sum_over_time', of, unwrapped=metric.field)})"
        return f"{found} or 0 * {self._lines(Clause())}"

    def _counted(self, clause: Clause) -> str:
        if clause.condition == EVERYTHING:
            return self._lines(clause)
        return f"{self._lines(clause)} or 0 * {self._lines(Clause())}"

    def _lines(self, clause: Clause) -> str:
        return f"{self._sum} ({self._over('count_over_time', both(self._here, clause.condition))})"

    def _over(self, function: str, of: Condition, *, unwrapped: Field | None = None, first: str = "") -> str:
        return f"{function}({first}{self._stream}{_pipeline(of)}{self._made}{_unwrap(unwrapped)} [{self._span}])"


def _unwrap(field: Field | None) -> str:
    if field is None:
        return ""
    if field.name == "time":
        return f" | label_format {_TIME_LABEL}={_TIME} | unwrap {_TIME_LABEL}{_READABLE}"
    if field.type not in _NUMBERS:
        raise _unable(f"{field.name} is no number, and Loki measures numbers only")
    return f" | unwrap {_label(field)}{_READABLE}"


def _span(group: ByTime | None) -> str:
    if group is None:
        return RANGE
    if group.field.name != "time" or not group.seconds:
        raise _unable(f"Loki makes no groups by {group.calendar or group.field.name}: a range has a fixed length")
    return f"{group.seconds}s"


def _grouped(group: ByTerms) -> str:
    if group.part:
        return _name(group.name)
    if group.field.type in _NESTED:
        raise _unable(f"{group.field.name} is no label of a line, and Loki groups by labels only")
    return _label(group.field)


def _parted(group: ByTerms) -> str:
    """The stage that makes a label of the part of a path; nothing where the label of the line will do."""
    if not group.part:
        return ""
    name, text = _name(group.name), pattern(group.part)
    found = "".join(f"${{{number + 1}}}" for number in range(text.count("([^")))
    # What does not fit is replaced as a whole by nothing.
    made = f'{{{{ regexReplaceAll "(?:{text})|.*" .{_label(group.field)} "{found}" }}}}'
    if group.first:
        own = f".{_label(group.first)}"
        made = f"{{{{ if {own} }}}}{{{{ {own} }}}}{{{{ else }}}}{made}{{{{ end }}}}"
    made = f" | label_format {name}=`{made}`"
    return made if group.missing else f'{made} | {name}!=""'


def _cases(group: ByFilters) -> Iterator[tuple[str, Condition]]:
    """Each clause without what fits an earlier one."""
    earlier: list[Condition] = []
    for name, clause in group.clauses:
        yield name, both(clause.condition, *(No(one) for one in earlier))
        earlier.append(clause.condition)
    if group.other is not None:
        yield group.other, both(*(No(one) for one in earlier))


def _in_one_of(group: ByFilters) -> Condition:
    return EVERYTHING if group.other is not None else condition.Any(tuple(one.condition for _, one in group.clauses))


def _pipeline(asked: Condition) -> str:
    filters = [_filter(part, holds=True) for part in _parts(asked)]
    return f" | json{_READABLE}" + "".join(f" | {one}" for one in filters) + (_READABLE if filters else "")


def _parts(asked: Condition) -> list[Condition]:
    """What has to hold, each once. What a field is not empty for says its presence already, to Loki."""
    parts = list(dict.fromkeys(_flat(asked)))
    present = {part.field for part in parts if isinstance(part, Present)}
    return [one for one in parts if not (isinstance(one, No) and _is_empty(one.of) in present)]


def _flat(asked: Condition) -> Iterator[Condition]:
    if isinstance(asked, condition.All):
        for part in asked.of:
            yield from _flat(part)
    elif asked != EVERYTHING:
        yield asked


def _is_empty(asked: Condition) -> Field | None:
    """The field that a condition wants to be the empty text."""
    return asked.field if isinstance(asked, Equals) and asked.value == "" else None


def _filter(asked: Condition, *, holds: bool) -> str:
    """A condition, or its opposite: LogQL has no word for `not`."""
    if isinstance(asked, condition.Fixed):
        return f'__error__{"=" if asked.holds is holds else "!="}""'  # what is left by now has no error
    if isinstance(asked, No):
        return _filter(asked.of, holds=not holds)
    if isinstance(asked, condition.Anywhere):
        raise _unable("a text without a field would be asked of every field")
    if isinstance(asked, condition.All | condition.Any):
        word = " and " if isinstance(asked, condition.All) is holds else " or "
        return f"({word.join(_filter(part, holds=holds) for part in asked.of)})"
    if asked.field.type in _NESTED:
        raise _unable(f"Loki does not read lists and objects of JSON such as {asked.field.name}")
    return _LEAVES[type(asked)](asked, holds)


def _present(asked: Present, holds: bool) -> str:
    return f'{_label(asked.field)}{"!=" if holds else "="}""'


def _equals(asked: Equals, holds: bool) -> str:
    label = _label(asked.field)
    if isinstance(asked.value, str | bool):
        text = asked.value if isinstance(asked.value, str) else str(asked.value).lower()
        if not text:
            raise _unable(f"Loki does not tell an empty {asked.field.name} from none")
        return f"{label}{'=' if holds else '!='}{_quoted(text)}"
    return _or_missing(label, f"{label} {'==' if holds else '!='} {_number(asked.value)}", holds)


def _between(asked: Between, holds: bool) -> str:
    label = _label(asked.field)
    if asked.field.type is FieldType.IP:
        return _or_missing(label, f"{label} {'=' if holds else '!='} ip({_quoted(_addresses(asked))})", holds)
    if asked.field.type is FieldType.DATE:
        raise _unable(f"{asked.field.name} is not compared in LogQL: the times of a query stand beside its text")
    if asked.field.type not in _NUMBERS:
        raise _unable(f"{asked.field.name} is text, whose order is not compared in LogQL")
    ends = []
    for bound, within, beyond in ((asked.low, ">", "<"), (asked.high, "<", ">")):
        if bound is not None:
            sign = (within if holds else beyond) + ("=" if bound.inclusive is holds else "")
            ends.append(f"{label} {sign} {_number(bound.value)}")
    text = (" and " if holds else " or ").join(ends)
    return _or_missing(label, text if len(ends) == 1 else f"({text})", holds)


def _or_missing(label: str, text: str, holds: bool) -> str:
    """A comparison of numbers or addresses fails for a line without the label, so its opposite has to name them."""
    return text if holds else f'({text} or {label}="")'


def _addresses(asked: Between) -> str:
    bounds = (asked.low, asked.high)
    if any(bound is None or not bound.inclusive for bound in bounds):
        raise _unable(f"{asked.field.name} is compared with an address or a block of them in LogQL")
    low, high = (addresses.address(str(bound.value)) for bound in bounds if bound is not None)
    return low if low == high else f"{low}-{high}"


def _like(asked: Like, holds: bool) -> str:
    if not any(asked.parts):
        return _present(Present(asked.field), holds)
    pattern = "(?s)" + ".*".join(re.escape(part) for part in asked.parts)
    return f"{_label(asked.field)}{'=~' if holds else '!~'}{_quoted(pattern)}"


def _terms(asked: Terms, holds: bool) -> str:
    """Words in any case; letters, digits and underscores make a word. The whole value has to fit an expression."""
    between = f"{_NO_LETTER}+" if asked.phrase else "|"
    return _words(asked.field, between.join(re.escape(term) for term in asked.terms), holds)


def _term_like(asked: TermLike, holds: bool) -> str:
    return _words(asked.field, r"[\pL\pN_]*".join(re.escape(part) for part in asked.parts), holds)


def _words(field: Field, words: str, holds: bool) -> str:
    pattern = f"(?is)(.*{_NO_LETTER})?({words})({_NO_LETTER}.*)?"
    return f"{_label(field)}{'=~' if holds else '!~'}{_quoted(pattern)}"


def _label(field: Field) -> str:
    return _name(field.name)


def _name(text: str) -> str:
    """As Loki calls a key of JSON: what is no letter, digit or underscore of ASCII is an underscore."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", text)


def _number(value: object) -> str:
    return format(Decimal(str(value)).normalize(), "f")


def _quoted(text: str) -> str:
    """A literal: between backquotes, where nothing is escaped, or as Go and JSON have it."""
    return json.dumps(text, ensure_ascii=False) if "`" in text or "\r" in text or "\\" not in text else f"`{text}`"


def _unable(message: str) -> LogQueryError:
    return LogQueryError(message, next_step="ask local files, Elasticsearch or VictoriaLogs, or take another field")


_LEAVES: dict[type, Callable[[Any, bool], str]] = {
    Equals: _equals,
    Present: _present,
    Between: _between,
    Like: _like,
    Terms: _terms,
    TermLike: _term_like,
}
