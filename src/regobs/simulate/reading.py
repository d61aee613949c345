"""What the bundled dashboards and SLOs read of a fleet: the selectors of a history that is made for them."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.config import Config
from regobs.doctor.content import panel_questions, rule_questions
from regobs.errors import InputError
from regobs.grafana import load_dashboards
from regobs.pack import find_pack
from regobs.promql.nodes import Expr, Selector
from regobs.simulate.plan import Plan
from regobs.simulate.selection import UP, of_families, read_by
from regobs.slo import records

SLO = "slo"  # the rules of all SLOs, their alerts and their budgets, and the dashboard of this name
_SLO_GROUP = "slo:"


def selectors_for(plan: Plan, readers: Iterable[str], families: Iterable[str]) -> list[Selector] | None:
    """The selectors of what these readers (`slo`, slugs of dashboards) read, and of these families; None for neither.

    `up` is always in it. Raises InputError for a name that is unknown.
    """
    named, chosen = list(readers), of_families(families)
    if not named and not chosen:
        return None
    found = [Selector(UP), *chosen]
    if named:
        pack = find_pack()
        config = Config(flavor=plan.flavor, version=plan.version, capabilities=plan.capabilities or frozenset())
        rules = rule_questions(pack, config)
        recorded: dict[str, list[Expr]] = {}
        for rule in rules:
            if rule.kind == "recording":
                recorded.setdefault(rule.name, []).append(rule.expr)
        expressions = [rule.expr for rule in rules if SLO in named and rule.group.startswith(_SLO_GROUP)]
        dashboards = load_dashboards(pack)
        for name in named:
            _check(name, dashboards)
            if name in dashboards:
                panels = panel_questions(pack, config, records(pack, config), name)
                expressions += [panel.expr for panel in panels if panel.expr is not None]
        found += read_by(expressions, recorded)
    return found


def _check(name: str, dashboards: Iterable[str]) -> None:
    known = sorted({SLO, *dashboards})
    if name not in known:
        raise InputError("no bundled dashboard or set of rules has this name", value=name, expected=", ".join(known))
