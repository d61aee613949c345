"""What a file holds of rules, dashboards and queries, and what in it is not read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from regobs.documents import Steps
from regobs.lint.findings import LintProblem
from regobs.lint.log_subjects import LintedLogQuery
from regobs.lint.sources import SourceText
from regobs.lint.subjects import Json, LintedDashboard, LintedQuery, LintedRouting, LintedRule

BUILD_FIRST = "dashboards in Python are judged as a build writes them: `regobs build --out out`, then `regobs lint out`"


class NotRead(NamedTuple):
    """A part of a file that lint does not read, whatever its size: the line where it begins, and the reason."""

    file: str
    line: int
    reason: str


@dataclass(eq=False)
class LintedFile:
    """What a file holds of all that, and what in it is not read, with the reason.

    `broken` is what nobody can read, `limits` what is more than lint reads, `broken_rules` what Prometheus refuses
    beside single rules.
    """

    file: str
    text: str
    rules: list[LintedRule] = field(default_factory=list)
    groups: list[tuple[SourceText, Steps, Json]] = field(default_factory=list)  # those of its rules, empty ones too
    dashboards: list[LintedDashboard] = field(default_factory=list)
    queries: list[LintedQuery] = field(default_factory=list)
    routings: list[LintedRouting] = field(default_factory=list)
    log_queries: list[LintedLogQuery] = field(default_factory=list)
    tested: list[tuple[str, frozenset[str]]] = field(default_factory=list)
    not_read: list[NotRead] = field(default_factory=list)
    broken: list[tuple[SourceText, LintProblem]] = field(default_factory=list)
    limits: list[tuple[SourceText, LintProblem]] = field(default_factory=list)
    broken_rules: list[tuple[SourceText, LintProblem]] = field(default_factory=list)
    yaml_texts: list[SourceText] = field(default_factory=list)  # what was read as YAML, whose comments count

    faults: list[Exception] = field(default_factory=list)  # of ours, while it was read or judged
    known: bool = False  # of a kind that lint reads, were nothing in it

    @property
    def holds_something(self) -> bool:
        """Whether anything in it was judged, or is told as not read or broken."""
        held = (self.rules, self.dashboards, self.queries, self.routings, self.log_queries, self.tested)
        told = (self.not_read, self.broken, self.limits, self.broken_rules, self.faults)
        return any((*held, *told, self.known))

    def pass_over_unknown(self) -> None:
        """Note that nothing of it was read, where it holds something."""
        lines = (line.strip() for line in self.text.splitlines())
        if not self.holds_something and any(line and line[0] != "#" and line != "---" for line in lines):
            unknown = "no rules, dashboard, query or route that lint knows"
            reason = f"a program: {BUILD_FIRST}" if self.file.endswith(".py") else unknown
            self.pass_over(SourceText(self.file, self.text), 0, reason)

    def pass_over(self, source: SourceText, offset: int, reason: str) -> None:
        """Note that a part is not read; of several with the same reason the first one is named."""
        if all(one.reason != reason for one in self.not_read):
            self.not_read.append(NotRead(self.file, source.position(offset)[0], reason))

    def all_queries(self) -> Iterator[LintedQuery]:
        """Its queries in PromQL, those of rules and dashboards among them."""
        yield from self.queries
        yield from (rule.query for rule in self.rules if rule.query is not None)
        for board in self.dashboards:
            yield from board.queries
