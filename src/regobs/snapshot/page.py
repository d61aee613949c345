"""A snapshot as one HTML page that loads nothing: styles, data, the chart library and the script are in it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from importlib.resources import files
from string import Template

from regobs import __version__
from regobs.grafana.bound import LeftOut
from regobs.grafana.layout import SMALL
from regobs.grafana.panels import Alerts, Table
from regobs.grafana.readings import NO_DATA
from regobs.promql.durations import duration_text
from regobs.promql.nodes import Duration
from regobs.snapshot import theme
from regobs.snapshot.charts import VEGALITE, Chart, Json, marked
from regobs.snapshot.draw import chart_of, has_data, rows_of
from regobs.snapshot.heights import fitted
from regobs.snapshot.legend import legend_of
from regobs.snapshot.span import TimeSpan, utc
from regobs.snapshot.taken import Snapshot, TakenDashboard, TakenPanel, TakenRow
from regobs.snapshot.texts import answers_of, table_of
from regobs.snapshot.units import UNITS
from regobs.snapshot.vega import bundle

_HELP = (
    "Click a name below a chart to see it alone, Ctrl+click to hide it. Drag a chart to move in time, Ctrl+wheel to "
    "zoom all charts, double-click to see everything again."
)
FIRST = "overview"  # the dashboard that a page of several begins with
_NO_ALERT = "no alert fires"
_LONG = 12  # characters of a number beyond which it is written smaller, such as a version: not a rate with its unit
_NEEDS = re.compile(r"needs the capability (\w+)")
_COLUMNS_OF_TIP = 12  # a tip of a panel in the right half opens to the left


def page(snapshot: Snapshot, title: str = "", notes: Sequence[str] = ()) -> str:
    """The HTML. `notes` are what a reader must know of these data. Raises MachineError without the extra `snapshot`."""
    source = files("regobs.snapshot")
    script = bundle(source.joinpath("page.js").read_text(encoding="utf-8"))
    charts: list[Chart] = []
    body = "\n".join(_body(snapshot, charts, notes))
    titles = [one.title for one in snapshot.dashboards if one.rows]
    shown = title or (titles[0] if len(titles) == 1 else f"Container registry: {len(titles)} dashboards")
    return Template(source.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        policy=_policy(script),
        version=escape(__version__),
        heading=escape(shown),
        title=escape(f"{shown}, {utc(snapshot.span.start)} to {utc(snapshot.span.end)} UTC"),
        style=source.joinpath("page.css").read_text(encoding="utf-8"),
        facts=escape(facts(snapshot)),
        body=body,
        footer=escape(f"Taken with regobs {__version__}. {_HELP}"),
        data=_embedded(_data(snapshot.span, charts)),
        library=script,
    )


def facts(snapshot: Snapshot) -> str:
    """Range, density and source in one line."""
    span = snapshot.span
    step = duration_text(Duration(span.step * 1000))
    return f"{utc(span.start)} to {utc(span.end)} UTC, a point each {step}, from {snapshot.server}"


def _policy(script: str) -> str:
    """What the browser may do for this page: run this one script, style it, and fetch nothing from anywhere.

    `unsafe-eval` is for Vega, which compiles its expressions.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}' 'unsafe-eval'"


def _data(span: TimeSpan, charts: Sequence[Chart]) -> Json:
    return {
        "step": span.step * 1000,
        "units": {unit: [list(step) for step in steps] for unit, steps in UNITS.items()},
        "themes": {name: theme.config(name) for name in theme.THEMES},
        "vegalite": VEGALITE,
        "charts": [
            {
                "spec": chart.spec,
                "data": chart.data,
                "interactive": chart.interactive,
                "names": chart.names,
                "colors": chart.colors,
                "unit": chart.unit,
                **({"beyond": chart.beyond} if chart.beyond else {}),
            }
            for chart in charts
        ],
    }


