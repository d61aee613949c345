"""What a Prometheus exposes of itself: its rules, its way to Alertmanager, its size."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_server = Component("prometheus_server", Exposer.PROMETHEUS)


def _of_itself(*names: str) -> Form:
    return form(labels=labels(*names), needs=Capability.PROMETHEUS)


RULE_EVALUATIONS = _server.counter(
    "prometheus_rule_evaluations_total", Unit.RUNS, "Evaluations of rules.", _of_itself("rule_group")
)
RULE_FAILURES = _server.counter(
    "prometheus_rule_evaluation_failures_total",
    Unit.RUNS,
    "Evaluations of rules that failed.",
    _of_itself("rule_group"),
    pitfalls=("A failed rule writes nothing: its alert cannot fire, and its recorded series ends.",),
)
RULE_GROUP_INTERVAL = _server.gauge(
    "prometheus_rule_group_interval_seconds", Unit.SECONDS, "How often a group is due.", _of_itself("rule_group")
)
RULE_GROUP_DURATION = _server.gauge(
    "prometheus_rule_group_last_duration_seconds",
    Unit.SECONDS,
    "Time of the last evaluation of a group.",
    _of_itself("rule_group"),
)
RULE_GROUP_EVALUATED = _server.gauge(
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    Unit.TIMESTAMP,
    "When a group was evaluated last.",
    _of_itself("rule_group"),
)
RULE_GROUP_MISSED = _server.counter(
    "prometheus_rule_group_iterations_missed_total",
    Unit.RUNS,
    "Evaluations of a group that were left out because the one before took too long.",
    _of_itself("rule_group"),
)
ALERTS_SENT = _server.counter(
    "prometheus_notifications_sent_total",
    Unit.ALERTS,
    "Alerts handed to an Alertmanager.",
    _of_itself("alertmanager"),
    pitfalls=("Alerts, not notifications: the same alert is sent again and again while it fires.",),
)
ALERTS_FAILED = _server.counter(
    "prometheus_notifications_errors_total",
    Unit.ALERTS,
    "Errors while alerts were handed to an Alertmanager.",
    _of_itself("alertmanager"),
)
ALERTS_DROPPED = _server.counter(
    "prometheus_notifications_dropped_total", Unit.ALERTS, "Alerts that no Alertmanager got.", _of_itself()
)
ALERTMANAGERS = _server.gauge(
    "prometheus_notifications_alertmanagers_discovered", Unit.NONE, "Alertmanagers that alerts go to.", _of_itself()
)
CONFIG_LOADED = _server.gauge(
    "prometheus_config_last_reload_successful", Unit.BOOL, "0 while the last reload failed.", _of_itself()
)
HEAD_SERIES = _server.gauge("prometheus_tsdb_head_series", Unit.NONE, "Series in memory.", _of_itself())
SAMPLES_APPENDED = _server.counter(
    "prometheus_tsdb_head_samples_appended_total", Unit.SAMPLES, "Samples written.", _of_itself("type")
)
BLOCK_BYTES = _server.gauge(
    "prometheus_tsdb_storage_blocks_bytes",
    Unit.BYTES,
    "Bytes of the blocks on disk.",
    _of_itself(),
    pitfalls=("The first two hours or so are only in memory and in the write-ahead log: it is 0 then.",),
)
