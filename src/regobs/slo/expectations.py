"""What a generated test expects of an SLO's alerts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from regobs.catalog import slo as names
from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.alerts import NAMES, PERIOD_UNITS, alert_labels, alert_texts, plain
from regobs.slo.counters import scope_labels
from regobs.slo.model import Slo, Tier, Windows, window_text

Json = dict[str, Any]


def at(ms: int) -> str:
    """A time of a test, as promtool reads it."""
    return window_text(Duration(ms))


def firing(slo: Slo, tier: Tier, config: Config, ms: int) -> Json:
    """A query that expects the tier's alert to fire at this time."""
    labels = {"alertname": NAMES[slo.sli], "alertstate": "firing", **alert_labels(slo, tier), **scope_labels(config)}
    return {
        "expr": f'ALERTS{{alertstate="firing",tier="{tier.name}"}}',
        "eval_time": at(ms),
        "exp_samples": [{"labels": _series("ALERTS", labels), "value": 1}],
    }


def silent(tier: Tier, ms: int) -> Json:
    """A query that expects the tier's alert not to fire at this time."""
    return nothing(f'ALERTS{{alertstate="firing",tier="{tier.name}"}}', ms)


def never(ms: int) -> Json:
    """A query that expects that no alert has fired from the beginning until this time."""
    return nothing(f'count_over_time(ALERTS{{alertstate="firing"}}[{at(ms)}])', ms)


def nothing(expr: str, ms: int) -> Json:
    """A query that expects no result."""
    return {"expr": expr, "eval_time": at(ms), "exp_samples": []}


def no_ratio(windows: Windows, ms: int) -> list[Json]:
    """Queries that expect neither a ratio nor a NaN."""
    sizes = (window_text(size) for tier in windows.tiers for size in (tier.short, tier.long))
    return [nothing(names.BURN_RATE(size).name, ms) for size in sizes] + [nothing(names.BUDGET_REMAINING.name, ms)]


def no_bad_events(slo: Slo, config: Config, window: str, ms: int) -> Json:
    """A query that expects zero bad events, not an absent series."""
    return _zero(names.BAD_EVENTS(window).name, slo, config, ms)


def zeros(slo: Slo, config: Config, window: str, ms: int) -> list[Json]:
    """Queries that expect zero bad events and a burn rate of zero."""
    return [no_bad_events(slo, config, window, ms), _zero(names.BURN_RATE(window).name, slo, config, ms)]


def _zero(series: str, slo: Slo, config: Config, ms: int) -> Json:
    labels = {**slo.labels, **scope_labels(config)}
    return {"expr": series, "eval_time": at(ms), "exp_samples": [{"labels": _series(series, labels), "value": 0}]}


def alert_list(slo: Slo, tiers: list[Tier], burn: Fraction, config: Config, ms: int, *, budget: bool) -> Json:
    """Exactly these tiers' alerts, with all labels and the words that a steady burn from the beginning gives them.

    `budget` says whether the period's own sums are there already.
    """
    return {
        "eval_time": at(ms),
        "alertname": NAMES[slo.sli],
        "exp_alerts": [
            {
                "exp_labels": {**alert_labels(slo, tier), **scope_labels(config)},
                "exp_annotations": _expanded(slo, tier, burn, config, budget=budget),
            }
            for tier in tiers
        ],
    }


def _expanded(slo: Slo, tier: Tier, burn: Fraction, config: Config, *, budget: bool) -> dict[str, str]:
    """The annotations with their templates filled in by hand; links are taken as they are."""
    texts = alert_texts(slo, tier, config)
    scope = "".join(f", {label} {value}" for label, value in scope_labels(config).items())
    bad = float(burn * Fraction(slo.budget) * 100)
    spent = float(burn * tier.long.ms / slo.period.ms * 100)
    left = 1 - burn
    size, unit = next((one for one in PERIOD_UNITS if slo.period.ms >= one[0]), PERIOD_UNITS[-1])
    lasts = float(left * slo.period.ms / size / burn)
    rest = f" At this rate the rest lasts {lasts:.1f} {unit}." if left > 0 else " Nothing of it is left."
    return {
        **texts,
        "summary": f"{slo.title}: error budget burns at {float(burn):.2f} times the sustainable rate{scope}",
        "description": (
            f"In the last {tier.name} {bad:.4g}% of the events were bad, where the objective of "
            f"{plain(slo.target * 100)}% allows {plain(slo.budget * 100)}%. That spent {spent:.1f}% of the error "
            f"budget of {window_text(slo.period)}.{rest if budget else ''}"
        ),
    }


def _series(name: str, labels: dict[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"
