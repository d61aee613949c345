"""A report of error budgets as Markdown, as CSV, and as one HTML page that loads nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from html import escape
from typing import Any

from regobs.budgets.report import SloReport, Spending
from regobs.budgets.words import percent, time_text
from regobs.common.counts import amount_text, number_text, whole

_WIDTH, _HEIGHT = 640, 120  # of the line of a budget, in pixels
_WHOLE = 0.99  # of a span with data from which on it is not said how much has
_LEAST_EVENTS, _LEAST_DIFFERENCE = 0.5, 0.005  # from which on it is said that two tables differ: events, share of them
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; margin: 0.5rem 0 1rem; } h2 { margin-top: 2.5rem; }
th, td { text-align: left; padding: 0.2rem 0.8rem 0.2rem 0; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.over { color: #b00020; } svg { max-width: 100%; height: auto; }
@media (prefers-color-scheme: dark) { body { background: #16181d; color: #ddd; } th, td { border-color: #444; } }
"""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table of the report: its title, headings and rows of text. Columns from `numbers` on stand to the right.

    `note` is a sentence beneath it, "" for none.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int = 1
    note: str = ""


class ReportText:
    """The reports of a span in the words of a zone. `title` says the span, `compared` the one before it."""

    def __init__(self, reports: Sequence[SloReport], title: str, compared: str, zone: tzinfo) -> None:
        self._reports, self._title, self._compared, self._zone = reports, title, compared, zone

    def _moment(self, milliseconds: int) -> str:
        return f"{datetime.fromtimestamp(milliseconds / 1000, self._zone):%Y-%m-%d %H:%M %Z}"

    def overview(self) -> ReportTable:
        """Every SLO in a row, those that spent most first."""
        order = sorted(self._reports, key=lambda one: -(one.now.spent or 0))
        rows = tuple(
            (
                one.name,
                percent(float(one.slo.target)),
                _share(one.now.achieved),
                _share(one.now.spent),
                _before(one),
                _count(one.now.events),
                _count(one.now.bad),
            )
            for one in order
        )
        head = ("SLO", "target", "achieved", "budget spent", "spent before", "events", "bad")
        return ReportTable(f"All SLOs, beside {self._compared}", head, rows)

    def of_slo(self, one: SloReport) -> Iterator[ReportTable]:
        """The burns and the worst offenders of an SLO; nothing for one without."""
        if one.burns:
            head = ("from", "to", "lasted", "budget spent", "bad", "highest burn rate", "alerts")
            rows = tuple(
                (
                    self._moment(burn.begin),
                    self._moment(burn.end),
                    time_text((burn.end - burn.begin) / 1000),
                    percent(burn.share),
                    _count(burn.bad),
                    number_text(burn.peak),
                    " ".join(burn.tiers) or "none",
                )
                for burn in one.burns
            )
            yield ReportTable("When it burned", head, rows, numbers=2)
        if one.offenders:
            shown = tuple(
                (who.label, who.value or f"no {who.label}", _count(who.bad), percent(who.share))
                for who in one.offenders
            )
            yield ReportTable(
                "What the bad events were", ("label", "value", "bad", "of all bad"), shown, 2, _difference(one)
            )

    def markdown(self) -> str:
        """The report for a wiki or an issue."""
        parts = [f"# Error budgets, {self._title}", *_markdown(self.overview(), "##")]
        for one in self._reports:
            tables = list(self.of_slo(one))
            if tables:
                parts += [f"## {_plain(one.slo.title)} ({_plain(one.name)})", _sentence(one)]
                parts += [line for table in tables for line in _markdown(table, "###")]
        return "\n\n".join(parts) + "\n"

    def csv(self) -> str:
        """One line for each SLO and day, for a spreadsheet."""
        made = io.StringIO()
        writer = csv.writer(made, lineterminator="\n")
        writer.writerow(("day", "slo", "events", "bad", "achieved", "target", "day_budget_spent"))
        for one in self._reports:
            for day, spent in one.days:
                row: list[Any] = [day, one.name, f"{spent.events:.10g}", f"{spent.bad:.10g}"]
                row += ["" if spent.achieved is None else f"{spent.achieved:.8f}", str(one.slo.target)]
                writer.writerow([*row, "" if spent.spent is None else f"{spent.spent:.6f}"])
        return made.getvalue()

    def html(self) -> str:
        """One page."""
        parts = [f"<h1>Error budgets, {escape(self._title)}</h1>", _html(self.overview(), "h2")]
        for one in self._reports:
            parts.append(f"<h2>{escape(one.slo.title)} ({escape(one.name)})</h2>\n<p>{escape(_sentence(one))}</p>")
            parts.append(_line(one))
            parts += [_html(table, "h3") for table in self.of_slo(one)]
        body = "\n".join(parts)
        head = f'<meta charset="utf-8">\n<title>Error budgets, {escape(self._title)}</title>\n<style>{_STYLE}</style>'
        return f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'

    def data(self) -> list[dict[str, Any]]:
        """As JSON: shares between 0 and 1, times in seconds since 1970."""
        return [
            {
                "slo": one.slo.name,
                "name": one.name,
                "target": float(one.slo.target),
                "watched": one.watched,
                "watched_before": one.watched_before,
                "span": _data(one.now),
                "before": _data(one.before),
                "days": [{"day": day} | _data(spent) for day, spent in one.days],
                "budget_left": [[moment / 1000, left] for moment, left in one.course],
                "burns": [
                    {
                        "from": burn.begin / 1000,
                        "to": burn.end / 1000,
                        "bad": burn.bad,
                        "budget_spent": burn.share,
                        "highest_burn_rate": burn.peak,
                        "alerts": list(burn.tiers),
                    }
                    for burn in one.burns
                ],
                "bad_by_counters": one.by_counters,
                "offenders": [
                    {"label": who.label, "value": who.value, "bad": who.bad, "share": who.share}
                    for who in one.offenders
                ],
            }
            for one in self._reports
        ]