def _embedded(data: Json) -> str:
    """JSON that no HTML parser ends early: a label may hold `</script>`."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _body(snapshot: Snapshot, charts: list[Chart], notes: Sequence[str]) -> Iterator[str]:
    shown = sorted((one for one in snapshot.dashboards if one.rows), key=lambda one: one.slug != FIRST)
    for note in notes:
        yield f'<p class="notice">{escape(note)}</p>'
    if snapshot.events:
        yield _events(snapshot)
    if len(shown) > 1:
        links = (f'<a href="#{escape(one.slug)}">{escape(one.title)}</a>' for one in shown)
        yield f'<nav class="boards">{"".join(links)}</nav>'
    for warning in snapshot.warnings:
        yield f'<p class="notice">The server warns: {escape(warning)}</p>'
    for dashboard in shown:
        yield from _dashboard(dashboard, snapshot, charts, alone=len(shown) == 1)
    yield from _dashboards_left_out(snapshot)


def _dashboards_left_out(snapshot: Snapshot) -> Iterator[str]:
    """Dashboards that show nothing, those of one reason in one line, below those that show something."""
    reasons: dict[str, list[str]] = {}
    for one in snapshot.dashboards:
        if not one.rows:
            needs = dict.fromkeys(_NEEDS.findall(one.left_out))
            whole = len(_NEEDS.findall(one.left_out)) == one.left_out.count("; ") + 1
            reason = f"needs the capability {' or '.join(needs)}" if whole else one.left_out
            reasons.setdefault(reason, []).append(one.title)
    for reason, titles in reasons.items():
        yield f'<p class="notice">Left out: {escape(", ".join(titles))} ({escape(reason)})</p>'


def _events(snapshot: Snapshot) -> str:
    """What happened, in order, in the colours of the lines on the charts."""
    items = (
        f'<li style="--color:{theme.EVENTS[one.kind]}"><time>{snapshot.span.moment(one.time)}</time> '
        f"{escape(one.text)}</li>"
        for one in snapshot.events
    )
    return f'<ol class="events" aria-label="What happened">{"".join(items)}</ol>'


def _dashboard(dashboard: TakenDashboard, snapshot: Snapshot, charts: list[Chart], *, alone: bool) -> Iterator[str]:
    yield f'<section class="board" id="{escape(dashboard.slug)}">'
    if not alone:
        yield f"<h2>{escape(dashboard.title)}</h2>"
    for row in dashboard.rows:
        yield f'<details class="row" open><summary>{escape(row.title)}</summary><div class="grid">'
        for panel in fitted((panel, rows_of(panel, snapshot.span)) for panel in row.panels):
            yield "".join(_panel(panel, snapshot, charts))
        yield f"</div>{_left_out(row)}</details>"
    yield "</section>"


def _left_out(row: TakenRow) -> str:
    """What this deployment does not have, the panels of one reason together; of a panel each capability once."""
    reasons: dict[str, dict[str, None]] = {}
    for lacking in row.left_out:
        reasons.setdefault(lacking.panel.title, {})[_short_reason(lacking)] = None
    titles: dict[str, list[str]] = {}
    for title, told in reasons.items():
        titles.setdefault(" and ".join(sorted(told)), []).append(title)
    parts = [f"{', '.join(named)} ({reason})" for reason, named in sorted(titles.items())]
    return f'<p class="left-out">Left out: {escape("; ".join(parts))}</p>' if parts else ""


def _short_reason(lacking: LeftOut) -> str:
    """The reason without the metric: a tile reads many, and all are lacking for the same reason."""
    if lacking.cause == "capability":
        return "needs" + lacking.reason.rpartition("needs")[2] if "needs" in lacking.reason else lacking.reason
    _, found, registry = lacking.reason.rpartition(" in ")
    return f"not in {registry}" if found and lacking.cause in {"flavor", "version", "label"} else lacking.reason


def _panel(panel: TakenPanel, snapshot: Snapshot, charts: list[Chart]) -> Iterator[str]:
    place, span = panel.place, snapshot.span
    style = f"--x:{place.x};--y:{place.y};--w:{place.w};--h:{place.h}"
    chart = chart_of(panel, span, snapshot.colors) if has_data(panel, span) else None
    if chart is not None:
        chart = marked(chart, ((one.time, theme.EVENTS[one.kind]) for one in snapshot.events))
    number = f' data-chart="{len(charts)}"' if chart else ""
    # Where the screen is narrow, small ones stand four a row. A table of one row is low and still needs the width.
    small = " small" if place.h <= SMALL and not isinstance(panel.bound.panel, Table | Alerts) else ""
    right = " at-right" if place.x >= _COLUMNS_OF_TIP else ""
    yield f'<article class="panel{small}{right}" style="{style}"{number}><header><h3>{escape(panel.title)}</h3>'
    yield f'<button class="about" type="button" aria-label="About this panel">i</button>{_tip(panel)}</header>'
    yield '<div class="body">'
    if chart is not None:
        charts.append(chart)
        yield _chart(panel, chart)
    elif has_data(panel, span):
        yield _text(panel)
    else:
        yield _nothing(panel)
    yield "</div></article>"


def _tip(panel: TakenPanel) -> str:
    parts = [f"<p>{escape(text)}</p>" for text in panel.description.split("\n\n")]
    if alert := panel.bound.panel.alert:
        shown = f'<a href="{escape(panel.runbook)}">{escape(alert)}</a>' if panel.runbook else escape(alert)
        parts.append(f"<p>Alert: {shown}</p>")
    parts += [f"<code>{escape(asked.text)}</code>" for asked in panel.asked]
    return f'<div class="tip">{"".join(parts)}</div>'


def _chart(panel: TakenPanel, chart: Chart) -> str:
    note = f'<div class="note">{escape(chart.note)}</div>' if chart.note else ""
    legend = ""
    if named := legend_of(panel, chart):
        buttons = (
            f'<button type="button" value="{number}" aria-pressed="true" title="{escape(name)}">'
            f'<i style="--color:{chart.colors[number]}"></i><span>{escape(name)}</span></button>'
            for number, name in named
        )
        legend = f'<div class="legend">{"".join(buttons)}</div>'
    label = escape(f"{panel.title}: {panel.bound.panel.good}")
    return f'<div class="chart" role="img" aria-label="{label}"></div>{note}{legend}'


def _text(panel: TakenPanel) -> str:
    if isinstance(panel.bound.panel, Table | Alerts):
        return _table(panel)
    numbers = answers_of(panel)
    parts = (
        f'<div class="number"><b class="{one.state}">{escape(one.text)}</b>'
        + (f'<span title="{escape(one.name)}">{escape(one.name)}</span>' if one.name else "")
        + "</div>"
        for one in numbers
    )
    several = " several" if len(numbers) > 2 or any(len(one.text) > _LONG for one in numbers) else ""
    return f'<div class="numbers{several}">{"".join(parts)}</div>'


def _table(panel: TakenPanel) -> str:
    table = table_of(panel)
    first_value = len(table.heads) - table.values

    def line(tag: str, cells: Sequence[str], states: Sequence[str]) -> str:
        labels = (f"<{tag}>{escape(cell)}</{tag}>" for cell in cells[:first_value])
        values = (
            f'<{tag} class="value{" " * bool(state)}{state}">{escape(cell)}</{tag}>'
            for cell, state in zip(cells[first_value:], states, strict=True)
        )
        return f"<tr>{''.join(labels)}{''.join(values)}</tr>"

    rows = "".join(line("td", row, states) for row, states in zip(table.rows, table.states, strict=True))
    head = line("th", table.heads, [""] * table.values)
    return f'<div class="scroll"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>'


def _nothing(panel: TakenPanel) -> str:
    if panel.error:
        return f'<p class="failed">The server rejects this query: {escape(panel.error)}</p>'
    if isinstance(panel.bound.panel, Alerts):
        return f'<p class="empty">{_NO_ALERT}</p>'
    hint = f"<br>{escape(panel.hint)}" if panel.hint else ""
    return f'<p class="empty">{NO_DATA}{hint}</p>'
