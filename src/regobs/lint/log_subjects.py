"""What checks of log queries look at."""

from __future__ import annotations

from dataclasses import dataclass

from regobs.documents import Steps
from regobs.lint.findings import LintProblem, Severity
from regobs.lint.sources import SourceText


@dataclass(eq=False)
class LintedLogQuery:
    """A query of logs, in LogQL, KQL or Lucene, at `path`; `of_registry` tells whether it is one of a registry's.

    `linked` is true where it was taken out of an address, in which it is written otherwise; `prose` where it is a text
    for people, which may hold such queries.
    """

    text: str
    source: SourceText
    path: Steps
    subject: str
    logql: bool
    of_registry: bool
    linked: bool = False
    prose: bool = False

    def problem(self, start: int, end: int, what: str, next_step: str, severity: Severity | None = None) -> LintProblem:
        """A problem at a piece of it, or at the address that holds it."""
        place = self.source.extent(self.path) if self.linked else self.source.within(self.path, self.text, start, end)
        return LintProblem(*place, what, next_step, severity)
