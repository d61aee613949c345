"""Shares and times as people read them, and shares as they type them."""

from __future__ import annotations

from math import isnan

from regobs.errors import InputError

_LONGEST = 1e6 * 365 * 86400
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def percent(share: float) -> str:
    """A share in percent, with as many decimals as tell 99.9999 % from 100 %."""
    text = f"{share * 100:.4f}".rstrip("0").rstrip(".")
    return f"{text}%"


def time_text(seconds: float) -> str:
    """A time in its two largest units: `2 d 3 h`, `40 s`; of no number and of ages a word."""
    if not abs(seconds) < _LONGEST:
        return "unknown" if isnan(seconds) else "without end"
    rest, parts = round(seconds), []
    for size, unit in _UNITS:
        if rest >= size:
            parts.append(f"{rest // size} {unit}")
            rest %= size
    return " ".join(parts[:2]) or "0 s"


def read_share(option: str, text: str) -> float:
    """A share between 0 and 1 as a person types it: `20%` or `0.2`. Raises InputError, which names the option."""
    number, sign, rest = text.strip().partition("%")
    try:
        value = float(number) / (100 if sign else 1)
    except ValueError:
        value = -1.0
    if rest or len(text) > 40 or not 0 <= value <= 1:  # also refuses nan
        raise InputError(
            f"{option} is no share of a budget",
            value=text[:40],
            expected="0 to 1, or 0% to 100%, such as 20%",
            next_step="correct it",
        )
    return value
