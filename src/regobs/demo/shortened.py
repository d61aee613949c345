"""The rules of a build with every time in them divided by one number, so that an hour passes in a minute.

Nothing else changes: windows, offsets, steps of subqueries, `for`, `keep_firing_for` and the intervals of groups are
divided alike, as are the intervals of scraping and evaluating, and the times that panels name. Names of recorded series
stay, so a series called `...1h` holds a minute, and every dashboard works on it. Numbers in expressions stay too:
thresholds and factors have no time in them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from regobs.build.write import MANIFEST
from regobs.config.model import Config
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import RulesError
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.promql import parse, to_text
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Duration, Expr
from regobs.promql.walk import with_durations
from regobs.slo.rule_scope import asks_absence

FACTOR = 60  # an hour is a minute: a burn over five minutes is seen in as many seconds
RULES, RULE_TESTS = "prometheus/rules/", "prometheus/tests/"
_SHORTEST = 250  # milliseconds; what 15 s become, the shortest time of the pack
# Milliseconds between scrapes and evaluations, and no less: five in the shortest window, and a busy laptop keeps up.
_SHORTEST_PACE = 1000
_LOOKBACK = Duration(300_000)  # Prometheus' default of --query.lookback-delta
# Milliseconds: as many scrapes of a second as five minutes have of 15 s. Where evaluations come late on a busy machine,
# what they recorded stays; what ends is marked as stale and needs no lookback to vanish.
_SHORTEST_LOOKBACK = 20 * _SHORTEST_PACE
# Prometheus sends an alert anew once a minute, also one that came before it knew an Alertmanager. One that is not sent
# anew in four times this is taken for resolved, so it is no sixtieth of a minute.
_RESEND = Duration(5000)
# Milliseconds: Prometheus scrapes nothing in its first five seconds, whatever it is told; nothing is missing till then.
_STARTING = 10_000


def rules_config(config: Config, factor: int = FACTOR) -> Config:
    """The configuration to build rules for, that are then shortened: they are made for the pace of the scrapes."""
    scrape = Duration(config.prometheus.scrape_interval.ms * factor)
    return replace(config, prometheus=replace(config.prometheus, scrape_interval=scrape))


def shorten_config(config: Config, factor: int = FACTOR) -> Config:
    """The same configuration that scrapes and evaluates `factor` times as often."""
    settings = config.prometheus
    return replace(
        config,
        prometheus=replace(
            settings,
            scrape_interval=_pace(settings.scrape_interval, factor),
            evaluation_interval=_pace(settings.evaluation_interval, factor),
        ),
    )


def _pace(interval: Duration, factor: int) -> Duration:
    return Duration(max(_divide(interval, factor).ms, min(_SHORTEST_PACE, interval.ms)))


def shorten_flags(factor: int = FACTOR) -> tuple[str, ...]:
    """What Prometheus is started with: for how long a sample is the present, and when an alert is sent anew."""
    lookback = Duration(max(_divide(_LOOKBACK, factor).ms, _SHORTEST_LOOKBACK))
    return (
        f"--query.lookback-delta={duration_text(lookback)}",
        f"--rules.alert.resend-delay={duration_text(_RESEND)}",
    )


def shorten_files(files: Mapping[str, bytes], factor: int = FACTOR) -> dict[str, bytes]:
    """The files of a build with short rules. The generated rule tests are left out: they are about the real times."""
    changed = {
        name: shorten_rules(content, name, factor) if name.startswith(RULES) else content
        for name, content in files.items()
        if not name.startswith(RULE_TESTS)
    }
    manifest = json.loads(changed.pop(MANIFEST))
    manifest["shortened"] = factor
    manifest["files"] = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(changed.items())}
    changed[MANIFEST] = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    return changed


def shorten_rules(content: bytes, name: str, factor: int = FACTOR) -> bytes:
    """One rule file, `name` for messages. Raises RulesError or PromqlError when it is none."""
    data = load_yaml(content.decode(), name).data
    for group in data["groups"]:
        _shorten_field(group, "interval", name, factor)
        for rule in group["rules"]:
            rule["expr"] = to_text(shorten(parse(rule["expr"], file=name), factor))
            absence = asks_absence(parse(rule["expr"]))
            _shorten_field(rule, "for", name, factor, least=_STARTING if absence else 0)
            _shorten_field(rule, "keep_firing_for", name, factor)
    return f"# Every time is divided by {factor}, for `regobs demo`.\n{dump_yaml(data)}".encode()


def shorten(expr: Expr, factor: int = FACTOR) -> Expr:
    """The same expression with shorter ranges, offsets and steps; Grafana's macros stay."""
    return with_durations(expr, lambda duration: _divide(duration, factor))


def shorten_dashboard(dashboard: BoundDashboard, factor: int = FACTOR) -> BoundDashboard:
    """The same dashboard with shorter times in the queries of its panels."""

    def panel(one: BoundPanel) -> BoundPanel:
        return replace(one, queries=tuple(replace(query, expr=shorten(query.expr, factor)) for query in one.queries))

    rows = (replace(row, panels=tuple(panel(one) for one in row.panels)) for row in dashboard.rows)
    return replace(dashboard, rows=tuple(rows))


def _shorten_field(holder: dict[str, Any], field: str, name: str, factor: int, least: int = 0) -> None:
    if field not in holder:
        return
    duration = read_duration(str(holder[field]))
    if duration is None:
        raise RulesError(
            f"{field} is not a duration", value=holder[field], expected="a time such as 5m", next_step=name
        )
    shorter = Duration(max(_divide(duration, factor).ms, min(least, duration.ms)))
    holder[field] = duration_text(shorter) if duration.ms else "0s"


def _divide(duration: Duration, factor: int) -> Duration:
    sign = -1 if duration.ms < 0 else 1
    return Duration(sign * max(abs(duration.ms) // factor, _SHORTEST)) if duration.ms else duration
