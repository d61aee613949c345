"""What stands for itself in PromQL: numbers, strings, and the regular expressions of matchers."""

from __future__ import annotations

import re
import warnings
from decimal import Decimal
from functools import lru_cache

from regobs.common.late_pattern import LatePattern
from regobs.promql.durations import read_duration

_ESCAPE = LatePattern(
    r"\\(?:([abfnrtv\\'\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.?))", re.DOTALL
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def read_number(text: str) -> Decimal | None:
    """The exact value of a number: decimal, hexadecimal, `Inf`, `NaN`, or a duration in seconds; None for none."""
    lower = text.lower()
    if "_" in lower:  # Python would read it
        return None
    if lower in {"inf", "nan"}:
        return Decimal(lower)
    if lower.startswith("0x"):
        digits = lower[2:]
        return Decimal(int(digits, 16)) if digits and not digits.strip("0123456789abcdef") else None
    try:
        near = float(lower)
    except ValueError:
        duration = read_duration(text)
        return None if duration is None or not duration.ms else Decimal(duration.ms) / 1000
    # Beyond what a 64-bit float holds, Prometheus has infinity or zero; within, the digits of the text count.
    return Decimal(lower) if near and abs(near) != float("inf") else Decimal(repr(near))


def unquote(token: str) -> str:
    """The text of a string token. Raises ValueError, with what is wrong, for an escape that there is not."""
    if token[0] == "`":
        return token[1:-1]
    inner, other = token[1:-1], "'" if token[0] == '"' else '"'
    if "\\" not in inner:
        return inner
    if f"\\{other}" in inner.replace("\\\\", ""):
        raise ValueError(f"unknown escape sequence \\{other} in a string in {token[0]}")
    return _ESCAPE.sub(_unescaped, inner).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _unescaped(match: re.Match[str]) -> str:
    simple, two, octal, four, eight, wrong = match.groups()
    if simple:
        return _SIMPLE.get(simple, simple)
    if wrong is not None:
        raise ValueError(f"unknown escape sequence \\{wrong}")
    if two or octal:  # a byte, of which several may make one character
        byte = int(two, 16) if two else int(octal, 8)
        if byte > 0xFF:
            raise ValueError(f"unknown escape sequence \\{octal}")
        return bytes([byte]).decode("utf-8", "surrogateescape")
    code = int(four or eight, 16)
    if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise ValueError(f"no character has the number {code:x}")
    return chr(code)


# The syntax of RE2, as far as Prometheus rejects what breaks it: https://github.com/google/re2/wiki/Syntax
_REGEX_PART = LatePattern(
    r"(?P<escape>\\(?:[pP](?:\{\^?\w+\}|[A-Za-z])|x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})|[0-7]{2,3}|[aAbBdDfnrsStvwWz]"
    r"|[^\w\s]|\s))"
    r"|(?P<open>\((?:\?(?:P?<[A-Za-z_]\w*>|[imsU]*(?:-[imsU]+)?:))?(?!\?))"
    r"|(?P<flags>\(\?[imsU]+(?:-[imsU]+)?\)|\(\?-[imsU]+\))"
    r"|(?P<close>\))"
    r"|(?P<repeat>(?:[*+?]|\{\d+(?:,\d*)?\})\??)"
    r"|(?P<start>[|^])"
    r"|(?P<set>\[\^?)"
    r"|(?P<other>[^\\()*+?|^\[])",
    re.DOTALL | re.ASCII,
)
_SET_PART = LatePattern(
    r"\[:\^?[a-z]+:\]|\\(?:[pP](?:\{\^?\w+\}|[A-Za-z])|x(?:\{[0-9a-fA-F]+\}|[0-9a-fA-F]{2})|[0-7]{2,3}|[^0-9]|.)|[^\\]",
    re.DOTALL | re.ASCII,
)
_BOUNDS = LatePattern(r"\{(\d+)(?:,(\d+)?)?\}")
_MOST_REPEATS = 1000
_MANY = 64
_MOST_STEPS = 1_000_000


@lru_cache(maxsize=4096)
def regex_fault(pattern: str) -> str:
    """Why RE2 would refuse a pattern, in words; empty when it would not. Linear in the length of the pattern."""
    position, depth, repeatable = 0, 0, False
    while position < len(pattern):
        match = _REGEX_PART.match(pattern, position)
        if match is None:
            return f"{pattern[position : position + 4]!r} has no meaning in RE2"
        kind, text, position = match.lastgroup, match[0], match.end()
        if kind == "repeat":
            fault = _repeat_fault(text, repeatable=repeatable)
            if fault:
                return fault
        elif kind == "open":
            depth += 1
        elif kind == "close":
            if not depth:
                return "')' closes nothing that is open"
            depth -= 1
        elif kind == "set":
            position, fault = _set(pattern, position)
            if fault:
                return fault
        repeatable = kind not in {"open", "start", "flags"} or text == "^"
    return "'(' is never closed" if depth else ""


@lru_cache(maxsize=4096)
def regex_matches(pattern: str, value: str) -> bool | None:
    """Whether a pattern matches the whole of a value, as matchers do; None where that cannot be said soon.

    RE2 tries all ways at once, Python one after the other: a pattern that could take it long is not tried. None is
    also the answer for what only RE2 reads.
    """
    if len(value) ** _repeats(pattern) > _MOST_STEPS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of brackets that a later Python may read otherwise
            return re.fullmatch(pattern, value) is not None
    except (re.error, RecursionError, OverflowError):
        return None


def _repeats(pattern: str) -> int:
    """How many repetitions may compete for the same characters; one around others counts as many."""
    position, count = 0, 0
    inside = [False]  # for each open group: whether there is a choice in it
    closed = False  # whether the group just closed had one
    while position < len(pattern):
        match = _REGEX_PART.match(pattern, position)
        if match is None:
            return _MANY
        kind, text, position = match.lastgroup, match[0], match.end()
        if kind == "set":
            position, _ = _set(pattern, position)
        elif kind == "open":
            inside.append(False)
        elif kind == "close" and len(inside) > 1:
            closed = inside.pop()
            inside[-1] |= closed
            continue
        elif kind == "repeat":
            count += _MANY if closed else 1
            inside[-1] = True
        elif text == "|":
            inside[-1] = True
        closed = False
    return count


def _repeat_fault(text: str, *, repeatable: bool) -> str:
    if not repeatable:
        return f"nothing stands before {text!r} that it could repeat"
    bounds = _BOUNDS.match(text)
    if bounds is None:
        return ""
    least, most = int(bounds[1]), int(bounds[2] or 0)
    if max(least, most) > _MOST_REPEATS or (bounds[2] and least > most):
        return f"{text} is no range of repetitions: at most {_MOST_REPEATS}, the smaller number first"
    return ""


def _set(pattern: str, position: int) -> tuple[int, str]:
    """The position behind a set whose bracket is open, and what is wrong with it."""
    first, low, dash = True, "", False
    while position < len(pattern):
        match = _SET_PART.match(pattern, position)
        if match is None:
            break
        text = match[0]
        if text == "]" and not first:
            return match.end(), ""
        if dash and len(low) == len(text) == 1 and text < low:
            return position, f"the range {low}-{text} is empty"
        dash, low = (True, low) if text == "-" and low and not dash else (False, "" if dash else text)
        first, position = False, match.end()
    return position, "'[' is never closed"
