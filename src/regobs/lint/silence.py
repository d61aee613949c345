"""Findings that somebody allowed: a comment in YAML or in a query, a panel's description or a dashboard's in JSON.

# regobs: allow raw-counter: the panel shows the age of the process
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from regobs.common.closest import did_you_mean
from regobs.lint.comment_places import allowance_places, comments_of_yaml
from regobs.lint.findings import CHECKS, CheckSubject, LintFinding, LintProblem
from regobs.lint.linted_files import LintedFile
from regobs.lint.sources import SourceText

_ALLOW = re.compile(r"regobs: allow[ \t]++([\w, \t-]*+)(?::[ \t]*+([^\n\"\\]*+))?")


@dataclass
class Allowance:
    """One allowance: which checks, for which offsets of the file, and why."""

    checks: tuple[str, ...]
    reason: str
    start: int
    end: int
    first: int
    last: int
    used: bool = False


class AllowedLines:
    """For which lines each check is allowed, with a reason: asked for each finding, so found by bisection."""

    def __init__(self, given: Iterable[Allowance]) -> None:
        self._reaching: dict[str, list[Allowance]] = {}  # by first line: of those so far the one that reaches furthest
        for one in sorted((one for one in given if one.reason), key=lambda one: one.first):
            for check in dict.fromkeys(one.checks):
                known = self._reaching.setdefault(check, [])
                if not known or one.last > known[-1].last:
                    known.append(one)

    def of(self, finding: LintFinding) -> Allowance | None:
        """The allowance that stands for a finding: one for its check and the line in which it begins."""
        known = self._reaching.get(finding.check, [])
        at = bisect_right(known, finding.line, key=lambda one: one.first) - 1
        return known[at] if at >= 0 and finding.line <= known[at].last else None


def mark_used(given: Iterable[Allowance], allowed: Iterable[LintFinding]) -> None:
    """Mark every allowance that one of the findings lies in: that of a rule is used below one of the whole file too."""
    lines: dict[str, list[int]] = {}
    for finding in sorted(allowed, key=lambda one: one.line):
        lines.setdefault(finding.check, []).append(finding.line)
    for one in given:
        for check in one.checks:
            found = lines.get(check, [])
            at = bisect_left(found, one.first)
            one.used = one.used or (at < len(found) and found[at] <= one.last)


def allowances(file: LintedFile) -> list[Allowance]:
    """Those of a file."""
    if "regobs: allow" not in file.text:
        return []
    at = allowance_places(file)
    matches = [match for match in _ALLOW.finditer(file.text) if match.start() in at]
    places = [(rule.source, rule.path) for rule in file.rules]
    places += [(panel.source, panel.path) for board in file.dashboards for panel in board.panels]
    extents = [_without_comments_behind(file.text, (*source.extent(path), source)) for source, path in places]
    commented = comments_of_yaml(file)
    below: dict[int, _Extent] = {}
    for one in extents:
        below.setdefault(one[2].position(one[0])[0], one)
    found, text = [], SourceText(file.file, file.text)
    next_line = _behind_comments(file.text)
    lines = file.text.count("\n") + 1
    inside = _innermost(extents, [match.start() for match in matches])
    for match in matches:
        line = text.position(match.start())[0]
        around = inside.get(match.start())
        if around is not None:
            first, last = text.position(around[0])[0], text.position(max(around[0], around[1] - 1))[0]
        elif match.start() in commented and (next_one := below.get(line, below.get(next_line[line]))) is not None:
            first, last = line, text.position(max(next_one[0], next_one[1] - 1))[0]
        else:
            first, last = 1, lines
        checks = tuple(match[1].replace(",", " ").split())
        found.append(Allowance(checks, (match[2] or "").strip(), match.start(), match.end(), first, last))
    return found


_Extent = tuple[int, int, SourceText]


def _without_comments_behind(text: str, extent: _Extent) -> _Extent:
    """A part of YAML without the comments behind it, which it ends with for a parser: they stand further left."""
    start, end, source = extent
    column = start - text.rfind("\n", 0, start) - 1
    while (begin := text.rfind("\n", start, end) + 1) > 0:
        words = text[begin:end].lstrip()
        if words and (words[0] != "#" or end - begin - len(words) >= column):
            break
        end = begin - 1
    return start, end, source


def _behind_comments(text: str) -> list[int]:
    """For each line, counted from one, the number of the next that is no comment."""
    lines = text.split("\n")
    found = [len(lines) + 1] * (len(lines) + 1)
    for number in range(len(lines) - 1, 0, -1):
        found[number] = found[number + 1] if lines[number].lstrip().startswith("#") else number + 1
    return found


def _innermost(extents: list[_Extent], offsets: list[int]) -> dict[int, _Extent]:
    """The smallest part around each offset, where there is one; both are looked at once, in the order of the text."""
    waiting = sorted(extents, key=lambda one: (one[0], -one[1]), reverse=True)
    open_ones: list[_Extent] = []
    found = {}
    for offset in offsets:
        while waiting and waiting[-1][0] <= offset:
            while open_ones and open_ones[-1][1] <= waiting[-1][0]:
                open_ones.pop()
            open_ones.append(waiting.pop())
        while open_ones and open_ones[-1][1] <= offset:
            open_ones.pop()
        if open_ones:
            found[offset] = open_ones[-1]
    return found


def bad_allowances(found: Iterable[Allowance], *, live: bool) -> Iterator[tuple[str, LintProblem]]:
    """Those without a reason, for a check that there is not, and those that allowed nothing.

    Where no server was asked, what only a server can say may still be allowed.
    """
    for one in found:
        unknown = next((name for name in one.checks if name not in CHECKS), None)
        if unknown is not None or not one.checks:
            what = f"there is no check {unknown}" if unknown else "no check is named"
            step = did_you_mean(unknown or "", CHECKS, "`regobs lint --checks` lists them")
        elif not one.reason:
            what, step = "no reason is given", "write it behind a colon: `regobs: allow CHECK: reason`"
        elif not one.used and (live or not any(CHECKS[name].subject is CheckSubject.LIVE for name in one.checks)):
            what, step = f"nothing is found here for {', '.join(one.checks)}", "remove the comment"
        else:
            continue
        name = "unused-allowance" if one.reason and unknown is None and one.checks else "bad-allowance"
        yield name, LintProblem(one.start, one.end, what, step)
