"""The status as one screen of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite

from regobs.common.counts import counted, number_text
from regobs.common.screen import Colour, Screen, wrapped
from regobs.common.table import Cell, escape, table
from regobs.doctor.report import ASK_WHO_EVALUATES, NO_ADDRESS, SHOWS_NO_RULES, FiringAlert
from regobs.doctor.server import since_text
from regobs.status.report import ProcessStatus, RouteStatus, StatusReport, Usage

_MOST_ALERTS, _MOST_PROCESSES, _MOST_PROBLEMS, _MOST_RULES = 8, 6, 4, 3
# Colours begin where the pack's own alerts do: 1 is a budget that lasts exactly its period, 14.4 pages.
_BURNS, _PAGES = 1.0, 14.4
_FULL, _NEARLY = 0.9, 0.7
RECENT = 3600  # seconds: a younger process restarted during what is looked at


def burn_colour(burn: float | None) -> Colour | None:
    """The colour of a burn rate."""
    rate = burn or 0
    return Colour.RED if rate >= _PAGES else Colour.YELLOW if rate >= _BURNS else None


def left_colour(remaining: float | None) -> Colour | None:
    """The colour of what is left of an error budget."""
    return Colour.RED if remaining is not None and remaining <= 0 else None


def usage_colour(used: float) -> Colour | None:
    """The colour of how full something is."""
    return Colour.RED if used >= _FULL else Colour.YELLOW if used >= _NEARLY else None


def alert_colour(alert: FiringAlert) -> Colour:
    """The colour of an alert that fires."""
    return Colour.RED if alert.labels.get("severity") == "page" else Colour.YELLOW


def route_cells(one: RouteStatus) -> tuple[str, str, Cell, str]:
    """Route, requests, share of server errors, latency."""
    return (
        one.route,
        f"{number_text(one.requests or 0)}/s",
        Cell("" if one.failed is None else f"{one.failed:.2%}", Colour.RED if one.failed else None),
        "" if one.latency is None else f"{number_text(one.latency)} s",
    )


def usage_cells(one: Usage) -> tuple[str, str, Cell]:
    """What is used, where, and how much of it."""
    return one.name, " ".join(one.where.values()), Cell(f"{one.used:.1%}", usage_colour(one.used))


def process_cells(one: ProcessStatus) -> tuple[str, Cell, str]:
    """The process, whether it is up and for how long where that is short, and why not."""
    return one.instance, _state(one), one.error


def versions_text(report: StatusReport) -> str:
    """The versions that run, each with the number of its processes."""
    nameless = {"", "unknown"}  # a build that was not told its version
    known = {"without a version" if one in nameless else one: count for one, count in report.versions.items()}
    return ", ".join(f"{version} ({count})" for version, count in sorted(known.items()))


def processes_text(report: StatusReport) -> Cell:
    """How many of the processes are up."""
    running = sum(one.up for one in report.processes)
    down = len(report.processes) - running
    text = f"{running} of {len(report.processes)} up" if report.processes else "no target of it is known here"
    return Cell(text, Colour.RED if down or not running else Colour.GREEN)


def lacks(report: StatusReport) -> Iterator[str]:
    """What the status lacks of the whole, a line each."""
    for gap in report.gaps:
        yield f"{gap.kind.upper()}: {gap.text}"
    for refused in report.refused:
        yield f"MISSING: {refused}"


def screen_text(report: StatusReport, on: Screen) -> str:
    """The whole screen, with a line break at its end."""
    parts = (_head, _alerts, _budgets, _routes, _usage, _processes, _server, _links)
    blocks = ["\n".join(part(report, on)) for part in parts]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _title(text: str, on: Screen) -> str:
    return on.paint(text, Colour.BOLD)


def _head(report: StatusReport, on: Screen) -> Iterator[str]:
    processes = processes_text(report)
    when = datetime.fromtimestamp(report.now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield _beside(f"registry  {report.flavor} {versions_text(report)}".rstrip(), processes, on, gap="  ")
    yield wrapped(escape(f"server    {report.server} {report.server_version}".rstrip()) + f"  {when}", on)
    for line in lacks(report):
        yield _line(line, on, Colour.YELLOW)
    if report.past:
        yield _line("          what a server tells of the present only (rules, errors of scrapes) is left out", on)
    if report.requests is not None:
        in_flight = f", {report.in_flight:g} in flight" if report.in_flight is not None else ""
        rate = f"{number_text(report.requests)} requests a second over {report.window}"
        yield _of_the_past(f"traffic   {rate}{in_flight}", report, on)
    yield from _outside(report, on)


def _outside(report: StatusReport, on: Screen) -> Iterator[str]:
    for cell in outside_cells(report):
        yield _line(f"outside   {cell.text}", on, cell.colour)


def outside_cells(report: StatusReport) -> Iterator[Cell]:
    """What clients get: the first probes that fail, or how many work."""
    failing = [one for one in report.outside if not one.works]
    for one in failing[:_MOST_PROBLEMS]:
        yield Cell(f"{one.address} {one.text}", Colour.RED)
    if report.outside and not failing:
        count = len(report.outside)
        yield Cell(f"{count} of {count} probes get what they want" if count > 1 else "1 of 1 probe gets what it wants")


def _of_the_past(text: str, report: StatusReport, on: Screen, colour: Colour | None = None) -> str:
    """A line, and behind it what is said of numbers that are not of now."""
    cell = stale_cell(report)
    return _beside(text, cell, on, colour=colour, gap="; ") if cell else _line(text, on, colour)


def _line(text: str, on: Screen, colour: Colour | None = None) -> str:
    """A text from outside, folded where the terminal ends."""
    return on.paint(wrapped(escape(text), on), colour)


def _beside(text: str, cell: Cell, on: Screen, *, gap: str, colour: Colour | None = None) -> str:
    """A text and one in another colour behind it, below it where the line would be too long."""
    escaped, more = escape(text), escape(cell.text)
    if on.width is None or len(escaped) + len(gap) + len(more) <= on.width:
        return on.paint(escaped, colour) + on.paint(gap + more, cell.colour)
    return f"{_line(text, on, colour)}\n{on.paint(wrapped(f'            {more}', on), cell.colour)}"


def stale_cell(report: StatusReport) -> Cell | None:
    """What is said of numbers that are, in whole or in part, of instances that are not scraped any more."""
    if report.stale is not None:
        return Cell(f"stale: nothing was scraped for {_ago(report.stale)}", Colour.RED)
    if report.stands_still:
        why = "none is sent, or all are answered before they are counted, as by a failing health check"
        return Cell(f"none was counted for {report.recent_window}: {why}", Colour.RED)
    down = [one.seen for one in report.processes if not one.up and one.seen is not None]
    if not down:
        return None
    return Cell(f"partly stale: {len(down)} down, last scraped {_ago(min(down))} ago", Colour.YELLOW)


def _ago(seconds: float) -> str:
    return f"{int(seconds)} s" if seconds < 120 else f"{int(seconds // 60)} min"


def _others(count: int) -> str:
    return f"{counted(count, 'other alert')} {'fires' if count == 1 else 'fire'}"


def _alerts(report: StatusReport, on: Screen) -> Iterator[str]:
    more = f", {report.pending} pending" if report.pending else ""
    more += f"; {_others(report.others)} on this server" if report.others else ""
    count = len(report.firing)
    title = "1 alert" if count == 1 else f"{count} alerts"
    yield _line(f"{title if count else 'No alert'} firing{more}", on, Colour.RED if count else Colour.BOLD)
    for doubt in doubts(report):
        yield _line(f"  {doubt}", on, Colour.YELLOW)
    for alert in report.firing[:_MOST_ALERTS]:
        yield from _alert(alert, report, on)
    if count > _MOST_ALERTS:
        yield f"  and {count - _MOST_ALERTS} more"
    unlinked = dict.fromkeys(alert.runbook_file for alert in report.firing[:_MOST_ALERTS] if not alert.runbook)
    if unlinked:
        yield wrapped(escape(f"  runbooks, of the build: {', '.join(unlinked)}"), on)
        yield wrapped(f"  {NO_ADDRESS}", on)


def doubts(report: StatusReport) -> Iterator[str]:
    """What is not known of alerts here, as another server evaluates their rules, or none does."""
    if report.rules_elsewhere:
        yield (
            f"none of the {report.alerts} alerts of this build is loaded here, and what their rules wrote is: rules run"
            " elsewhere, and how they are is shown there"
        )
    elif report.loaded == 0 and report.alerts:
        step = f"; {report.load}" if report.load else ""
        yield f"none of the {report.alerts} alerts of this build is loaded here: their silence says nothing{step}"
    elif report.loaded is not None and report.loaded < report.alerts:
        yield f"only {report.loaded} of the {report.alerts} alerts of this build are loaded here: silence says little"
    elif report.loaded is None and not report.past:
        yield f"{SHOWS_NO_RULES}, so silence says little: {ASK_WHO_EVALUATES}"
    lacking = {"its value": any(not isfinite(one.value) for one in report.firing)}
    lacking["since when it fires"] = not all(one.since for one in report.firing)
    if said := " and ".join(what for what, lacks in lacking.items() if lacks):
        yield f"of an alert that samples alone show, {said} is known only where its rule is evaluated"


def _alert(alert: FiringAlert, report: StatusReport, on: Screen) -> Iterator[str]:
    severity = alert.labels.get("severity", "")
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "severity")
    value = f"value {number_text(alert.value, 4)}" if isfinite(alert.value) else ""
    parts = (f"{severity:<7}", alert.name, f"({labels})" if labels else "", value, since_text(alert, report.now))
    line = "  ".join(escape(part) for part in parts if part)
    yield on.paint(wrapped(f"  {line}", on), alert_colour(alert))
    if alert.runbook:
        yield escape(f"           runbook: {alert.runbook}")


def _budgets(report: StatusReport, on: Screen) -> Iterator[str]:
    yield _title("Error budgets, the fastest burn first", on)
    if not report.budgets:
        yield "  no recorded data yet: are the rules of the build loaded?"
        return
    rows = []
    for one in report.budgets:
        cells: list[str | Cell] = [*one.cells]
        cells[-1] = Cell(one.cells[-1], burn_colour(one.burn))
        cells[-2] = Cell(one.cells[-2], left_colour(one.remaining))
        rows.append(cells)
    head = ["SLO", "scope", "target", "events", "bad", "budget left", "burn rate"]
    if not any(one.scope for one in report.budgets):  # the room is for what tells the SLOs apart
        at = head.index("scope")
        head, rows = head[:at] + head[at + 1 :], [row[:at] + row[at + 1 :] for row in rows]
    yield table(head, rows, on=on, indent=2, spare=("events", "bad", "target"))


def _routes(report: StatusReport, on: Screen) -> Iterator[str]:
    title = f"Routes, most failing and slowest first, last {report.window}"
    if not report.routes:
        yield f"{_title(title, on)}\n  no request was counted"
        return
    yield _of_the_past(title, report, on, Colour.BOLD)
    rows = map(route_cells, report.routes)
    yield table(("route", "requests", "5xx", "p95"), rows, on=on, indent=2, right=("requests", "5xx", "p95"))


def _usage(report: StatusReport, on: Screen) -> Iterator[str]:
    if not report.usage:
        return
    yield _title("Closest to a limit", on)
    rows = map(usage_cells, report.usage)
    yield table(("what", "where", "used"), rows, on=on, indent=2, right=("used",))


def _processes(report: StatusReport, on: Screen) -> Iterator[str]:
    """Processes that are down or have just started; the others are only counted in the first line."""
    shown = [one for one in report.processes if not one.up or (one.age is not None and one.age < RECENT)]
    if not shown:
        return
    yield _title("Down, or started in the last hour", on)
    rows = map(process_cells, shown[:_MOST_PROCESSES])
    yield table(("instance", "state", "error"), rows, on=on, indent=2)
    if len(shown) > _MOST_PROCESSES:
        yield f"  and {len(shown) - _MOST_PROCESSES} more"


def _state(one: ProcessStatus) -> Cell:
    if not one.up:
        return Cell("down" if one.seen is None else f"down, last scraped {_ago(one.seen)} ago", Colour.RED)
    return Cell(f"up for {int((one.age or 0) // 60)}m", Colour.YELLOW)


def _server(report: StatusReport, on: Screen) -> Iterator[str]:
    if not report.problems and not report.failing_rules:
        return
    yield _title("The server itself", on)
    for one in report.problems[:_MOST_PROBLEMS]:
        yield wrapped(escape(f"  - {one.text}"), on)
    if len(report.problems) > _MOST_PROBLEMS:
        yield f"  - and {len(report.problems) - _MOST_PROBLEMS} more: regobs doctor"
    failing = list(report.failing_rules.items())
    for name, error in failing[:_MOST_RULES]:
        yield on.paint(wrapped(escape(f"  - the rule {name} fails: {error}"), on), Colour.RED)
    if len(failing) > _MOST_RULES:
        left = len(failing) - _MOST_RULES
        yield f"  - and {counted(left, 'more rule')} {'fails' if left == 1 else 'fail'}"


def _links(report: StatusReport, on: Screen) -> Iterator[str]:
    yield _title("Links", on)
    width = max(map(len, report.links), default=0)
    for name, url in report.links.items():
        yield escape(f"  {name:<{width}}  {url}")
