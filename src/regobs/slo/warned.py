"""What in the rules of a pack is probably a mistake, and may be meant: told as a warning, while the build goes on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer
from regobs.documents import load_yaml
from regobs.errors import Location, PromqlError, RulesError
from regobs.pack import BUNDLED, Pack
from regobs.promql.nodes import Expr
from regobs.promql.parse import parse
from regobs.promql.series import catalog_lookup, known_metric
from regobs.promql.walk import selectors
from regobs.slo.rule_files import SUFFIX
from regobs.slo.sources import check_pattern


def pack_warnings(pack: Pack) -> Iterator[str]:
    """Of the rule files of a pack that is not the bundled one, each that a build reads without an error."""
    for file in pack.files("alerts", "*" + SUFFIX):
        if file.layer == BUNDLED:
            continue
        document = load_yaml(file.read(), str(file.path), error=RulesError)
        for index, group in enumerate(document.data["groups"]):
            for number, rule in enumerate(group["rules"]):
                where = document.locate(("groups", index, "rules", number, "expr"))
                for told in dict.fromkeys(_of(parse(rule["expr"]))):
                    yield f"{Location(where.file, where.line)}: {told}"


def _of(expr: Expr) -> Iterator[str]:
    for node in selectors(expr):
        metric = known_metric(node)
        if metric is None and isinstance(node.metric, str) and (near := nearly(node.metric)):
            yield f"no exporter that regobs knows has a metric {node.metric}; did you mean {near}?"
        if metric is None or metric.exposer is not Exposer.REGISTRY:
            continue
        for matcher in (one for one in node.matchers if one.value):
            try:
                check_pattern(metric, matcher)
            except PromqlError as error:
                yield f"{error.message}, which no series has; expected: {error.expected}"


@cache
def _neighbours() -> dict[int, list[str]]:
    """The series of neighbours by the length of their names."""
    found: dict[int, list[str]] = {}
    for metric in METRICS.values():
        if metric.exposer.is_neighbour:
            for series in metric.series:
                found.setdefault(len(series), []).append(series)
    return found


def nearly(name: str) -> str | None:
    """The series of a neighbour that differs by one letter, or by two that are the wrong way round.

    Not by a digit: node_load1 and node_load5 are two metrics.
    """
    if ":" in name or catalog_lookup(name):
        return None
    sizes = (len(name), len(name) - 1, len(name) + 1)
    known = (one for size in sizes for one in _neighbours().get(size, ()))
    return next((one for one in known if _one_slip(name, one)), None)


def _one_slip(one: str, other: str) -> bool:
    start = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        start += 1
    end = 0
    while end < min(len(one), len(other)) - start and one[-1 - end] == other[-1 - end]:
        end += 1
    left, right = one[start : len(one) - end], other[start : len(other) - end]
    if any(letter.isdigit() for letter in left + right):
        return False
    return max(len(left), len(right)) == 1 or (len(left) == 2 and left == right[::-1])
