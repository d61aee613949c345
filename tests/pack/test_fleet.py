"""No panel asks more of a server about a large fleet than Prometheus reads for one query by default."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from regobs.grafana.outputs import files
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.parse import parse
from regobs.promql.walk import selectors
from regobs.slo import outputs as slo
from tests.pack.test_dashboards import CONFIGS, PACK, ROOT, SLUGS, Json, charts
from tests.slo.packs import bundled_groups

INSTANCES = 200
MOST_SAMPLES = 50_000_000  # --query.max-samples of Prometheus
# Grafana asks for a point a pixel and rounds the step, 45 seconds to 30 at the worst (kbn.roundInterval).
PIXELS, POINTS_A_PIXEL = 1900, 1.5
_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Series = dict[str, list[dict[str, str]]]


def one_instance() -> Series:
    """The series of a real registry's exposition, by name, each with its labels as a scrape stores them."""
    text = gzip.decompress((ROOT / "tests" / "data" / "gitlab-registry-4.32.prom.gz").read_bytes()).decode()
    found = defaultdict(list)
    for match in (_SAMPLE.match(line) for line in text.splitlines() if not line.startswith("#")):
        if match:
            labels = dict(_LABEL.findall(match[2] or ""))
            found[match[1]].append({("exported_" * (k in {"instance", "job"}) + k): v for k, v in labels.items()})
    return found


def matches(labels: dict[str, str], matcher: Matcher) -> bool:
    """Whether a series has what a matcher asks; labels of the target and variables of Grafana fit always."""
    if matcher.label in {"instance", "job"} or matcher.value.startswith("$"):
        return True
    value = labels.get(matcher.label, "")
    same = matcher.value == value if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL} else False
    same = same or (matcher.op in {MatchOp.REGEX, MatchOp.NOT_REGEX} and bool(re.fullmatch(matcher.value, value)))
    return same is (matcher.op in {MatchOp.EQUAL, MatchOp.REGEX})


def samples(panel: Json, exposed: Series) -> Iterator[int]:
    """What each selector of a panel makes the server hold at once."""
    points = PIXELS * panel["gridPos"]["w"] / 24 * POINTS_A_PIXEL
    for target in panel["targets"]:
        for one in selectors(parse(target["expr"])):
            yield round(count(one, exposed) * (1 if target.get("instant") else points))


def count(selector: Selector, exposed: Series) -> int:
    """The series of a selector in the fleet; recorded ones are those of one instance, with all of its labels."""
    name = str(selector.metric)
    series = exposed.get(raw_names().get(name, name), [])
    return sum(all(matches(labels, one) for one in selector.matchers) for labels in series) * (
        1 if name in raw_names() else INSTANCES
    )


@cache
def raw_names() -> dict[str, str]:
    """Of which series each recorded one is made."""
    rules = [rule for group in bundled_groups() for rule in group["rules"]]
    sources = {rule["record"]: next(selectors(parse(rule["expr"])), None) for rule in rules if "record" in rule}
    return {name: str(source.metric) for name, source in sources.items() if source}


@pytest.fixture(scope="module")
def dashboards() -> dict[str, Json]:
    config = CONFIGS["gitlab"]
    written = files(PACK, config, slo.records(PACK, config))
    return {name: json.loads(data) for name, data in written.items() if name.startswith("dashboards/")}


def test_no_panel_asks_for_too_much_of_two_hundred_instances(dashboards: dict[str, Json]) -> None:
    exposed = one_instance()
    asked = {
        (name, panel["title"]): max(samples(panel, exposed))
        for name, dashboard in dashboards.items()
        for panel in charts(dashboard)
    }
    assert sum(most > 0 for most in asked.values()) > 150
    assert {panel: most for panel, most in asked.items() if most > MOST_SAMPLES} == {}


def test_the_count_is_of_the_series_that_a_query_selects() -> None:
    exposed = {"x_total": [{"code": code, "method": method} for code in ("200", "404", "500") for method in ("g", "p")]}
    target = {"expr": 'sum(rate(x_total{code=~"4..|5..", method!="p"}[5m]))'}
    assert list(samples({"gridPos": {"w": 24}, "targets": [target]}, exposed)) == [2 * INSTANCES * 2850]
    now = {"gridPos": {"w": 24}, "targets": [{**target, "instant": True}]}
    assert list(samples(now, exposed)) == [2 * INSTANCES]


def test_recorded_series_do_not_grow_with_the_fleet() -> None:
    exposed = {"registry_http_requests_total": [{"code": "200"}, {"code": "404"}]}
    panel = {"gridPos": {"w": 24}, "targets": [{"expr": "sum(registry:http_requests:rate5m)", "instant": True}]}
    assert list(samples(panel, exposed)) == [2]


def test_the_page_lists_what_each_dashboard_costs_and_the_overview_a_tenth_of_its_raw_series() -> None:
    page = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8").partition("## What a refresh costs")[2]
    page = page.partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", page, re.MULTILINE))
    assert set(listed) == set(SLUGS)
    [raw] = re.findall(r"The Overview would read ([\d ]+) without", page)
    assert int(raw.replace(" ", "")) >= 10 * int(listed["overview"].replace(" ", ""))
