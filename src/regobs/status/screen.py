"""The status as one screen of text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import isfinite

from regobs.common.table import Cell, Colour, Screen, escape, table
from regobs.doctor.report import FiringAlert
from regobs.doctor.server import since_text
from regobs.status.report import ProcessStatus, StatusReport

_MOST_ALERTS, _MOST_PROCESSES, _MOST_PROBLEMS, _MOST_RULES = 8, 6, 4, 3
# Colours begin where the pack's own alerts do: 1 is a budget that lasts exactly its period, 14.4 pages.
_BURNS, _PAGES = 1.0, 14.4
_FULL, _NEARLY = 0.9, 0.7
_RECENT = 3600  # seconds: a younger process restarted during what is looked at


def screen_text(report: StatusReport, on: Screen) -> str:
    """The whole screen, with a line break at its end."""
    parts = (_head, _alerts, _budgets, _routes, _usage, _processes, _server, _links)
    blocks = ["\n".join(part(report, on)) for part in parts]
    return "\n\n".join(filter(None, blocks)) + "\n"


def _title(text: str, on: Screen) -> str:
    return on.paint(text, Colour.BOLD)


def _head(report: StatusReport, on: Screen) -> Iterator[str]:
    up = sum(one.up for one in report.processes)
    versions = ", ".join(f"{version} ({count})" for version, count in sorted(report.versions.items()))
    down = len(report.processes) - up
    instances = f"{up} of {len(report.processes)} up" if report.processes else "no target of it is known here"
    when = datetime.fromtimestamp(report.now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    yield (
        escape(f"registry  {report.flavor} {versions}".rstrip())
        + "  "
        + on.paint(instances, Colour.RED if down or not up else Colour.GREEN)
    )
    yield escape(f"server    {report.server} {report.server_version}".rstrip()) + f"  {when}"
    if report.requests is not None:
        in_flight = f", {report.in_flight:g} in flight" if report.in_flight is not None else ""
        yield f"traffic   {report.requests:.3g} requests a second over {report.window}{in_flight}"


def _alerts(report: StatusReport, on: Screen) -> Iterator[str]:
    more = f", {report.pending} pending" if report.pending else ""
    more += f"; {report.others} other alerts fire on this server" if report.others else ""
    count = len(report.firing)
    title = "1 alert" if count == 1 else f"{count} alerts"
    yield on.paint(f"{title if count else 'No alert'} firing{more}", Colour.RED if count else Colour.BOLD)
    if report.loaded is not None and report.loaded < report.alerts:
        yield on.paint(
            f"  only {report.loaded} of the {report.alerts} alerts of this build are loaded here: silence says little",
            Colour.YELLOW,
        )
    for alert in report.firing[:_MOST_ALERTS]:
        yield from _alert(alert, report, on)
    if count > _MOST_ALERTS:
        yield f"  and {count - _MOST_ALERTS} more"


def _alert(alert: FiringAlert, report: StatusReport, on: Screen) -> Iterator[str]:
    severity = alert.labels.get("severity", "")
    labels = ", ".join(f"{name}={value}" for name, value in sorted(alert.labels.items()) if name != "severity")
    value = f"value {alert.value:.4g}" if isfinite(alert.value) else ""
    parts = (f"{severity:<7}", alert.name, f"({labels})" if labels else "", value, since_text(alert, report.now))
    line = "  ".join(escape(part) for part in parts if part)
    yield "  " + on.paint(line, Colour.RED if severity == "page" else Colour.YELLOW)
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
        burn = one.burn or 0
        cells[-1] = Cell(one.cells[-1], Colour.RED if burn >= _PAGES else Colour.YELLOW if burn >= _BURNS else None)
        cells[-2] = Cell(one.cells[-2], Colour.RED if one.remaining is not None and one.remaining <= 0 else None)
        rows.append(cells)
    yield table(("SLO", "scope", "target", "events", "bad", "budget left", "burn rate"), rows, on=on, indent=2)


def _routes(report: StatusReport, on: Screen) -> Iterator[str]:
    yield _title(f"Routes, most failing and slowest first, last {report.window}", on)
    if not report.routes:
        yield "  no request was counted"
        return
    rows = [
        (
            one.route,
            f"{one.requests or 0:.3g}/s",
            Cell("" if one.failed is None else f"{one.failed:.2%}", Colour.RED if one.failed else None),
            "" if one.latency is None else f"{one.latency:.3g} s",
        )
        for one in report.routes
    ]
    yield table(("route", "requests", "5xx", "p95"), rows, on=on, indent=2, right=("requests", "5xx", "p95"))


def _usage(report: StatusReport, on: Screen) -> Iterator[str]:
    if not report.usage:
        return
    yield _title("Closest to a limit", on)
    rows = [
        (
            one.name,
            " ".join(one.where.values()),
            Cell(
                f"{one.used:.1%}", Colour.RED if one.used >= _FULL else Colour.YELLOW if one.used >= _NEARLY else None
            ),
        )
        for one in report.usage
    ]
    yield table(("what", "where", "used"), rows, on=on, indent=2, right=("used",))


def _processes(report: StatusReport, on: Screen) -> Iterator[str]:
    """Processes that are down or have just started; the others are only counted in the first line."""
    shown = [one for one in report.processes if not one.up or (one.age is not None and one.age < _RECENT)]
    if not shown:
        return
    yield _title("Down, or started in the last hour", on)
    rows = [(one.instance, _state(one), one.error) for one in shown[:_MOST_PROCESSES]]
    yield table(("instance", "state", "error"), rows, on=on, indent=2)
    if len(shown) > _MOST_PROCESSES:
        yield f"  and {len(shown) - _MOST_PROCESSES} more"


def _state(one: ProcessStatus) -> Cell:
    if not one.up:
        return Cell("down", Colour.RED)
    return Cell(f"up for {int((one.age or 0) // 60)}m", Colour.YELLOW)


def _server(report: StatusReport, on: Screen) -> Iterator[str]:
    if not report.problems and not report.failing_rules:
        return
    yield _title("The server itself", on)
    for one in report.problems[:_MOST_PROBLEMS]:
        yield escape(f"  - {one.text}")
    if len(report.problems) > _MOST_PROBLEMS:
        yield f"  - and {len(report.problems) - _MOST_PROBLEMS} more: regobs doctor"
    failing = list(report.failing_rules.items())
    for name, error in failing[:_MOST_RULES]:
        yield on.paint(escape(f"  - the rule {name} fails: {error}"), Colour.RED)
    if len(failing) > _MOST_RULES:
        yield f"  - and {len(failing) - _MOST_RULES} more rules fail"


def _links(report: StatusReport, on: Screen) -> Iterator[str]:
    yield _title("Links", on)
    width = max(map(len, report.links), default=0)
    for name, url in report.links.items():
        yield escape(f"  {name:<{width}}  {url}")
