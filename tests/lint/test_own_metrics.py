"""Metrics of the user's own, from a scrape or from `/api/v1/metadata`, are judged as those of the catalog are."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.errors import InputError
from regobs.lint import LintContext, lint_text
from regobs.lint.own_metrics import read_own_metrics

SCRAPE = """\
# TYPE shop_orders_placed counter
shop_orders_placed{channel="web"} 12
# TYPE shop_queue_depth gauge
shop_queue_depth -1
# TYPE shop_checkout_seconds histogram
shop_checkout_seconds_bucket{le="0.5"} 3
shop_checkout_seconds_bucket{le="2"} 4
shop_checkout_seconds_bucket{le="+Inf"} 4
shop_checkout_seconds_sum 2.5
shop_checkout_seconds_count 4
shop_untyped 1
"""
METADATA = {
    "status": "success",
    "data": {
        "shop_orders_placed": [{"type": "counter", "help": "Orders", "unit": ""}],
        "shop_queue_depth": [{"type": "gauge", "help": "", "unit": ""}],
        "shop_stateless": [{"type": "unknown", "help": "", "unit": ""}],
        "shop_gone": [],
    },
}


def checks(text: str, file: Path) -> set[str]:
    report = lint_text(text, "a.promql", ".promql", LintContext(own=read_own_metrics(file)))
    return {one.check for one in report.findings}


@pytest.fixture(params=["text", "gzip", "metadata", "data alone"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same two metrics in each form that is read."""
    contents = {
        "text": SCRAPE.encode(),
        "gzip": gzip.compress(SCRAPE.encode()),
        "metadata": json.dumps(METADATA).encode(),
        "data alone": json.dumps(METADATA["data"]).encode(),
    }
    found = tmp_path / "metrics"
    found.write_bytes(contents[request.param])
    return found


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("shop_orders_placed > 100", "raw-counter"),
        ("rate(shop_queue_depth[5m])", "rate-of-gauge"),
        ("delta(shop_orders_placed[5m])", "delta-of-counter"),
        ("rate(shop_orders_place[5m])", "unknown-metric"),
    ],
)
def test_kinds_and_names_are_known_from_either_form(text: str, check: str, file: Path) -> None:
    assert check in checks(text, file)
    assert lint_text(text, "a.promql", ".promql").findings == []


@pytest.mark.parametrize(
    "text",
    [
        "rate(shop_orders_placed[5m]) > 1",
        "shop_queue_depth < 0",
        "shop_stateless > 1",
        "rate(shop_untyped[5m])",
        "shop_other_thing > 1",
        "rate(another_metric[5m])",
        'shop_queue_depth{region="eu"} > 3',
    ],
)
def test_what_is_right_or_not_known_is_passed_over(text: str, file: Path) -> None:
    assert checks(text, file) == set()


def test_labels_and_buckets_are_those_of_the_scrape(tmp_path: Path) -> None:
    file = tmp_path / "metrics.txt"
    file.write_text(SCRAPE)
    assert "no-such-bucket" in checks('rate(shop_checkout_seconds_bucket{le="3"}[5m])', file)
    assert "no-such-bucket" not in checks('rate(shop_checkout_seconds_bucket{le="0.5"}[5m])', file)
    assert "unknown-label" in checks('rate(shop_orders_placed{chanel="web"}[5m])', file)
    assert "unknown-label" not in checks('rate(shop_orders_placed{channel="web", env="eu"}[5m])', file)
    assert "panel-unit" in {
        one.check
        for one in lint_text(
            json.dumps({"title": "a", "panels": [{
                "type": "timeseries", "title": "b", "fieldConfig": {"defaults": {"unit": "bytes"}},
                "targets": [{"expr": "histogram_quantile(0.9, sum by (le) (rate(shop_checkout_seconds_bucket[5m])))"}],
            }]}), "a.json", ".json", LintContext(own=read_own_metrics(file)),
        ).findings
    }  # fmt: skip


def _told(tmp_path: Path, **kinds: list[str]) -> Path:
    file = tmp_path / "metadata.json"
    file.write_text(json.dumps({"data": {name: [{"type": one} for one in kinds[name]] for name in kinds}}))
    return file


def test_a_counter_of_openmetrics_is_told_without_what_its_series_end_with(tmp_path: Path) -> None:
    file = _told(tmp_path, bus_trips=["counter"], bus_seats=["gauge"])
    for name in ("bus_trips", "bus_trips_total"):
        assert checks(f"{name} > 5", file) == {"raw-counter"}
        assert checks(f"rate({name}[5m]) > 5", file) == set()
    assert checks("bus_seats_total > 5", file) == set()


def test_targets_that_disagree_about_a_kind_tell_nothing(tmp_path: Path) -> None:
    for kinds in (["gauge", "counter"], ["counter", "gauge"], ["unknown"]):
        file = _told(tmp_path, bus_trips=kinds)
        assert checks("rate(bus_trips[5m])", file) == checks("bus_trips > 5", file) == set()
    for kinds in (["unknown", "gauge"], ["gauge", "gauge"], ["gauge", "unknown"]):
        assert checks("rate(bus_trips[5m])", _told(tmp_path, bus_trips=kinds)) == {"rate-of-gauge"}


@pytest.mark.parametrize("content", ["{", '{"data": 3}', '{"data": {"a": 3}}', "[1]", "not an exposition {", "\x00"])
def test_what_is_no_list_of_metrics_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "metrics"
    file.write_text(content)
    with pytest.raises(InputError):
        read_own_metrics(file)


def test_the_command_takes_several_catalogs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text(SCRAPE)
    (tmp_path / "b.json").write_text(json.dumps({"data": {"bus_trips": [{"type": "counter"}]}}))
    (tmp_path / "q.promql").write_text("shop_orders_placed + bus_trips > 5")
    asked = ["lint", "--catalog", str(tmp_path / "a.txt"), "--catalog", str(tmp_path / "b.json")]
    assert run([*asked, str(tmp_path / "q.promql")]) == 1
    assert "bus_trips is a counter" in capsys.readouterr().out
    assert run(["lint", "--catalog", str(tmp_path / "missing"), str(tmp_path / "q.promql")]) == 2
    assert "metrics cannot be read" in capsys.readouterr().err
