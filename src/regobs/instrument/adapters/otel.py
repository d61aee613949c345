"""The same metrics and logs through OpenTelemetry: names, labels, buckets and fields as they are (`regobs[otel]`).

    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

    OtelMetrics(instruments, OTLPMetricExporter()).start(15)
    logging.getLogger("registry").addHandler(OtelLogs(logger_provider))

An exporter of metrics is any of the SDK's, a logger provider the SDK's. Sums are cumulative from the start of the
process, as Prometheus has them. Summaries are left out: the SDK has no such data.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk.metrics import export as otel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from regobs.instrument.app_log import RegistryFormatter

if TYPE_CHECKING:
    from opentelemetry._logs import LoggerProvider

    from regobs.instrument.core.family import Family
    from regobs.instrument.core.instruments import Instruments

_SCOPE = InstrumentationScope("regobs.instrument")
_SEVERITIES = {
    "trace": SeverityNumber.TRACE,
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "fatal": SeverityNumber.FATAL,
    "panic": SeverityNumber.FATAL4,
}


class OtelMetrics:
    """Hands what a scrape would show to a metric exporter of the SDK."""

    def __init__(
        self, instruments: Instruments, exporter: otel.MetricExporter, resource: Resource | None = None
    ) -> None:
        self._instruments = instruments
        self._exporter = exporter
        self._resource = resource or Resource.create()
        self._began = time.time_ns()
        self._end = threading.Event()

    def export(self) -> bool:
        """Once, now; whether the exporter took it. What it raises is logged."""
        try:
            return self._exporter.export(self.data()) is otel.MetricExportResult.SUCCESS
        except Exception:
            logging.getLogger("regobs.instrument").warning("metrics were not exported", exc_info=True)
            return False

    def start(self, seconds: float) -> None:
        """In a thread of its own, each so many seconds, until `stop`."""

        def run() -> None:
            while not self._end.wait(seconds):
                self.export()

        threading.Thread(target=run, daemon=True).start()

    def stop(self) -> None:
        """Export a last time, and no more."""
        self._end.set()
        self.export()

    def data(self) -> otel.MetricsData:
        """What a scrape shows, as data of the SDK."""
        now = time.time_ns()
        found = (self._metric(family, now) for family in self._instruments.shown())
        metrics = [metric for metric in found if metric is not None]
        scope = otel.ScopeMetrics(_SCOPE, metrics, "")
        return otel.MetricsData([otel.ResourceMetrics(self._resource, [scope], "")])

    def _metric(self, family: Family[Any], now: int) -> otel.Metric | None:
        kind = str(family.metric.kind)
        rows = list(family.samples())
        if not rows or kind == "summary":
            return None
        cumulative = otel.AggregationTemporality.CUMULATIVE
        data: Any
        if kind == "histogram":
            data = otel.Histogram(self._histograms(family, rows, now), cumulative)
        else:
            points = [otel.NumberDataPoint(labels, self._began, now, value) for _, labels, value in rows]
            data = otel.Sum(points, cumulative, is_monotonic=True) if kind == "counter" else otel.Gauge(points)
        return otel.Metric(family.name, family.metric.help, "", data)

    def _histograms(
        self, family: Family[Any], rows: list[tuple[str, dict[str, str], float]], now: int
    ) -> list[otel.HistogramDataPoint]:
        points = []
        size = len(family.edges) + 3  # the buckets with +Inf, then sum and count
        for start in range(0, len(rows), size):
            *buckets, (_, labels, total), (_, _, count) = rows[start : start + size]
            sums = [0, *(int(value) for _, _, value in buckets)]
            counts = [after - before for before, after in pairwise(sums)]
            edges = [float(bound) for bound in family.edges]
            # The lowest and highest value are not kept; the SDK's form of "unknown" is the neutral element.
            least, most = float("inf"), float("-inf")
            points.append(
                otel.HistogramDataPoint(labels, self._began, now, int(count), total, counts, edges, least, most)
            )
        return points


class OtelLogs(logging.Handler):
    """A handler of `logging` that hands lines on to OpenTelemetry: `msg` as body, every other field as an attribute.

    Fields are those of RegistryFormatter, secrets masked; access lines of `access_writer` are taken too.
    """

    def __init__(self, provider: LoggerProvider, **static: Any) -> None:
        super().__init__()
        self._logger = provider.get_logger(_SCOPE.name)
        self.setFormatter(RegistryFormatter(static))

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        try:
            line: dict[str, Any] = json.loads(self.format(record))
            level, body = line.pop("level", "info"), line.pop("msg", "")
            line.pop("time", None)
            trace = line.get("trace_id", "")
            self._logger.emit(
                LogRecord(
                    timestamp=int(record.created * 1e9),
                    severity_text=level,
                    severity_number=_SEVERITIES.get(level, SeverityNumber.INFO),
                    body=body,
                    attributes={name: _plain(value) for name, value in line.items()},
                    trace_id=int(trace, 16) if trace else None,
                )
            )
        except Exception:  # noqa: BLE001 (as every handler of logging)
            self.handleError(record)


def _plain(value: Any) -> Any:
    """A value that an attribute may have: objects as their JSON."""
    return value if isinstance(value, (str, bool, int, float)) else json.dumps(value, ensure_ascii=False)
