from __future__ import annotations

from typing import Any

import pytest

from regobs.prometheus.state import read_evaluation_interval, read_rule_group, read_target


def target(**changes: Any) -> dict[str, Any]:
    return {
        "labels": {"job": "registry", "instance": "a:1"},
        "scrapePool": "registry",
        "scrapeUrl": "http://u:secret@a:1/metrics?token=secret",
        "health": "down",
        "lastError": "connection refused",
        "lastScrape": "2026-11-23T22:32:53.123456789Z",
        "scrapeInterval": "1m30s",
    } | changes


def test_a_target_has_its_state_and_no_secret() -> None:
    read = read_target(target())
    assert (read.url, read.health, read.last_error) == ("http://a:1/metrics", "down", "connection refused")
    assert (read.interval, read.last_scrape) == (90.0, 1795473173.123456)


@pytest.mark.parametrize(("text", "seconds"), [("500ms", 0.5), ("15s", 15), ("1h", 3600), ("", None), (None, None)])
def test_an_interval_is_in_seconds(text: str | None, seconds: float | None) -> None:
    assert read_target(target(scrapeInterval=text)).interval == seconds


def test_a_target_that_was_never_scraped_has_no_time() -> None:
    assert read_target(target(lastScrape="0001-01-01T00:00:00Z")).last_scrape is None


def test_a_group_has_its_rules_with_state_and_alerts() -> None:
    alert = {"labels": {"a": "b"}, "annotations": {}, "state": "firing", "activeAt": "t", "value": "1e+00"}
    group = read_rule_group(
        {
            "name": "g",
            "file": "f",
            "interval": 15,
            "rules": [
                {
                    "type": "alerting",
                    "name": "A",
                    "query": "up == 0",
                    "duration": 60,
                    "state": "firing",
                    "health": "ok",
                    "alerts": [alert],
                    "labels": {"severity": "page"},
                    "lastEvaluation": "2026-11-23T22:32:53Z",
                },
                {
                    "type": "recording",
                    "name": "r",
                    "query": "1",
                    "health": "err",
                    "lastError": "boom",
                    "lastEvaluation": "0001-01-01T00:00:00Z",
                },
            ],
        }
    )
    first, second = group.rules
    assert (first.state, first.duration, first.alerts[0].value, first.labels) == (
        "firing",
        60.0,
        1.0,
        {"severity": "page"},
    )
    assert (second.kind, second.health, second.last_error, second.last_evaluation) == ("recording", "err", "boom", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("global:\n  scrape_interval: 15s\n  evaluation_interval: 1m\nrule_files:\n- a\n", "1m"),
        ("rule_files:\n- a\nglobal:\n  evaluation_interval: 30s\n", "30s"),
        ("global:\n  scrape_interval: 15s\nother:\n  evaluation_interval: 1m\n", ""),
        ("# global:\n#  evaluation_interval: 1m\n", ""),
        ("", ""),
    ],
)
def test_of_the_configuration_only_the_global_evaluation_interval_is_read(text: str, said: str) -> None:
    assert read_evaluation_interval(text) == said
