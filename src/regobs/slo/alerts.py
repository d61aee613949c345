"""Burn-rate alerts: one rule for each SLO and tier, of which one fires at a time.

An alert begins when

    burn rate of the long window > factor            too much budget is being spent
    unless that x its watched part <= factor         and not only because the window is hardly filled
    and burn rates of the short windows > factor     and it is being spent now
    and more than one bad event lately               one failure alone never alerts
    and the evidence is strong enough                it is no accident of few events
    unless the short windows say that it falls       no alert begins while the trouble goes away
    unless another alert of the SLO fires            one incident is one alert
    or a faster one did in the short window          nor is its trace in slower windows a second one
    or one did in the long window                    which holds the failures that it told of,
       unless the short window alone is evidence     so what came since has to be evidence by itself

and goes on, once it fires, until the short windows say that the burn is over.

Evidence: a service that just keeps its objective has the ratio of bad events r = budget. Among n events about m = r n
would be bad then, and the probability of k or more is at most exp(-(k ln(k/m) - (k - m))): the Chernoff bound of a
Poisson variable (Mitzenmacher and Upfal, Probability and Computing, theorem 5.4), which also bounds a binomial one. An
alert needs it to be below 1 - confidence. With the burn rate b = (k/n) / budget the exponent is k (ln(b) + 1/b - 1),
which is how it stands in the rule. Where the factor is below 1, it takes the place of the 1.

The end: how improbable the short windows would be, had the burn gone on (slo/recording.py), must be below 1 in 1000; a
beginning is refused below 1 in 10. Between the two an alert stays as it is, so that it does not come and go. ALERTS is
what Prometheus itself writes about the evaluation before. docs/slo.md has the derivation and the measurements.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from regobs.catalog import slo as names
from regobs.catalog.targets import ALERTS
from regobs.config import Config
from regobs.errors import SloError
from regobs.promql.nodes import Binary, Call, Duration, Expr, Matcher, MatchOp, Number, Paren, Selector
from regobs.promql.printer import to_text
from regobs.promql.series import known_metric
from regobs.promql.walk import selectors
from regobs.slo.links import (
    dashboard_link,
    log_link,
    log_query_of,
    runbook_link,
    scope_words,
    since_of,
    slo_variables,
)
from regobs.slo.log_address import AlertedLines
from regobs.slo.model import Ratio, Slo, Tier, Windows, window_text
from regobs.slo.recording import MORE_THAN_ONE, interval_of, lowest, number, number_of, recorded
from regobs.slo.windows import evidence, fitting

NAMES = {
    "availability": "RegistryAvailabilityBurn",
    "latency": "RegistryLatencyBurn",
    "freshness": "RegistryFreshnessBurn",
}
OVER = evidence(Decimal("0.999"))  # a window of five minutes may look calm by accident 288 times a day
FALLING = evidence(Decimal("0.9"))
RENEWED = evidence(Decimal("0.999"))  # as often as it could look calm, a short window could look bad
_RATE = '{{ $value | printf "%.1f" }}'
PERIOD_UNITS = ((86_400_000, "days"), (3_600_000, "hours"), (60_000, "minutes"), (1000, "seconds"))


def check_reachable(slo: Slo, windows: Windows) -> None:
    """Raise SloError for a tier that could never fire: no burn rate exceeds 1 / budget."""
    for tier in fitting(slo, windows):
        factor = tier.factor(slo.period)
        share = factor * Fraction(slo.budget)
        if share >= 1:
            least = 1 - 1 / factor
            raise SloError(
                f"the tier {tier.name} could never fire for {slo.name}: no ratio of bad events is enough",
                location=slo.target_location or slo.location,
                value=f"target {plain(slo.target)}: factor {_short(factor)} x budget {slo.budget} = {_short(share)}",
                expected=f"less than 1: a target above {_short(least)}",
                next_step="raise the target, or lower the tier's share in an alerts/windows.yaml of a pack of your own",
            )


def _short(value: Fraction) -> str:
    return f"{float(value):.6g}"


def alert_rules(slo: Slo, windows: Windows, config: Config, *, reachable: bool = True) -> list[dict[str, object]]:
    """The rules as they stand in a rule file, fastest tier first.

    Raises SloError when one could never fire, but not without `reachable`.
    """
    if reachable:
        check_reachable(slo, windows)
    return [_alert(slo, tier, windows, config) for tier in fitting(slo, windows)]


def _alert(slo: Slo, tier: Tier, windows: Windows, config: Config) -> dict[str, object]:
    return {
        "alert": NAMES[slo.sli],
        "expr": expression(slo, tier, windows, config),
        "for": window_text(tier.hold),
        "labels": alert_labels(slo, tier, config),
        "annotations": alert_texts(slo, tier, config),
    }


def factor_text(tier: Tier, slo: Slo) -> str:
    """The tier's factor as it stands in the rule: `13.44`, `14 / 15`."""
    return to_text(number(tier.factor(slo.period)))


