"""Bucket edges: how an upper bound is spelled in the `le` label.

Go's client writes a bound with strconv's shortest 'g' format (`1`, `0.5`, `1.048576e+06`). Prometheus 3 and OpenMetrics
expositions add `.0` to a bound that has neither a point nor an exponent (`1.0`), so a stored series may have either.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from regobs.promql.nodes import Matcher, MatchOp


def spell_edge(edge: Decimal) -> str:
    """The bound as Go's strconv.FormatFloat(x, 'g', -1, 64) writes it, which is what client_golang exposes."""
    number = Decimal(repr(float(edge)))
    if number.is_infinite():
        return "+Inf" if number > 0 else "-Inf"
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    exponent = int(exponent) + len(text) - 1
    prefix = "-" if sign else ""
    if exponent < -4 or exponent >= 6:  # strconv/ftoa.go: eprec is 6 for the shortest 'g'
        return prefix + _scientific(stripped, exponent)
    return prefix + format(abs(number).normalize(), "f")


def _scientific(digits: str, exponent: int) -> str:
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def edge_spellings(edge: Decimal) -> tuple[str, ...]:
    """Every spelling that a stored `le` may have: one, or two where the bound looks like an integer."""
    text = spell_edge(edge)
    return (text,) if "." in text or "e" in text or "Inf" in text else (text, text + ".0")


def edge_matcher(edges: Iterable[Decimal], *, negated: bool = False) -> Matcher:
    """The `le` matcher that finds these bounds in both spellings."""
    spellings = [spelling for edge in edges for spelling in edge_spellings(edge)]
    if len(spellings) == 1:
        return Matcher("le", MatchOp.NOT_EQUAL if negated else MatchOp.EQUAL, spellings[0])
    pattern = "|".join(quote_regex(spelling) for spelling in spellings)
    return Matcher("le", MatchOp.NOT_REGEX if negated else MatchOp.REGEX, pattern)


def read_edge(text: str) -> Decimal | None:
    """The bound that an `le` value means, or None when it is no number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return None if value.is_nan() else value


def nearest_edges(edge: Decimal, buckets: Iterable[float]) -> str:
    """The one or two bounds around `edge`, as text for an error message."""
    bounds = sorted({Decimal(repr(bound)) for bound in buckets})
    below = [bound for bound in bounds if bound < edge][-1:]
    above = [bound for bound in bounds if bound > edge][:1]
    return ", ".join(spell_edge(bound) for bound in below + above)


def quote_regex(text: str) -> str:
    """The RE2 expression that matches exactly this text (Go's regexp.QuoteMeta)."""
    return "".join("\\" + char if char in "\\.+*?()|[]{}^$" else char for char in text)
