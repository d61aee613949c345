"""Through OpenTelemetry come the names, labels, buckets, values and fields of Prometheus and of JSON lines."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs import export as log_export
from opentelemetry.sdk.metrics import export as otel

from regobs.catalog import gc, storage
from regobs.instrument import Instruments, correlated
from regobs.instrument.adapters.otel import OtelLogs, OtelMetrics

InMemory: Any = getattr(log_export, "InMemoryLogRecordExporter", None) or log_export.InMemoryLogExporter  # by release
Simple: Any = log_export.SimpleLogRecordProcessor


class Kept(otel.MetricExporter):
    """The SDK keeps logs in memory, but has no such exporter for metrics."""

    def __init__(self, result: otel.MetricExportResult = otel.MetricExportResult.SUCCESS) -> None:
        super().__init__()
        self.result = result
        self.taken: list[otel.MetricsData] = []

    def export(self, metrics_data: Any, timeout_millis: float = 10_000, **kwargs: Any) -> otel.MetricExportResult:
        self.taken.append(metrics_data)
        return self.result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None: ...


def exported(instruments: Instruments) -> dict[str, otel.Metric]:
    kept = Kept()
    assert OtelMetrics(instruments, kept).export()
    return {one.name: one for one in kept.taken[0].resource_metrics[0].scope_metrics[0].metrics}


def test_counters_gauges_and_histograms_have_their_names_labels_and_values() -> None:
    instruments = Instruments("gitlab")
    runs = {"worker": "blob", "error": False, "noop": True, "dangling": False, "event": ""}
    instruments.counter(gc.RUNS).child(**runs).inc(3)
    for value in (0.002, 0.002, 7, 5000):
        instruments.histogram(storage.ACTIONS).child(driver="filesystem", action="Stat").observe(value)
    found = exported(instruments)
    assert set(found) == {family.name for family in instruments.families() if family.children()}
    point: Any = found[gc.RUNS.name].data.data_points[0]
    assert point.value == 3
    assert dict(point.attributes or {}) == next(labels for _, labels, _ in instruments[gc.RUNS].samples())
    histogram: Any = found[storage.ACTIONS.name].data.data_points[0]
    assert (histogram.count, histogram.sum) == (4, 5007.004)
    assert tuple(histogram.explicit_bounds) == instruments[storage.ACTIONS].edges
    assert sum(histogram.bucket_counts) == 4
    assert histogram.bucket_counts[-1] == 1
    assert "le" not in histogram.attributes


def test_an_exporter_that_fails_or_raises_is_said_and_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert not OtelMetrics(Instruments("gitlab"), Kept(otel.MetricExportResult.FAILURE)).export()
    broken = Kept()
    broken.export = lambda *_, **__: 1 // 0  # type: ignore[method-assign, assignment]
    assert not OtelMetrics(Instruments("gitlab"), broken).export()
    assert "metrics were not exported" in caplog.text


def test_a_line_keeps_its_fields_and_no_secret() -> None:
    memory, provider = InMemory(), sdk_logs.LoggerProvider()
    provider.add_log_record_processor(Simple(memory))
    logger = logging.getLogger("registry.otel")
    handler = OtelLogs(provider, service="registry")
    logger.addHandler(handler)
    try:
        with correlated("01ABC"):
            logger.error("tag deleted", extra={"tag_name": "v1", "password": "hunter2", "duration_s": 0.2})
    finally:
        logger.removeHandler(handler)
    record = memory.get_finished_logs()[0].log_record
    assert (record.body, record.severity_text) == ("tag deleted", "error")
    attributes = dict(record.attributes)
    assert attributes["tag_name"] == "v1"
    assert attributes["duration_s"] == 0.2
    assert attributes["correlation_id"] == "01ABC"
    assert attributes["service"] == "registry"
    assert "hunter2" not in str(attributes)
