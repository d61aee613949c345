"""Numbers and label values as the Prometheus text formats write them.

Numbers follow Go's `strconv.FormatFloat(v, 'g', -1, 64)`, because that is what the real registry's exposition holds:
`1`, `0.005`, `1.048576e+06`. In OpenMetrics the value of `le` needs a decimal point or an exponent.
"""

from __future__ import annotations

import re

_UNREADABLE = re.compile("[\\0\ud800-\udfff]").sub
_EXPONENT_FROM = 1e6  # the shortest 'g' form of Go has an exponent from here on
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


def number(value: float) -> str:
    """A sample value or a bucket edge: `3`, `0.25`, `1.5e+07`, `NaN`, `+Inf`. Takes int and float."""
    if -_EXPONENT_FROM < value < _EXPONENT_FROM:
        whole = int(value)
        return str(whole) if whole == value else repr(float(value))
    text = repr(float(value))
    if "n" in text:  # nan, inf
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[text]
    if "e" in text:
        return text
    sign = "-" if value < 0 else ""
    whole_part, _, fraction = text.lstrip("-").partition(".")
    digits = (whole_part + fraction).rstrip("0")
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e+{len(whole_part) - 1:02d}"


def edge(value: float, *, openmetrics: bool) -> str:
    """The value of an `le` or `quantile` label in one of the two formats."""
    text = number(value)
    return f"{text}.0" if openmetrics and text.lstrip("-").isdigit() else text


def label_pairs(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    """`a="x",b="y"` with the values escaped, empty for no labels."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True))


def help_text(text: str, *, openmetrics: bool) -> str:
    """The text of a HELP line, escaped for the format (OpenMetrics escapes the double quote too)."""
    return readable(text).translate(_ESCAPES if openmetrics else _HELP_ESCAPES)


def readable(text: str) -> str:
    """A text without what cannot be written (half of a surrogate pair) or read (NUL, which ends it for Prometheus)."""
    return text if text.isprintable() else _UNREADABLE("\ufffd", text)


def safe_repr(value: object) -> str:
    """What an error shows of a value: at most 80 characters, also of one that cannot be shown."""
    try:
        return repr(value)[:80]
    except Exception:  # noqa: BLE001 (it is the user's)
        return f"<{type(value).__name__}>"
