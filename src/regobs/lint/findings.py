"""What lint says: findings as data, and the checks that make them.

A check is a function with a docstring; its documentation, the reason printed with each finding and the example that
the tests run are read from there, so they cannot differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from inspect import cleandoc
from typing import Any


class Severity(StrEnum):
    """How sure and how bad: an error cannot work, a warning misleads, a note is worth a look."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """0 for an error, and the higher the milder."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class LintEdit:
    """The one right answer to a problem: what stands in the file from `start` to `end` becomes `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One problem at one place: lines and columns count from 1, `end_column` is behind the last character."""

    check: str
    severity: Severity
    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    what: str
    why: str
    next_step: str
    subject: str = ""
    fix: LintEdit | None = None

    def as_data(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "fix"}


@dataclass(frozen=True, slots=True)
class LintProblem:
    """What a check found: `start` and `end` are offsets in the file, `next_step` what to do instead."""

    start: int
    end: int
    what: str
    next_step: str
    severity: Severity | None = None
    fix: LintEdit | None = None

    def fixed_by(self, edit: LintEdit | None) -> LintProblem:
        """The same, with its one right answer."""
        return replace(self, fix=edit)


class CheckSubject(StrEnum):
    """What a check looks at."""

    QUERY = "query"
    RULE = "rule"
    RULES = "rules"
    PANEL = "panel"
    DASHBOARD = "dashboard"
    ROUTING = "routing"
    LOG_QUERY = "log query"
    LIVE = "live"  # what only a server can say
    FILE = "file"


CheckFunction = Callable[..., Iterator[LintProblem]]
_HEADING = re.compile(r"^(Why|Beside|Wrong|Right):[ \n]", re.MULTILINE)


@dataclass(frozen=True)
class Check:
    """A check: its name, how bad what it finds is, what it looks at."""

    name: str
    severity: Severity
    subject: CheckSubject
    run: CheckFunction

    @cached_property
    def parts(self) -> dict[str, str]:
        """The paragraphs of its docstring: `what`, and those that begin with Why, Wrong, Right.

        Where there is `Beside`, it stands before Wrong and before Right.
        """
        words = _HEADING.split(cleandoc(self.run.__doc__ or ""))
        texts = {"what": words[0], **dict(zip(words[1::2], words[2::2], strict=True))}
        return {name: cleandoc("\n" + text).strip() for name, text in texts.items()}

    def example(self, side: str) -> str:
        """What the tests run: the example `Wrong` or `Right`, as a whole."""
        return "\n".join(self.parts[part] for part in ("Beside", side) if part in self.parts)

    @property
    def why(self) -> str:
        """Why it hurts, in one line."""
        return " ".join(self.parts["Why"].split())


CHECKS: dict[str, Check] = {}


def check(
    name: str, severity: Severity, subject: CheckSubject = CheckSubject.QUERY
) -> Callable[[CheckFunction], CheckFunction]:
    """Register a function as the check of this name."""

    def register(run: CheckFunction) -> CheckFunction:
        CHECKS[name] = Check(name, severity, subject, run)
        return run

    return register
