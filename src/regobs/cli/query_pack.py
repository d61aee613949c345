"""`regobs query runbook NAME` and `alert NAME`: what the pack says of an alert, with what the server answers now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.query_ask import PackQuestion, pack_question
from regobs.cli.query_asking import Asking
from regobs.cli.query_expr import evaluate
from regobs.cli.query_gaps import all_gaps, announce, whole
from regobs.cli.query_names import complete_alert, complete_slo
from regobs.common.closest import did_you_mean
from regobs.common.screen import Colour, screen
from regobs.common.table import Cell, Value, table
from regobs.errors import EndpointError, ExitCode, PackError, PromqlError

if TYPE_CHECKING:
    from regobs.build.runbooks import RunbookQuery
    from regobs.config import Config
    from regobs.pack import Pack
    from regobs.prometheus import Alert, Prometheus
    from regobs.query.alert import AskedAlert, Condition
    from regobs.query.show import Shown

_IN_DETAIL = 4  # rules of one alert; of more, only those that are not silent are taken apart
_LINKS = {"dashboard_url": "dashboard", "logs_url": "logs", "runbook_url": "runbook"}  # as the server filled them in
_STATES = {"firing": Colour.RED, "pending": Colour.YELLOW}


@pack_question(complete_alert)
def runbook(question: PackQuestion) -> int:
    """Print the runbook of the alert NAME, with the answer of the server under each of its queries.

    NAME/2 asks its second query alone. Without NAME, list the runbooks.
    """
    name, asking = question.name, question.asking
    if name is None:
        click.echo(table(["runbook", "meaning"], list(_meanings(question.pack)), on=screen()))
        return ExitCode.OK
    parts = _runbook(question.pack, question.config, name)
    with question.open() as prometheus:
        answered = [part if isinstance(part, str) else (part, _answer(prometheus, part, asking)) for part in parts]
    if question.shape == "json":
        click.echo(json.dumps(_runbook_data(name, answered), indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(part if isinstance(part, str) else _answered(*part) for part in answered if part))
    shown = [part[1] for part in answered if not isinstance(part, str)]
    return announce(all_gaps(one for one in shown if not isinstance(one, str)))


def _pages(pack: Pack) -> dict[str, Any]:
    from regobs.build.runbooks import alert_of  # noqa: PLC0415

    return {alert_of(file): file for file in pack.files("alerts", "runbooks/*.md")}


def _meanings(pack: Pack) -> Iterator[list[str]]:
    for name, file in _pages(pack).items():
        paragraph = file.read().partition("\n## Meaning\n")[2].strip().partition("\n\n")[0]
        yield [name, " ".join(paragraph.split())]


def _runbook(pack: Pack, config: Config, name: str) -> list[str | RunbookQuery]:
    """The parts of a page, or the one query that `name` asks for. Raises PackError when there is none."""
    from regobs.build.runbooks import RunbookQuery, runbook_parts  # noqa: PLC0415

    alert_name, slash, _ = name.partition("/")
    pages = _pages(pack)
    if alert_name not in pages:
        raise PackError(
            "there is no runbook of this name",
            value=alert_name,
            expected="the name of an alert",
            next_step=did_you_mean(alert_name, pages, "`regobs query runbook` lists them"),
        )
    parts = list(runbook_parts(pages[alert_name], config))
    if not slash:
        return parts
    queries = [part for part in parts if isinstance(part, RunbookQuery)]
    found = [part for part in queries if part.name == name]
    if not found:
        raise PackError(
            "the runbook has no such query",
            value=name,
            expected=f"{alert_name}/1 to {alert_name}/{len(queries)}" if queries else "a runbook with queries",
            next_step=f"`regobs query runbook {alert_name}` shows them all",
        )
    return [found[0]]


def _answer(prometheus: Prometheus, query: RunbookQuery, asking: Asking) -> Shown | str:
    """What the server answers, or why it is not asked or refuses: the other queries of the page are still worth it."""
    from regobs.errors import QueryError  # noqa: PLC0415
    from regobs.query.ask import check_query  # noqa: PLC0415

    if query.lacks:
        return f"not in this deployment: {query.lacks}"
    try:
        checked = check_query(query.text)
        return evaluate(prometheus, replace(checked, notes=()), asking)  # the settings added labels, nobody typed them
    except QueryError as error:
        return f"refused: {error.message} ({error.value})"


def _answered(query: RunbookQuery, answer: Shown | str) -> str:
    from regobs.query import show  # noqa: PLC0415

    on = screen()
    text = answer if isinstance(answer, str) else show.as_text(answer, on=on)
    quoted = "\n".join(f"  {line}" for line in text.splitlines())
    return f"{on.paint(query.text, Colour.DIM)}\n\n{quoted}" if query.text else quoted


def _runbook_data(name: str, parts: list[Any]) -> dict[str, Any]:
    from regobs.query import show  # noqa: PLC0415

    queries = []
    for query, answer in (part for part in parts if not isinstance(part, str)):
        entry = {"name": query.name, "question": query.question}
        if isinstance(answer, str):
            queries.append(entry | {"query": query.text or None, "left_out": answer})
        else:
            queries.append(entry | show.as_data(answer))
    return {"runbook": name, "queries": queries}


@pack_question(complete_alert)
@click.option(
    "--slo", metavar="NAME", shell_complete=complete_slo, help="Of a burn-rate alert: its rules for this SLO only."
)
def alert(question: PackQuestion, *, slo: str | None) -> int:
    """Show the expression of the alert NAME, which of its conditions hold, and how near the others are to it.

    An alert that is not in the pack is taken from the rules of the server. Without NAME, list the alerts of the pack.
    """
    from regobs.query.alert import alert_list, chosen_alerts, pack_alerts, server_alerts  # noqa: PLC0415
    from regobs.slo.outputs import compile_rules  # noqa: PLC0415

    name, asking = question.name, question.asking
    compiled = compile_rules(question.pack, question.config)
    known = pack_alerts(compiled)
    left_out = {one["rule"]: one["reason"] for file in compiled.rule_files for one in file.left_out}
    if name is None:
        click.echo(table(["alert", "severity", "summary"], alert_list(known), on=screen()))
        return ExitCode.OK
    with question.open() as prometheus:
        active, loaded = _alerts_of(prometheus)
        rules = chosen_alerts(name, slo, known, server_alerts(loaded), left_out=left_out)
        entries = [_taken_apart(prometheus, rule, active, asking, count=len(rules)) for rule in rules]
        code = whole(prometheus)
    names = {rule.name for group in loaded for rule in group.rules}
    note = "" if name in names else f"The server at {prometheus.url} has no rule of this name loaded."
    if question.shape == "json":
        click.echo(json.dumps(_alert_data(name, note, entries), indent=2, ensure_ascii=False))
    else:
        click.echo("\n\n".join(_alert_text(name, note, entries)))
    return code


class _Entry:
    """A rule of an alert, its active alerts on the server, and its conditions, None where they were not asked."""

    def __init__(self, rule: AskedAlert, active: list[Alert], parts: list[Condition] | None) -> None:
        self.rule, self.active, self.parts = rule, active, parts

    @property
    def state(self) -> str:
        states = {one.state for one in self.active}
        return "firing" if "firing" in states else "pending" if states else "inactive"

    @property
    def ended(self) -> bool:
        """Whether its condition holds for nothing now, and yet it is active."""
        return self.parts is not None and not self.parts[0].series


def _alerts_of(prometheus: Prometheus) -> tuple[tuple[Alert, ...], Any]:
    """Active alerts and loaded rules; none on a server that evaluates none."""
    prometheus.buildinfo()  # that it is a server of the API shows here: the two below may be missing
    try:
        return prometheus.alerts(), prometheus.rules()
    except EndpointError:
        return (), ()


def _taken_apart(
    prometheus: Prometheus, rule: AskedAlert, active: tuple[Alert, ...], asking: Asking, *, count: int
) -> _Entry:
    from regobs.query.alert import conditions  # noqa: PLC0415

    own = [one for one in active if one.labels.get("alertname") == rule.name and _same(one, rule)]
    ask = _asker(prometheus, asking)
    if count > _IN_DETAIL and not own and not ask(rule.expr):
        return _Entry(rule, own, None)
    try:
        return _Entry(rule, own, conditions(rule.expr, ask))
    except PromqlError:  # a rule of the server in a syntax that regobs does not read
        return _Entry(rule, own, None)


def _same(active: Alert, rule: AskedAlert) -> bool:
    return all("{{" in value or active.labels.get(label) == value for label, value in rule.labels.items())


def _asker(prometheus: Prometheus, asking: Asking) -> Callable[[str], list[tuple[dict[str, str], float]]]:
    import time  # noqa: PLC0415

    moment = asking.times(time.time())[0]
    known: dict[str, list[tuple[dict[str, str], float]]] = {}

    def ask(text: str) -> list[tuple[dict[str, str], float]]:
        if text not in known:
            known[text] = [(dict(one.labels), one.value) for one in prometheus.query(text, moment).samples]
        return known[text]

    return ask


def _alert_text(name: str, note: str, entries: list[_Entry]) -> Iterator[str]:
    on = screen()
    if len(entries) > _IN_DETAIL:
        rows: list[list[Value]] = [
            [entry.rule.title, entry.rule.labels.get("severity", ""), _state_cell(entry)] for entry in entries
        ]
        yield table(["rule", "severity", "state"], rows, on=on)
    for entry in entries:
        if entry.parts is None and len(entries) > _IN_DETAIL:
            continue
        rule = entry.rule
        head = f"{rule.title}: {entry.state}, {rule.labels.get('severity', 'no severity')}"
        yield f"{on.paint(head, Colour.BOLD)}\nIt {rule.when}:\n{on.paint(rule.expr.strip(), Colour.DIM)}"
        if entry.parts is not None:
            heads = ["condition", "series", "nearest value", "limit"]
            yield table(heads, [_part_row(part) for part in entry.parts], on=on, right={*heads[1:]})
        yield from (_active_text(one, rule, ended=entry.ended) for one in entry.active)
    if note:
        yield note
    command = entries[0].rule.annotations.get("logs_command")
    yield f"next: regobs query runbook {name}" + (f", {command}" if command else "")


def _state_cell(entry: _Entry) -> Cell:
    return Cell(entry.state, _STATES.get(entry.state))


def _part_row(part: Condition) -> list[Value]:
    series = Cell(f"{part.series:,}", Colour.RED if part.series else None)
    if part.value is None:
        return [part.branch + part.head, series, "" if part.values is None else _there(part.values), ""]
    more = (part.values or 0) - 1
    value = _value_text(part, part.value) + (f" ({more:,} more)" if more > 0 else "")
    return [part.branch + part.head, series, value, _value_text(part, part.limit or 0.0)]


def _there(count: int) -> str:
    return f"{count:,} series" if count else "no data"


def _value_text(part: Condition, value: float) -> str:
    from regobs.query.show import unit_value  # noqa: PLC0415

    return unit_value(value, part.type)


def _active_text(active: Alert, rule: AskedAlert, *, ended: bool) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in sorted(active.labels.items()) if name != "alertname")
    lines = [f"{active.state}, {_since(active, rule, ended=ended)}: {labels}"]
    texts = active.annotations
    lines += [f"  {texts[name]}" for name in ("summary", "description") if name in texts]
    lines += [f"  {word}: {texts[name]}" for name, word in _LINKS.items() if texts.get(name)]
    return "\n".join(lines)


def _since(active: Alert, rule: AskedAlert, *, ended: bool) -> str:
    """Since when the condition of an active alert holds, and since or from when on it fires."""
    from regobs.promql.durations import read_duration  # noqa: PLC0415
    from regobs.query.times import moment_text  # noqa: PLC0415

    if ended:
        return f"though its condition does not hold now: it fires {rule.keep or 'until its next evaluation'} longer"
    try:
        began = int(datetime.fromisoformat(active.active_at).timestamp())  # the part of a second says nothing here
    except ValueError:  # the server does not say it
        return "its condition holds"
    hold = read_duration(rule.hold)
    fires = moment_text(began + (hold.ms / 1000 if hold else 0))
    then = f"it fires since {fires}" if active.state == "firing" else f"it will fire at {fires} if it still does"
    return f"its condition holds since {moment_text(began)}, {then}"


def _alert_data(name: str, note: str, entries: list[_Entry]) -> dict[str, Any]:
    from regobs.query.show import plain  # noqa: PLC0415

    def part(one: Condition) -> dict[str, Any]:
        numbers = {"value": one.value, "limit": one.limit}
        return {
            "condition": one.text,
            "series": one.series,
            "values": one.values,
            **{key: None if number is None else plain(number) for key, number in numbers.items()},
        }

    rules = [
        {
            "labels": dict(entry.rule.labels),
            "query": entry.rule.expr,
            "for": entry.rule.hold,
            "keep_firing_for": entry.rule.keep or None,
            "state": entry.state,
            "conditions": None if entry.parts is None else [part(one) for one in entry.parts],
            "active": [
                {
                    "labels": dict(one.labels),
                    "annotations": dict(one.annotations),
                    "state": one.state,
                    "since": one.active_at,
                    "value": plain(one.value),
                }
                for one in entry.active
            ],
        }
        for entry in entries
    ]
    return {"alert": name, "note": note or None, "rules": rules}