def _data(spent: Spending) -> dict[str, Any]:
    return {"events": spent.events, "bad": spent.bad, "achieved": spent.achieved, "budget_spent": spent.spent}


def _share(value: float | None) -> str:
    return "no traffic" if value is None else percent(value)


def _count(value: float) -> str:
    return amount_text(value) if value >= 10 or whole(value) == value else number_text(value)


def _sentence(one: SloReport) -> str:
    now, before = one.now, one.before
    if now.spent is None:
        return "There was no traffic."
    text = f"{_share(now.achieved)} of {amount_text(now.events)} {one.slo.counted} were good, "
    text += f"where {percent(float(one.slo.target))} are promised: {percent(now.spent)} of the error budget is spent"
    return text + (
        f". There was no {'traffic' if one.watched_before else 'data'} before{_part(one)}."
        if before.spent is None
        else f"; before it was {percent(before.spent)}{_part(one)}."
    )


def _difference(one: SloReport) -> str:
    """Why this table tells of other bad events than those before it, which sum evaluations; "" where it does not."""
    counters, bad = one.by_counters, one.now.bad
    if counters is None or abs(counters - bad) <= max(_LEAST_EVENTS, _LEAST_DIFFERENCE * max(counters, bad)):
        return ""
    return (
        f"This table is of the counters over the whole time: {_count(round(counters, 1))} bad {one.slo.counted}. The "
        f"evaluations, which all else here sums, counted {_count(round(bad, 1))}: they miss up to a third of the first "
        "rise of a counter from zero, and what came while scrapes were missing or rules were not evaluated "
        "(docs/slo.md)."
    )


def _before(one: SloReport) -> str:
    """What was spent in the span before, and of how much of it that is."""
    return f"{_share(one.before.spent)}{_part(one)}" if one.watched_before else "no data"


def _part(one: SloReport) -> str:
    """How much of the span before has data, where it is not all; what is spent there counts only this part."""
    share = round(one.watched_before, 3)
    return f" (data of {percent(share)} of that time)" if 0 < one.watched_before < _WHOLE else ""


def _plain(text: str) -> str:
    """A text in a cell of Markdown, where it means itself: no value can break the table or become a tag."""
    for char in "\\`*_[]<>|":
        text = text.replace(char, "\\" + char)
    return " ".join(text.split())


def _markdown(table: ReportTable, level: str) -> list[str]:
    ruler = ["---" if place < table.numbers else "---:" for place in range(len(table.head))]
    lines = [table.head, ruler, *(tuple(map(_plain, row)) for row in table.rows)]
    made = [f"{level} {_plain(table.title)}", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
    return [*made, _plain(table.note)] if table.note else made


def _html(table: ReportTable, level: str) -> str:
    def cells(kind: str, row: Sequence[str]) -> str:
        mark = [' class="number"' if place >= table.numbers else "" for place in range(len(row))]
        return "".join(f"<{kind}{how}>{escape(cell)}</{kind}>" for how, cell in zip(mark, row, strict=True))

    rows = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    note = f"\n<p>{escape(table.note)}</p>" if table.note else ""
    title, head = f"<{level}>{escape(table.title)}</{level}>", cells("th", table.head)
    return f"{title}\n<table>\n<tr>{head}</tr>\n{rows}\n</table>{note}"


def _line(one: SloReport) -> str:
    """The budget over time: 100 % at the top, and down to the least, with a line at 0."""
    if len(one.course) < 2:
        return ""
    begin, end = one.course[0][0], one.course[-1][0]
    least = min(0.0, *(left for _, left in one.course))

    def at(moment: float, left: float) -> str:
        return f"{_WIDTH * (moment - begin) / (end - begin):.1f},{_HEIGHT * (1 - left) / (1 - least):.1f}"

    points = " ".join(at(moment, left) for moment, left in one.course)
    zero = f'x1="0" x2="{_WIDTH}" y1="{_HEIGHT / (1 - least):.1f}" y2="{_HEIGHT / (1 - least):.1f}"'
    last = percent(one.course[-1][1])
    return (
        f'<svg viewBox="0 -4 {_WIDTH} {_HEIGHT + 8}" role="img" aria-label="Error budget left, {last} at the end">'
        f'<line {zero} stroke="#999" stroke-dasharray="4"/>'
        f'<polyline points="{points}" fill="none" stroke="#1f6feb" stroke-width="2"/></svg>'
    )
