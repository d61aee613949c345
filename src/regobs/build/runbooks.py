"""Runbooks in the deployment's names: each query finds this deployment's series, or the page says why it cannot."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from regobs.config import Config
from regobs.errors import Location, PromqlError, RulesError
from regobs.pack import BUNDLED, Pack, PackFile
from regobs.promql.bind import bind
from regobs.promql.nodes import Expr, MatchOp
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import selectors
from regobs.slo.rule_scope import scoped

HEADINGS = ("Meaning", "Impact", "Check", "Mitigate", "Escalate")
_ANY_JOB = ("job", MatchOp.NOT_EQUAL, "")
_ROW = re.compile(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|(.*\n)", re.MULTILINE)  # of a table, about words of code
_BLOCK = re.compile(r"^```promql\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class RunbookQuery:
    """A query of a runbook by name (`RegistryDown/2`): the question it answers, and it or the reason why it cannot."""

    name: str
    question: str
    text: str
    lacks: str = ""


def runbook_files(
    pack: Pack, config: Config, alerts: Collection[str], lacking: Collection[str] = ()
) -> dict[str, bytes]:
    """The pages of these alerts, and pages of a team's own pack as they are: what they are about is its own affair.

    `lacking` are operations of which the build has no SLO: tables do not name them. Raises RulesError for a missing
    heading or a query that makes no sense.
    """
    pages = {}
    for file in pack.files("alerts", "runbooks/*.md"):
        if alert_of(file) in alerts:
            pages[file.name] = _of_operations(_page(file, config), lacking).encode()
        elif file.layer != BUNDLED:
            pages[file.name] = file.read().encode()
    return pages


def alert_of(runbook: PackFile) -> str:
    """The alert that a runbook is about."""
    return runbook.name.rpartition("/")[2].removesuffix(".md")


def runbook_queries(pack: Pack, config: Config) -> Iterator[RunbookQuery]:
    """Every query of every runbook, in the order of the pages."""
    for file in pack.files("alerts", "runbooks/*.md"):
        yield from (part for part in runbook_parts(file, config) if isinstance(part, RunbookQuery))


def runbook_parts(file: PackFile, config: Config) -> Iterator[str | RunbookQuery]:
    """A page in its order: text, and the queries in it. Raises RulesError for a query that makes no sense."""
    text, done = file.read(), 0
    for number, block in enumerate(_BLOCK.finditer(text), start=1):
        before = text[done : block.start()].strip("\n")
        yield before
        written, lacks = _query(block, file, config)
        question = " ".join(before.rpartition("\n\n")[2].split())
        yield RunbookQuery(f"{alert_of(file)}/{number}", question, written, lacks)
        done = block.end()
    yield text[done:].strip("\n")


def _page(file: PackFile, config: Config) -> str:
    text = file.read()
    found = tuple(re.findall(r"^## (.*)$", text, re.MULTILINE))
    if found != HEADINGS:
        raise RulesError(
            "a runbook has the wrong headings",
            location=Location(str(file.path)),
            value=", ".join(found),
            expected=", ".join(HEADINGS),
            next_step="write the headings in this order",
        )

    def scoped_block(block: re.Match[str]) -> str:
        written, lacks = _query(block, file, config)
        return f"Not in this deployment: {lacks}." if lacks else f"```promql\n{written}\n```"

    return _BLOCK.sub(scoped_block, text)


def _of_operations(page: str, lacking: Collection[str]) -> str:
    """A page whose tables name no operation that the build lacks; a row of nothing else is left out."""

    def kept(row: re.Match[str]) -> str:
        named = row[1].split(", ")
        there = [one for one in named if one.strip("`") not in lacking]
        return f"| {', '.join(there)} |{row[2]}" if there else ""

    return _ROW.sub(kept, page) if lacking else page


def _of_every_target(expr: Expr) -> bool:
    """Whether a query asks for targets of all jobs, as `up{job!=""}`: where one is missing its selector finds none."""
    found = list(selectors(expr))
    return bool(found) and all(any((m.label, m.op, m.value) == _ANY_JOB for m in node.matchers) for node in found)


def _query(block: re.Match[str], file: PackFile, config: Config) -> tuple[str, str]:
    try:
        bound = bind(parse(block[1]), config.vocabulary)
        return to_text(bound if _of_every_target(bound) else scoped(bound, config)), ""
    except Unavailable as lack:
        return "", lack.message
    except PromqlError as error:
        line = block.string.count("\n", 0, block.start(1)) + 1
        raise RulesError(
            error.message,
            location=Location(str(file.path), line),
            value=block[1],
            expected=error.expected,
            next_step=error.next_step or "correct the query",
        ) from error
