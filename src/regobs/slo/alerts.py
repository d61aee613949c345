"""Burn-rate alerts: one rule for each SLO and tier.

    burn rate of the long window > factor       too much budget is being spent
    and bad events > 1.5                        one failure alone never alerts
    and the evidence is strong enough           it is no accident of few events
    unless burn rate of the short one <= factor the burn is over

Evidence: if the true rate of bad events were r = factor x budget, then among n events about m = r n would be bad, and
the probability of k or more is at most exp(-(k ln(k/m) - (k - m))): the Chernoff bound of a Poisson variable
(Mitzenmacher and Upfal, Probability and Computing, theorem 5.4), which also bounds a binomial one. The alert needs it
to be below 1 - confidence. With the burn rate b = (k/n) / budget the exponent is k (ln(b/factor) + factor/b - 1),
which is how it stands in the rule. For three nines and the tier of one hour, 1 failure of 1 request gives 3.32, too
little for 99 % (4.6052), and 2 of 2 give 6.64. A busy registry has that much evidence at once, a quiet one after a few
failures; there is no rate of requests under which the alert is mute. 1.5 stands between one failure and two, as
increase() estimates them.

`unless` instead of `and` for the short window: where nothing happens in it, nothing shows that the burn is over, so a
failing registry that loses its traffic does not silence its own alert.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from regobs.catalog import slo as names
from regobs.config import Config
from regobs.errors import SloError
from regobs.promql.nodes import Binary, Call, Expr, Number
from regobs.promql.printer import to_text
from regobs.slo.links import dashboard_link, runbook_link, scope_words
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.recording import number, recorded
from regobs.slo.windows import evidence

NAMES = {"availability": "RegistryAvailabilityBurn", "latency": "RegistryLatencyBurn"}
MORE_THAN_ONE = Decimal("1.5")
_RATE = '{{ $value | printf "%.2f" }}'
PERIOD_UNITS = ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"), (1000, "seconds"))


def check_reachable(slo: Slo, windows: Windows) -> None:
    """Raise SloError for a tier that could never fire: no burn rate exceeds 1 / budget."""
    for tier in windows.tiers:
        factor = tier.factor(slo.period)
        if tier.long.ms > slo.period.ms:
            raise SloError(
                f"the tier {tier.name} is longer than the period of {slo.name}",
                location=tier.location,
                value=f"{tier.name}, period {window_text(slo.period)}",
                expected="long windows within the period",
                next_step="shorten the tier, or lengthen the period",
            )
        if factor * Fraction(slo.budget) >= 1:
            least = 1 - 1 / factor
            raise SloError(
                f"the tier {tier.name} could never fire for {slo.name}: no ratio of bad events is enough",
                location=slo.location,
                value=f"factor {_short(factor)} x budget {slo.budget} = {_short(factor * Fraction(slo.budget))}",
                expected=f"less than 1: a target above {_short(least)}",
                next_step="raise the target, or lower the tier's share in windows.yaml",
            )


def _short(value: Fraction) -> str:
    return f"{float(value):.6g}"


def alert_rules(slo: Slo, windows: Windows, config: Config) -> list[dict[str, object]]:
    """The rules as they stand in a rule file, fastest tier first. Raises SloError when one could never fire."""
    check_reachable(slo, windows)
    return [_alert(slo, tier, evidence(windows.confidence), config) for tier in windows.tiers]


def _alert(slo: Slo, tier: Tier, proof: Decimal, config: Config) -> dict[str, object]:
    return {
        "alert": NAMES[slo.sli],
        "expr": expression(slo, tier, proof),
        "for": window_text(tier.hold),
        "labels": alert_labels(slo, tier),
        "annotations": alert_texts(slo, tier, config),
    }


def factor_text(tier: Tier, slo: Slo) -> str:
    """The tier's factor as it stands in the rule: `13.44`, `14 / 15`."""
    return to_text(number(tier.factor(slo.period)))


def alert_labels(slo: Slo, tier: Tier) -> dict[str, str]:
    """The labels of an alert besides those of the scope."""
    return {**slo.labels, "tier": tier.name, "severity": tier.severity}


def expression(slo: Slo, tier: Tier, proof: Decimal) -> str:
    """The condition, one part a line."""
    factor = number(tier.factor(slo.period))
    burn = recorded(names.BURN_RATE(tier.name), slo)
    recent = recorded(names.BURN_RATE(window_text(tier.short)), slo)
    bad = recorded(names.BAD_EVENTS(tier.name), slo)
    exponent = bad * (Call("ln", (burn / factor,)) + factor / burn - 1)
    parts = [
        to_text(_compared(">", burn, factor)),
        "and " + to_text(_compared(">", bad, Number(MORE_THAN_ONE))),
        "and " + to_text(_compared(">", exponent, Number(proof))),
        "unless " + to_text(_compared("<=", recent, factor)),
    ]
    return "\n".join(parts) + "\n"


def _compared(op: str, left: Expr, right: Expr) -> Expr:
    return Binary(op, left, right)


def alert_texts(slo: Slo, tier: Tier, config: Config) -> dict[str, str]:
    """What a person reads: how fast, what it cost, how long the rest lasts, and where to go on."""
    keep = config.rules_scope.keep
    burn = names.BURN_RATE(tier.name).name
    size, unit = next((one for one in PERIOD_UNITS if slo.period.ms >= one[0]), PERIOD_UNITS[-1])
    spent = to_text(number(Fraction(100 * tier.long.ms, slo.period.ms)))
    left = names.BUDGET_REMAINING.name
    text = (
        f"In the last {tier.name} {_query(slo, keep, burn, f' * {plain(slo.budget)}')}"
        f"{{{{ . | first | value | humanizePercentage }}}}{{{{ end }}}} of the events were bad, where the objective of "
        f"{plain(slo.target * 100)}% allows {plain(slo.budget * 100)}%. "
        f"That spent {_query(slo, keep, burn, f' * ({spent})')}"
        f'{{{{ . | first | value | printf "%.1f" }}}}%{{{{ end }}}} of the error budget of {window_text(slo.period)}.'
        f"{_query(slo, keep, left, f' > 0) * {plain(Decimal(slo.period.ms) / size)} / ', burn)}"
        f' At this rate the rest lasts {{{{ . | first | value | printf "%.1f" }}}} {unit}.{{{{ end }}}}'
        f"{_query(slo, keep, left, ' <= 0')} Nothing of it is left.{{{{ end }}}}"
    )
    return {
        "summary": f"{slo.title}: error budget burns at {_RATE} times the sustainable rate{scope_words(config)}",
        "description": text,
        **runbook_link(NAMES[slo.sli], config),
        **dashboard_link(config),
    }


def plain(value: Decimal) -> str:
    """The number without an exponent or trailing zeros."""
    return format(value.normalize(), "f")


def _query(slo: Slo, keep: tuple[str, ...], first: str, rest: str, second: str = "") -> str:
    """`{{ with ... query }}` of one or two recorded series of this SLO in the scope that the alert is about."""
    matchers = ",".join([f"slo='{slo.name}'", *(f"{label}=%q" for label in keep)])
    opening = "(" if second else ""
    text = f"{opening}{first}{{{matchers}}}{rest}" + (f"{second}{{{matchers}}}" if second else "")
    if not keep:
        return f'{{{{ with query "{text}" }}}}'
    values = " ".join(f"$labels.{label}" for label in keep * (2 if second else 1))
    return f'{{{{ with printf "{text}" {values} | query }}}}'