def alert_labels(slo: Slo, tier: Tier, config: Config) -> dict[str, str]:
    """The labels of an alert besides those of the scope."""
    return {**slo.labels, "tier": tier.name, "severity": config.severities[tier.severity]}


def expression(slo: Slo, tier: Tier, windows: Windows, config: Config) -> str:
    """The condition, one part a line."""
    factor = number_of(tier.factor(slo.period))
    burn = recorded(names.BURN_RATE(tier.name), slo)
    begins = [to_text(_compared(">", burn, factor))]
    tiers = fitting(slo, windows)
    up_to_it = tiers[: tiers.index(tier) + 1]
    shorts = [recorded(names.BURN_RATE(window_text(one.short)), slo) for one in up_to_it]
    begins += ["and " + to_text(_compared(">", short, factor)) for short in shorts]
    if watched_counts(tier, tiers):
        begins.append("unless " + to_text(_compared("<=", _watched(slo, tier, windows, config), factor)))
    falling = [_recovery(slo, severity, short, windows) for severity, short in falling_windows(slo, tier, windows)]
    lately = recorded(names.BAD_EVENTS(window_text(windows.shorts(tier.severity)[-1])), slo)
    begins += [
        "and " + to_text(_compared(">", lately, Number(MORE_THAN_ONE))),
        "and " + to_text(_compared(">", _proof(slo, tier, tier.long), Number(evidence(windows.confidence)))),
        *(f"unless {to_text(_compared('>', one, Number(FALLING)))}" for one in falling),
        *(f"unless on (slo{_listed(config)}) {to_text(one)}" for one in _others(slo, tier, tiers)),
        f"unless on (slo{_listed(config)}) {to_text(Paren(_told(slo, tier, tiers, config)))}",
    ]
    goes_on = [
        to_text(_compared(">", burn, Number(Decimal(0)))),
        f"and on (slo{_listed(config)}) {to_text(_firing(slo, (tier.name,)))}",
    ]
    before = recorded(names.BURN_RATE(window_text(windows.reference(tier.severity))), slo)
    low = number_of(lowest(slo, windows, tier.severity))
    ends = [
        *(f"unless {to_text(_compared('>', one, Number(OVER)))}" for one in _recoveries(slo, tier.severity, windows)),
        "unless " + to_text(_compared("<=", before, low)),
    ]
    indented = ["  " + line for line in begins] + ["or"] + ["  " + line for line in goes_on]
    return "\n".join(["(", *indented, ")", *ends]) + "\n"


def watched_counts(tier: Tier, tiers: tuple[Tier, ...]) -> bool:
    """Whether an alert asks how much of its long window was watched: not the fastest, which has to be there at once.

    What was not watched counts as good, as in the budget: on a young server an incident is the same alert as later on.
    """
    return tier != tiers[0]


def _watched(slo: Slo, tier: Tier, windows: Windows, config: Config) -> Expr:
    """The burn rate of the long window, had nothing been bad in the part that was not watched."""
    most = number_of(Fraction(tier.long.ms, interval_of(slo, windows, config).ms))
    return recorded(names.BURN_RATE(tier.name), slo) * recorded(names.EVALUATIONS(tier.name), slo) / most


def _proof(slo: Slo, tier: Tier, window: Duration) -> Expr:
    """The exponent of the bound: how strongly a window says that the objective is not kept."""
    burn, bad = (recorded(family(window_text(window)), slo) for family in (names.BURN_RATE, names.BAD_EVENTS))
    factor = tier.factor(slo.period)
    if factor >= 1:
        return bad * (Call("ln", (burn,)) + Binary("/", Number(Decimal(1)), burn) - 1)
    least = number_of(factor)
    return bad * (Call("ln", (burn / least,)) + least / burn - 1)


def falling_windows(slo: Slo, tier: Tier, windows: Windows) -> list[tuple[str, Duration]]:
    """The short windows that could say that the burn falls while the rest of a beginning holds, with their severity.

    A short window is evidence of recovery only where it burns at no more than the lowest rate of its severity, or has
    fewer than two bad events (slo/recording.py). A beginning needs the short windows up to the tier's own to burn
    faster than its factor, and more than one bad event in the longest one of its severity. Where both are asked of one
    window, and the factor is no less than that rate, there is no such evidence: nothing would ever be refused for it.
    """
    tiers = fitting(slo, windows)
    up_to_it = tiers[: tiers.index(tier) + 1]
    burning, lately = {one.short for one in up_to_it}, windows.shorts(tier.severity)[-1]

    def never(severity: str, short: Duration) -> bool:
        enough = tier.factor(slo.period) >= lowest(slo, windows, severity)
        return enough and short == lately and short in burning

    severities = dict.fromkeys(one.severity for one in up_to_it)
    pairs = [(severity, short) for severity in severities for short in windows.shorts(severity)]
    return [(severity, short) for severity, short in pairs if not never(severity, short)]


