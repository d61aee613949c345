"""The pages of the view as sections of rows; a row may lead to another page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo

from regobs.common.counts import counted
from regobs.common.screen import Colour, Screen
from regobs.common.table import Cell, Value, escape, shorten
from regobs.promql.types import Type
from regobs.query.show import as_text, trend, unit_value
from regobs.slo.status import HEADER, OWN_LABELS, SloStatus
from regobs.status import screen as status
from regobs.status.questions import LIMITS
from regobs.status.report import ProcessStatus, RouteStatus, Usage
from regobs.status.take import worst_routes
from regobs.top import alerts
from regobs.top.place import Page, TopPlace
from regobs.top.rows import MARK, Section, TopLine, TopRow, laid_out, mark, marked, since
from regobs.top.take import POINTS, Answered, Detail, Fact, Signal, Taken

_BUDGETS, _ROUTES, _CODES = 3, 3, 12  # rows of the overview, and of status codes
_SERIES = 20  # of one answer


def lines(taken: Taken, place: TopPlace, on: Screen, zone: tzinfo = UTC) -> Iterator[TopLine]:
    """The page of a place, from top to bottom. What it needs beside the status has to be of the same place."""
    for section in _sections(taken, place, on, zone):
        yield from laid_out(section, on)


def _sections(taken: Taken, place: TopPlace, on: Screen, zone: tzinfo) -> Iterator[Section]:
    pages: Mapping[Page, Callable[[], Iterable[Section]]] = {
        Page.OVERVIEW: lambda: _overview(taken, zone),
        Page.ALERTS: lambda: alerts.all_alerts(taken, place),
        Page.SLOS: lambda: _all_budgets(taken.report.budgets),
        Page.ROUTES: lambda: _all_routes(taken),
        Page.INSTANCES: lambda: _processes(taken),
        Page.LIMITS: lambda: _usage(taken.report.usage),
        Page.QUESTIONS: lambda: _questions(taken),
        Page.SERVER: lambda: _server(taken),
        Page.TRAFFIC: lambda: _traffic(taken, place, zone),
        Page.ALERT: lambda: alerts.alert(taken, place),
        Page.SLO: lambda: _slo(taken.detail),
    }
    yield from pages.get(place.page, lambda: _answers(taken.detail, on))()


def _overview(taken: Taken, zone: tzinfo) -> Iterator[Section]:
    report = taken.report
    yield _signals(taken, zone)
    stale = status.stale_cell(report)
    seen = [Cell(f"From outside: {one.text}", one.colour) for one in status.outside_cells(report)][:1]
    seen = [*([Cell(f"Requests: {stale.text}", stale.colour)] if stale else []), *seen]
    yield Section((), [TopRow((Cell(mark(one.colour), one.colour), one), TopPlace(Page.INSTANCES)) for one in seen])
    yield from alerts.firing(taken)
    yield _budgets(report.budgets[:_BUDGETS])
    worst = worst_routes(report.routes, _ROUTES - 1)[:_ROUTES]
    yield _routes(worst, f"Routes, most failing and slowest, last {report.window}")
    yield Section((), list(_parts(taken, zone)))


def _signals(taken: Taken, zone: tzinfo) -> Section:
    report = taken.report
    rows = [TopRow(_signal_cells(one, zone), TopPlace(Page.ROUTES)) for one in taken.signals]
    up = status.processes_text(report)
    colour = up.colour if up.colour is Colour.RED else None
    flying = f"{report.in_flight:g} requests in flight" if report.in_flight is not None else ""
    cells = (mark(colour), "Processes", Cell(up.text, colour), status.versions_text(report), flying)
    head = (MARK, "Signal", f"last {report.window}", "last hour", "lowest to highest")
    return Section(head, [*rows, TopRow(cells, TopPlace(Page.INSTANCES))])


def _signal_cells(one: Signal, zone: tzinfo) -> Sequence[Value]:
    if one.value is None:
        return (MARK, one.name, "no data", "", "")
    points = one.series.points if one.series else ()
    values = [value for _, value in points]
    between = f"{_value(min(values), one.type, zone)} to {_value(max(values), one.type, zone)}" if values else ""
    return (MARK, one.name, _value(one.value, one.type, zone), trend(points, one.asked, POINTS), between)


def _parts(taken: Taken, zone: tzinfo) -> Iterator[TopRow]:
    """One line each of what is full, garbage collection, replicas, and what is wrong with the server."""
    report = taken.report
    if report.usage:
        name, where, used = status.usage_cells(report.usage[0])
        full = Cell(f"{name} {used.text} ({where})", used.colour)
        yield TopRow((marked(used), "Closest to a limit", full), TopPlace(Page.LIMITS))
    for title, page, facts in (
        ("Garbage collection", Page.GARBAGE, taken.garbage),
        ("Replicas", Page.REPLICAS, taken.replicas),
    ):
        if facts:
            yield TopRow((MARK, title, _facts_text(facts, zone)), TopPlace(page))
    failing = len(report.failing_rules)
    said = [f"{counted(failing, 'rule')} {'fails' if failing == 1 else 'fail'}"] if failing else []
    said += [report.problems[0].text] if report.problems else []
    if said:
        colour = Colour.RED if report.failing_rules else Colour.YELLOW
        yield TopRow((mark(colour), "The server itself", Cell("; ".join(said), colour)), TopPlace(Page.SERVER))


def _all_routes(taken: Taken) -> Iterator[Section]:
    yield _routes(taken.report.routes, f"Routes, the most failing first, last {taken.report.window}")


def _budgets(budgets: Sequence[SloStatus]) -> Section:
    rows = [TopRow(_budget_cells(one), TopPlace(Page.SLO, name=one.slo)) for one in budgets]
    head = (MARK, "Error budgets, the fastest burn first", "bad", "left", "burn rate")
    return Section(head, rows, "no recorded data yet: are the rules of the build loaded?", head[2:])


def _budget_cells(one: SloStatus) -> Sequence[Value]:
    name = " ".join((one.slo, *one.scope.values()))
    *_, bad, left, burn = one.cells
    cell = Cell(burn, status.burn_colour(one.burn))
    worst = Cell("", status.left_colour(one.remaining) or cell.colour)
    return (marked(worst), name, bad, Cell(left, status.left_colour(one.remaining)), cell)


def _all_budgets(budgets: Sequence[SloStatus]) -> Iterator[Section]:
    rows = []
    for one in budgets:
        *cells, left, burn = one.cells
        colours = status.left_colour(one.remaining), status.burn_colour(one.burn)
        coloured = (Cell(left, colours[0]), Cell(burn, colours[1]))
        rows.append(TopRow((*cells, *coloured), TopPlace(Page.SLO, name=one.slo)))
    yield Section(HEADER, rows, "no recorded data yet: are the rules of the build loaded?", HEADER[2:])


def _routes(routes: Sequence[RouteStatus], title: str, place: TopPlace | None = None) -> Section:
    """Routes, or the instances of one: `place` is where a row is, its open side is what the row names."""
    at = place or TopPlace(Page.TRAFFIC)
    rows = []
    for one in routes:
        cells = status.route_cells(one)
        target = TopPlace(Page.TRAFFIC, at.route or one.route, one.route if at.route else at.instance)
        rows.append(TopRow((_failing(one), *cells), target))
    right = ("requests", "5xx", "p95")
    return Section((MARK, title, *right), rows, "no request was counted", right)


def _failing(one: RouteStatus) -> Cell:
    """A mark on what fails: two where it is more than one request in a hundred."""
    failed = one.failed or 0.0
    return Cell("!!" if failed >= 0.01 else "!", Colour.RED) if failed else Cell(MARK)


def _processes(taken: Taken) -> Iterator[Section]:
    traffic = {one.route: one for one in taken.detail.by_instance}
    rows = []
    for one in taken.report.processes:
        state = _state(one)
        cells = status.route_cells(traffic[one.instance])[1:] if one.instance in traffic else ("", "", "")
        target = TopPlace(Page.TRAFFIC, instance=one.instance)
        rows.append(TopRow((marked(state), one.instance, state, *cells), target))
    head = (MARK, "Instances, down first", "state", "requests", "5xx", "p95")
    yield Section(head, rows, "no target of the registry is known here", head[3:])
    # What stands before the cause of a failed scrape names the address once more.
    why = [TopRow((MARK, one.instance, one.error.rpartition(": ")[2])) for one in taken.report.processes if one.error]
    if why:
        yield Section((MARK, "Why a scrape fails", ""), why)


def _state(one: ProcessStatus) -> Cell:
    if not one.up or (one.age is not None and one.age < status.RECENT):
        return status.process_cells(one)[1]
    return Cell("up" if one.age is None else f"up for {since(one.age)}")


def _usage(usage: Sequence[Usage]) -> Iterator[Section]:
    rows = []
    for one in usage:
        cells = status.usage_cells(one)
        instance = one.where.get("instance", "")
        rows.append(TopRow((marked(cells[2]), *cells), TopPlace(Page.TRAFFIC, instance=instance) if instance else None))
    head = (MARK, "Closest to a limit", "where", "used")
    yield Section(head, rows, "nothing that has a limit is scraped", ("used",))


def _facts_text(facts: Sequence[Fact], zone: tzinfo) -> str:
    return ", ".join(f"{one.name} {_value(one.value, one.type, zone)}" for one in facts)


def _server(taken: Taken) -> Iterator[Section]:
    report = taken.report
    rows = [
        TopRow((Cell("!!", Colour.RED), f"the rule {name} fails: {error}"))
        for name, error in report.failing_rules.items()
    ]
    rows += [TopRow((Cell("!", Colour.YELLOW), one.text)) for one in report.problems]
    head = (MARK, "The server itself: how far the rest can be believed")
    yield Section(head, rows, "nothing is wrong with it")
    yield Section(("Links", ""), [TopRow((name, url)) for name, url in report.links.items()])


def _questions(taken: Taken) -> Iterator[Section]:
    rows = [TopRow((name, title), TopPlace(Page.QUESTION, name=name)) for name, title in taken.questions.items()]
    yield Section(("Questions of the pack", ""), rows, "the pack has none")


def _traffic(taken: Taken, place: TopPlace, zone: tzinfo) -> Iterator[Section]:
    detail = taken.detail
    facts = [TopRow((one.name, _value(one.value, one.type, zone))) for one in detail.signals]
    yield Section((place.title,), empty="" if facts else "no request was counted")
    yield Section((), facts)
    if place.instance:
        error = next((one.error for one in taken.report.processes if one.instance == place.instance and one.error), "")
        if error:
            yield Section((), [TopRow((Cell("!!", Colour.RED), f"its scrape fails: {error}"))])
    if not place.instance:
        yield _routes(detail.by_instance, "Its instances, the most failing first", place)
    if not place.route:
        yield _routes(detail.by_route, "Its routes, the most failing first", place)
    if place.instance:
        own = [TopRow((_fact_name(one), _fact_value(one, zone))) for one in detail.facts]
        yield Section((f"The process {place.instance}",), empty="" if own else "it exposes nothing")
        yield Section((), own)
    codes = sorted(detail.codes, key=lambda one: -one.value)
    rows = [
        TopRow((" ".join(sorted(one.labels.values(), reverse=True)), _value(one.value, one.type, zone)))
        for one in codes[:_CODES]
        if one.value
    ]
    yield Section(("Method and status", "requests"), rows, "no request was counted", ("requests",))


def _fact_name(one: Fact) -> str:
    """Its name, and the labels that tell it from others of this name."""
    labels = [value for name, value in sorted(one.labels.items()) if name not in {"instance", "version"}]
    return f"{one.name} ({' '.join(labels)})" if labels else one.name


def _fact_value(one: Fact, zone: tzinfo) -> Value:
    """A value; of what only says a version, the version; of what has a limit, in the colour of how full it is."""
    text = one.labels.get("version") or _value(one.value, one.type, zone)
    return Cell(text, status.usage_colour(one.value)) if one.name in LIMITS else text


def _slo(detail: Detail) -> Iterator[Section]:
    """Budget, burn rates and events, one line for each scope."""
    rows = []
    for one in detail.answers:
        samples = one.shown.answer.samples if one.shown else ()
        for sample in samples:
            scope = " ".join(value for name, value in sorted(sample.labels.items()) if name not in OWN_LABELS)
            rows.append(TopRow((one.name, scope, one.shown.value(sample.value) if one.shown else "")))
        if not samples:
            rows.append(TopRow((one.name, "", one.reason or "no data")))
    yield Section((detail.title, "", ""), rows, "no such SLO", ("",))


def _answers(detail: Detail, on: Screen) -> Iterator[Section]:
    yield Section((detail.title,))
    for answered in detail.answers:
        yield from _answer(answered, on)


def _answer(answered: Answered, on: Screen) -> Iterator[Section]:
    if answered.shown is None:
        yield Section((answered.name,), empty=answered.reason)
        return
    room = None if on.width is None else on.width - 2
    query = escape(" ".join(answered.shown.text.split()))
    asked = on.paint(query if room is None else shorten(query, room), Colour.DIM)
    text = as_text(answered.shown, limit=_SERIES, on=Screen(room, on.colour))
    yield Section((answered.name,), text=[f"  {line}" for line in (asked, *text.split("\n"))])


def _value(value: float, kind: Type | None, zone: tzinfo) -> str:
    return unit_value(value, kind, zone)
