"""What legends show in the place of label values."""

from __future__ import annotations

from regobs.catalog import METRICS, gc, row_counts
from regobs.catalog.model import Capability, Flavor, Label
from regobs.config.model import Config
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.panels import Lines, Panel
from regobs.grafana.words import Dashboard, Row
from regobs.promql import highest, rate
from regobs.snapshot.series import name_of

_ALL = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))


def _labels() -> list[Label]:
    return [label for metric in METRICS.values() for form in metric.forms for label in form.labels]


def test_titles_are_of_values_that_there_are_shorter_and_different() -> None:
    titled = [label for label in _labels() if label.titles]
    assert {label.name for label in titled} == {"query_name", "queue", "media_type"}
    for label in titled:
        titles = {value: title for value, title in label.titles.items() if value in (label.values or label.titles)}
        assert all(len(title) < len(value) for value, title in titles.items())
        assert len(set(titles.values())) == len(titles)


def _legend(panel: Panel, value: str, label: str) -> str:
    bound = bind_dashboard("board", Dashboard("Board", Row("Row", panel)), _ALL.vocabulary)
    [(_, found)] = bound.panels()
    return name_of(found.queries[0].legend, {label: value}, panel.title, found.queries[0].words)


def test_a_legend_has_titles_and_what_has_none_as_it_is() -> None:
    queues = Lines("Queues", highest(row_counts.ROWS, by="query_name"), good="short")
    assert _legend(queues, "gc_blob_review_queue_overdue", "query_name") == "blob reviews overdue"
    assert _legend(queues, "applied_pre_migrations", "query_name") == "applied_pre_migrations"
    media = Lines("Freed", rate(gc.BYTES, by="media_type"), good="above 0")
    assert _legend(media, "application/vnd.oci.image.layer.v1.tar+gzip", "media_type") == "OCI layer, gzip"
    assert _legend(media, "application/x-own", "media_type") == "application/x-own"
