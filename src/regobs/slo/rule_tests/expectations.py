"""What a generated test expects of an SLO's alerts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

from regobs.catalog import slo as names
from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.alerts import NAMES, PERIOD_UNITS, alert_labels, alert_texts, plain
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.rule_tests.counters import scope_labels

Json = dict[str, Any]
_AT_ONCE = 1000  # ms: a range that holds the present evaluation and no other


def at(ms: int) -> str:
    """A time of a test, as promtool reads it."""
    return window_text(Duration(ms))


def firing(slo: Slo, tier: Tier, config: Config, ms: int) -> Json:
    """A query that expects the tier's alert, and no other of the SLO, to fire at this time."""
    labels = {
        "alertname": NAMES[slo.sli],
        "alertstate": "firing",
        **alert_labels(slo, tier, config),
        **scope_labels(config),
    }
    return {
        "expr": 'ALERTS{alertstate="firing"}',
        "eval_time": at(ms),
        "exp_samples": [{"labels": series_text("ALERTS", labels), "value": 1}],
    }


def silent(ms: int, tier: str = "") -> Json:
    """A query that expects no alert (of a tier) to fire at this time."""
    which = f',tier="{tier}"' if tier else ""
    return nothing(f'ALERTS{{alertstate="firing"{which}}}', ms)


def never(ms: int, since: int = 0, tier: str = "") -> Json:
    """A query that expects that no alert (of a tier) is pending or fires at any time between two."""
    matchers = f'{{tier="{tier}"}}' if tier else ""
    return nothing(f"count_over_time(ALERTS{matchers}[{at(max(ms - since, _AT_ONCE))}])", ms)


def nothing(expr: str, ms: int) -> Json:
    """A query that expects no result."""
    return {"expr": expr, "eval_time": at(ms), "exp_samples": []}


def about(name: str, value: float, labels: dict[str, str], ms: int) -> Json:
    """A query that expects a recorded series to be within a thousandth of a value."""
    return like(name, f"{value:.6f}", labels, ms)


def like(name: str, other: str, labels: dict[str, str], ms: int) -> Json:
    """A query that expects a recorded series to be within a thousandth of an expression of the same labels."""
    expr = f"abs({name} / {other} - 1) < bool 0.001"
    return {"expr": expr, "eval_time": at(ms), "exp_samples": [{"labels": series_text("", labels), "value": 1}]}


def exactly(name: str, value: float, labels: dict[str, str], ms: int) -> Json:
    """A query that expects a recorded series to have a value."""
    return {
        "expr": name,
        "eval_time": at(ms),
        "exp_samples": [{"labels": series_text(name, labels), "value": Decimal(str(value))}],
    }


def no_ratio(windows: Windows, ms: int) -> list[Json]:
    """Queries that expect neither a ratio nor a NaN."""
    sizes = (window_text(size) for tier in windows.tiers for size in (tier.short, tier.long))
    return [nothing(names.BURN_RATE(size).name, ms) for size in sizes] + [nothing(names.BUDGET_REMAINING.name, ms)]


def alert_texts_of(slo: Slo, tier: Tier, config: Config, ms: int, found: dict[str, float]) -> Json:
    """Exactly this tier's alert, with all labels and the words that these figures give it.

    `found` has `burn`, `spent` and `left`, as the recorded series have them.
    """
    return {
        "eval_time": at(ms),
        "alertname": NAMES[slo.sli],
        "exp_alerts": [
            {
                "exp_labels": {**alert_labels(slo, tier, config), **scope_labels(config)},
                "exp_annotations": _expanded(slo, tier, config, found),
            }
        ],
    }


def _expanded(slo: Slo, tier: Tier, config: Config, found: dict[str, float]) -> dict[str, str]:
    """The annotations with their templates filled in by hand."""
    texts = alert_texts(slo, tier, config)
    scope = "".join(f", {label} {value}" for label, value in scope_labels(config).items())
    burn, left, length = found["burn"], found["left"], slo.period.length.ms
    size, unit = next((one for one in PERIOD_UNITS if length >= one[0]), PERIOD_UNITS[-1])
    rest = f" At this rate the rest lasts {left * length / size / burn:.1f} {unit}."
    for label, value in {**alert_labels(slo, tier, config), **scope_labels(config)}.items():
        template = f"{{{{ with $labels.{label} }}}}&var-{label}={{{{ . | urlquery }}}}{{{{ end }}}}"
        texts = {name: text.replace(template, f"&var-{label}={quote_plus(value)}") for name, text in texts.items()}
    return {
        **texts,
        "summary": f'Error budget of "{slo.title}" burns at {burn:.1f} times the sustainable rate{scope}',
        "description": (
            f"In the last {tier.name} {burn * float(slo.budget) * 100:.4g}% of the {slo.counted} were bad, where the "
            f"objective of {plain(slo.target * 100)}% allows {plain(slo.budget * 100)}%. That spent "
            f"{found['spent'] * 100:.1f}% of the error budget of {slo.period.words}."
            f"{rest if left > 0 else ' Nothing of it is left.'}"
        ),
    }


def series_text(name: str, labels: dict[str, str]) -> str:
    """A series as promtool reads it."""
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"
