from __future__ import annotations

import pytest

from regobs.catalog import blackbox, http, node
from regobs.catalog import postgresql as pg
from regobs.catalog.model import Capability, Flavor, Unit
from regobs.config import Config
from regobs.errors import PromqlError
from regobs.grafana.levels import capped, down, firing, gone, level, off, while_zero, worst
from regobs.promql import bind, infer, rate, to_text
from regobs.promql.build import highest, time_left, total
from regobs.promql.nodes import Expr

VOCABULARY = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability)).vocabulary


def text(expr: Expr) -> str:
    bound = bind(expr, VOCABULARY)
    assert infer(bound, VOCABULARY).value == "vector"
    return to_text(bound)


def test_a_level_counts_the_thresholds_that_the_worst_result_has_reached() -> None:
    load = highest(node.LOAD, by="instance")
    assert text(level(load, 1, 5)) == (
        "max((max by (instance) (node_load1) >= bool 1) + (max by (instance) (node_load1) >= bool 5))"
    )
    assert " < bool 0.2" in text(level(load, 0.2, 0.1))
    assert text(level(load, critical=5)) == "max(2 * (max by (instance) (node_load1) >= bool 5))"
    assert text(level(load, warning=1)) == "max(max by (instance) (node_load1) >= bool 1)"
    with pytest.raises(PromqlError, match="without a threshold"):
        level(load)


def test_what_is_gone_or_off_or_fires_is_critical() -> None:
    assert text(gone(pg.UP)) == "vector(2) unless on () count(pg_up)"
    assert text(gone(pg.UP, at=1)) == "vector(1) unless on () count(pg_up)"
    assert text(off(blackbox.SUCCESS)) == "max(2 * (probe_success == bool 0))"
    assert text(firing("RegistryDown")) == '2 * (count(ALERTS{alertname="RegistryDown", alertstate="firing"}) > bool 0)'


def test_targets_that_were_there_for_half_of_six_hours_count_as_down_when_they_are_gone() -> None:
    found = text(down(pg.UP))
    assert "round(quantile_over_time(0.5, count(pg_up)[6h:5m]))" in found
    assert not infer(bind(down(pg.UP), VOCABULARY), VOCABULARY).signed


def test_a_cap_hides_nothing_where_it_has_no_data() -> None:
    assert text(capped(total(node.LOAD), highest(node.MEMORY))) == (
        "sum(node_load1) <= max(node_memory_MemTotal_bytes) or max(node_memory_MemTotal_bytes) and sum(node_load1) "
        "or sum(node_load1)"
    )


def test_the_worst_of_several_causes_has_a_name_and_reads_what_proves_that_there_is_something_to_judge() -> None:
    causes = [("down", gone(pg.UP)), ("waits", while_zero(rate(http.REQUESTS), total(node.LOAD)))]
    bound = [(name, bind(expr, VOCABULARY)) for name, expr in causes]
    found = text(worst(bound, [expr for _, expr in bound]))
    assert found.startswith('topk(1, label_replace((vector(2) unless on () count(pg_up)) > 0, "cause", "down", "", "")')
    assert found.endswith(
        "or on () label_replace(0 * (count(pg_up) or count(registry_http_requests_total) or count(node_load1)), "
        '"cause", "all checks", "", "")'
    )


def test_the_time_until_a_moment_is_below_zero_after_it() -> None:
    kind = infer(bind(time_left(blackbox.CERTIFICATE_EXPIRY), VOCABULARY), VOCABULARY)
    assert (kind.unit, kind.signed) == (Unit.SECONDS, True)
    with pytest.raises(PromqlError, match="it has no end"):
        time_left(node.LOAD)
