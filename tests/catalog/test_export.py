import pytest

from regobs.catalog import METRICS, export, gc, http, notifications, storage
from regobs.catalog.model import Flavor, Metric
from regobs.common.table import table

GITLAB, DISTRIBUTION = Flavor.GITLAB, Flavor.DISTRIBUTION


def test_the_labels_of_several_flavors_are_put_together() -> None:
    assert export.to_data(http.REQUESTS)["labels"] == ["code", "handler", "method", "route"]
    assert export.to_data(http.REQUESTS, GITLAB)["labels"] == ["code", "method", "route"]
    assert export.to_data(http.REQUESTS, DISTRIBUTION)["labels"] == ["code", "handler", "method"]


def test_labels_of_older_versions_are_only_in_the_forms() -> None:
    data = export.to_data(http.REQUESTS, GITLAB)
    forms = {form["since"]: {label["name"] for label in form["labels"]} for form in data["forms"]}
    assert "migration_path" not in data["labels"]
    assert "migration_path" in forms["3.6.0"]


def test_a_removed_metric_has_the_labels_it_had() -> None:
    data = export.to_data(METRICS["registry_gc_queue_size"])
    assert (data["labels"], data["flavors"]) == (["queue"], ["gitlab"])


def test_buckets_are_numbers_or_null() -> None:
    assert export.to_data(http.REQUESTS)["buckets"] is None
    assert export.to_data(http.DURATION)["buckets"][:3] == [0.005, 0.01, 0.025]
    whole = export.to_data(http.REQUEST_SIZE)["buckets"]
    assert whole[0] == 1024
    assert all(isinstance(bound, int) for bound in whole)
    assert export.to_data(notifications.RETRIES)["buckets"][0] == 0


@pytest.mark.parametrize("metric", METRICS.values(), ids=str)
def test_every_entry_can_be_shown_in_every_way(metric: Metric) -> None:
    text = export.describe(metric)
    assert text.startswith(metric.name)
    assert all(pitfall in text for pitfall in metric.pitfalls)
    assert export.row(metric)[0] == metric.name
    assert export.to_data(metric)["flavors"]


def test_a_selection_is_by_flavor_and_component() -> None:
    everything = export.select(METRICS.values())
    assert len(everything) == len(METRICS)
    found = export.select(METRICS.values(), DISTRIBUTION, "storage")
    assert storage.ACTIONS in found
    assert storage.BLOB_UPLOADS not in found
    assert http.REQUESTS not in found
    assert export.select(METRICS.values(), GITLAB, "proxy") == []


@pytest.mark.parametrize(
    ("name", "span"),
    [
        ("registry_gc_runs_total", "3.4.0+"),
        ("registry_http_requests_total", ""),
        ("registry_gc_queue_size", "3.4.0 to before 3.12.0"),
        ("registry_notifications_pending_total", "gitlab before 4.26.0, distribution 3.0.0+"),
    ],
)
def test_a_row_says_from_which_version_to_which(name: str, span: str) -> None:
    assert export.row(METRICS[name])[5] == span


def test_columns_line_up() -> None:
    lines = table(export.HEADINGS, [export.row(gc.RUNS), export.row(http.IN_FLIGHT)]).splitlines()
    assert lines[0].index("TYPE") == lines[1].index("counter") == lines[2].index("gauge")


def test_a_markdown_table_has_as_many_cells_in_each_line() -> None:
    lines = export.markdown([export.row(metric) for metric in METRICS.values()]).splitlines()
    assert len(lines) == len(METRICS) + 2
    assert {line.count(" | ") for line in lines} == {len(export.HEADINGS) - 1}
    assert "`code` `handler`" in next(line for line in lines if "requests_total" in line)


def test_a_description_names_the_word_that_content_uses_for_a_label() -> None:
    assert "handler (here: route)" in export.describe(http.REQUESTS)
    assert "exposed without it too" in export.describe(storage.RATE_LIMITED)
    assert "its rate makes sense" in export.describe(METRICS["registry_redis_pool_stats_hits"])