def _recoveries(slo: Slo, severity: str, windows: Windows) -> list[Expr]:
    return [_recovery(slo, severity, short, windows) for short in windows.shorts(severity)]


def _recovery(slo: Slo, severity: str, short: Duration, windows: Windows) -> Expr:
    return recorded(names.RECOVERY(f"{window_text(short)}_{window_text(windows.reference(severity))}"), slo)


def _others(slo: Slo, tier: Tier, tiers: tuple[Tier, ...]) -> list[Expr]:
    """The alerts that say the same or worse: faster ones that fire or did in the short window, and slower ones now."""
    place = tiers.index(tier)
    faster = tuple(one.name for one in tiers[:place])
    slower = tuple(one.name for one in tiers[place + 1 :] if one.severity == tier.severity)
    lately = [Call("count_over_time", (replace(_firing(slo, faster), range=tier.short),))] if faster else []
    return [*lately, *([_firing(slo, slower)] if slower else [])]


def told_by(tier: Tier, tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    """The tiers after whose alerts this one has to have evidence of its own: faster ones, and those of its severity."""
    return tuple(one for one in tiers if one.severity == tier.severity or tiers.index(one) < tiers.index(tier))


def _told(slo: Slo, tier: Tier, tiers: tuple[Tier, ...], config: Config) -> Expr:
    """The alerts that told of what the long window holds, unless the short window alone is evidence of more."""
    before = tuple(one.name for one in told_by(tier, tiers))
    lately = Call("count_over_time", (replace(_firing(slo, before), range=tier.long),))
    renewed = _compared(">", _proof(slo, tier, tier.short), Number(RENEWED))
    return Binary("unless", lately, renewed, on=("slo", *config.rules_scope.keep))


def _firing(slo: Slo, tiers: tuple[str, ...]) -> Selector:
    one = Matcher("tier", MatchOp.EQUAL, tiers[0])
    tier = one if len(tiers) == 1 else Matcher("tier", MatchOp.REGEX, "|".join(tiers))
    return Selector(
        ALERTS.name,
        matchers=(Matcher("slo", MatchOp.EQUAL, slo.name), tier, Matcher("alertstate", MatchOp.EQUAL, "firing")),
    )


def _listed(config: Config) -> str:
    return "".join(f", {name}" for name in config.rules_scope.keep)


def _compared(op: str, left: Expr, right: Expr) -> Expr:
    return Binary(op, left, right)


def alert_texts(slo: Slo, tier: Tier, config: Config) -> dict[str, str]:
    """What a person reads: how fast, what it cost, how long the rest lasts, and where to go on."""
    keep = config.rules_scope.keep
    burn = names.BURN_RATE(tier.name).name
    length = slo.period.length.ms
    size, unit = next((one for one in PERIOD_UNITS if length >= one[0]), PERIOD_UNITS[-1])
    left, spent = names.BUDGET_REMAINING.name, names.BUDGET_SPENT(tier.name).name
    text = (
        f"In the last {tier.name} {_query(slo, keep, burn, f' * {plain(slo.budget)}')}"
        f"{{{{ . | first | value | humanizePercentage }}}}{{{{ end }}}} of the {slo.counted} were bad, "
        f"where the objective of {plain(slo.target * 100)}% allows {plain(slo.budget * 100)}%. "
        f"That spent {_query(slo, keep, spent, ' * 100')}"
        f'{{{{ . | first | value | printf "%.1f" }}}}%{{{{ end }}}} of the error budget of {slo.period.words}.'
        f"{_query(slo, keep, left, f' > 0) * {plain(Decimal(length) / size)} / ', burn)}"
        f' At this rate the rest lasts {{{{ . | first | value | printf "%.1f" }}}} {unit}.{{{{ end }}}}'
        f"{_query(slo, keep, left, ' <= 0')} Nothing of it is left.{{{{ end }}}}"
    )
    return {
        "summary": f'Error budget of "{slo.title}" burns at {_RATE} times the sustainable rate{scope_words(keep)}',
        "description": text,
        **runbook_link(NAMES[slo.sli], config),
        **dashboard_link(config, "slo", slo_variables(config), since_of(tier.long)),
        **_log_link(slo),
    }


def log_lines(slo: Slo, tier: Tier, config: Config) -> AlertedLines | None:
    """The log lines of what the SLO counts; none for metrics that the catalog does not know."""
    component = _component(slo)
    if component is None:
        return None
    return AlertedLines(log_query_of(component), slo_variables(config), since_of(tier.long))


def _log_link(slo: Slo) -> dict[str, str]:
    component = _component(slo)
    return {} if component is None else log_link(component)


def _component(slo: Slo) -> str | None:
    counted = slo.indicator.total.selector if isinstance(slo.indicator, Ratio) else slo.indicator.value
    return next((found.component for node in selectors(counted) if (found := known_metric(node))), None)


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
