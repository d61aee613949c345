"""What `regobs deploy` shows of plans: what would change on each target, and how often its alerts would have fired."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from regobs.common.counts import counted
from regobs.common.differing import shown_difference
from regobs.common.screen import Colour, Screen, screen
from regobs.common.table import escape, escape_lines

if TYPE_CHECKING:
    from regobs.deploy.plan_file import TargetPlan
    from regobs.deploy.risk import AlertRisk
    from regobs.deploy.target import PlannedChange

_LONGEST = 160  # characters of a changed text
_FEW = 20  # changes that are seen at once, so that nobody needs their counts


def show_plans(plans: Sequence[TargetPlan], shape: str, risks: Mapping[str, Sequence[AlertRisk]] | None = None) -> None:
    """Print plans; whoever reads only their first lines changes neither what is done nor the exit code."""
    _show_plans(plans, shape, risks)


def _show_plans(plans: Sequence[TargetPlan], shape: str, risks: Mapping[str, Sequence[AlertRisk]] | None) -> None:
    if shape == "json":
        told = {name: [asdict(one) for one in found] for name, found in (risks or {}).items()}
        data = [one.as_data() | {"risks": told.get(one.target, [])} for one in plans]
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    on = screen()
    for one in plans:
        for line in _heads(one):
            click.echo(line)
        for change in one.changes:
            _show_change(change, on)
        for change in one.conflicts:
            click.echo(f"  {on.paint('conflict', Colour.YELLOW)}: {escape(change.thing)} {escape(change.what)}")


def _show_change(change: PlannedChange, on: Screen) -> None:
    """Lines of which no name or text of a plan file, which anybody may have written, can end one or erase another."""
    colour = {"a": Colour.GREEN, "r": Colour.RED}.get(change.what.partition(" (")[0].rpartition(" ")[2][:1])
    click.echo(f"  {on.paint(escape(change.what), colour)}: {escape(change.thing)}")
    if change.before and change.after:
        for sign, text in zip("-+", shown_difference(change.before, change.after, _LONGEST), strict=True):
            for line in text.split("\n"):
                click.echo(f"    {sign} {escape(line)}")
    if change.breaks:
        click.echo(f"    breaks: {escape(change.breaks)}")


def _heads(plan: TargetPlan) -> Iterator[str]:
    """How much a plan changes; of many changes how many there are of each kind."""
    if plan.differs:
        there = f"{len(plan.objects):,} {'file or object' if len(plan.objects) == 1 else 'files or objects'}"
        yield f"{plan.target}: {counted(len(plan.changes), 'change')}, {there} afterwards"
        if len(plan.changes) > _FEW:
            yield f"  in short: {_kinds(plan.changes)}"
    elif not plan.due:
        yield f"{plan.target}: nothing to change"
    if plan.due:
        yield f"{plan.target}: {escape_lines(plan.due)}"


def _kinds(changes: Sequence[PlannedChange]) -> str:
    """How many changes there are of each kind, most first."""
    kinds = Counter(one.what.partition(" (")[0] for one in changes)
    return ", ".join(f"{escape(kind)} {times:,}" for kind, times in kinds.most_common())


def show_risks(risks: Mapping[str, Sequence[AlertRisk]], length: str) -> None:
    """On stderr, beside the plan: it is a note for a person."""
    from regobs.query.times import read_seconds  # noqa: PLC0415

    for target, found in risks.items():
        for one in found:
            said = _fired(one, length, read_seconds("--risk", length))
            click.echo(f"{target}: {one.alert}{f': {one.note}' if one.note else said}", err=True)


def _fired(risk: AlertRisk, length: str, seconds: float) -> str:
    """How often an alert would have fired, and of how much of the time that can be said."""
    from regobs.budgets.words import time_text  # noqa: PLC0415

    how_often = f"have fired {counted(risk.times, 'time')}" if risk.times else "not have fired"
    lasted = f", for {time_text(risk.seconds)}" if risk.times else ""
    part = f"; there was data of {time_text(risk.observed)} of it" if risk.observed < 0.99 * seconds else ""
    return f" would {how_often} in the last {length}{lasted}{part}"
