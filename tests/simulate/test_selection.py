"""Which series a selection holds."""

from __future__ import annotations

import pytest

from regobs.catalog import gc, http
from regobs.errors import InputError
from regobs.promql import parse
from regobs.promql.nodes import Selector
from regobs.promql.walk import selectors
from regobs.simulate import Plan
from regobs.simulate.reading import selectors_for
from regobs.simulate.selection import Selection, of_families, read_by

TARGET = {"job": "registry"}


def selection(*texts: str) -> Selection:
    return Selection([one for text in texts for one in selectors(parse(text))], TARGET)


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ('a{code="200"}', True),
        ('a{code="20"}', False),
        ('a{code=~"2.."}', True),
        ('a{code=~"2."}', False),
        ('a{code!="200"}', False),
        ('a{code!~"5.."}', True),
        ('a{absent=""}', True),
        ('a{absent!=""}', False),
        ('a{job="registry",code="200"}', True),
        ('a{job="another"}', False),
        ("b", False),
    ],
)
def test_matchers_are_those_of_prometheus(text: str, held: bool) -> None:
    assert selection(text).holds("a", {"code": "200"}) is held


def test_one_of_several_selectors_is_enough() -> None:
    chosen = selection('a{code="1"} + a{code="2"}', "b")
    assert [chosen.holds("a", {"code": code}) for code in "123"] == [True, True, False]
    assert chosen.holds("b", {})


def test_a_family_is_held_whole_when_all_its_series_are_asked_for_without_conditions() -> None:
    name = http.DURATION.name
    assert not selection(f'{name}_bucket{{le="0.5"}}', f"{name}_sum", f"{name}_count").holds_all(http.DURATION)
    assert selection(f'{name}_bucket{{job="registry"}}', f"{name}_sum", f"{name}_count").holds_all(http.DURATION)
    assert Selection(of_families([name]), TARGET).holds_all(http.DURATION)
    assert selection(f"{name}_count").families == frozenset({name})


def test_without_selectors_everything_is_held() -> None:
    chosen = Selection(None, TARGET)
    assert chosen.families is None
    assert chosen.holds("anything", {})
    assert chosen.touches(gc.RUNS)
    assert chosen.holds_all(gc.RUNS)


def test_a_recorded_series_leads_to_what_its_rules_read() -> None:
    recorded = {"r": [parse("sum(rate(s[5m])) + r")], "s": [parse("a"), parse("b")]}
    assert {str(one.metric) for one in read_by([parse("r / c")], recorded)} == {"a", "b", "c"}


def test_the_slos_read_requests_and_some_buckets_of_their_duration() -> None:
    chosen = Selection(selectors_for(Plan(), ["slo"], []), TARGET)
    families = chosen.families
    assert families is not None
    assert {http.REQUESTS.name, http.DURATION.name, "up"} <= families
    assert http.RESPONSE_SIZE.name not in families
    labels = {"route": "/v2/{name}/manifests/{reference}", "method": "get", "code": "200"}
    bucket = f"{http.DURATION.name}_bucket"
    edges = [edge for edge in ("0.1", "0.25", "0.5", "1.0", "+Inf") if chosen.holds(bucket, {**labels, "le": edge})]
    assert len(edges) == 1
    assert chosen.holds("up", {})


def test_a_dashboard_reads_more() -> None:
    assert "registry_gc_runs_total" in (
        Selection(selectors_for(Plan(), ["garbage-collection-detail"], []), TARGET).families or ()
    )


def test_nothing_named_is_everything() -> None:
    assert selectors_for(Plan(), [], []) is None
    assert Selector("up") in (selectors_for(Plan(), [], ["go_threads"]) or ())


@pytest.mark.parametrize("name", ["no_such_family", "registry_http_requests", "pg_up"])
def test_an_unknown_family_is_named(name: str) -> None:
    with pytest.raises(InputError, match="no such family"):
        selectors_for(Plan(), [], [name])


def test_an_unknown_reader_is_told_what_there_is() -> None:
    with pytest.raises(InputError, match="no bundled dashboard") as caught:
        selectors_for(Plan(), ["no-such-dashboard"], [])
    assert "overview" in (caught.value.expected or "")
