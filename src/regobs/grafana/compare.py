"""What differs between dashboards in meaning: panels, queries, units, thresholds. Spelling and ids do not count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any

from regobs.errors import PromqlError
from regobs.grafana.boards import ReadDashboard, ReadPanel

_FIELDS = ("kind", "unit", "thresholds", "description", "links")
_WORDS = {"kind": "type"}


@dataclass(frozen=True, slots=True)
class DashboardChange:
    """One difference. `what` is a word such as `panel added` or `query changed`.

    `row` and `panel` are titles, those of the new side where there is one, "" for a change of the whole dashboard.
    `before` and `after` are texts, "" on the side that has none.
    """

    dashboard: str
    row: str
    panel: str
    what: str
    before: str = ""
    after: str = ""

    def as_data(self) -> dict[str, str]:
        """For JSON: every field by its name."""
        return asdict(self)


def compare_boards(old: Mapping[str, ReadDashboard], new: Mapping[str, ReadDashboard]) -> list[DashboardChange]:
    """Every change from old to new, dashboards by their name, in the order of the names and then of the panels."""
    changes: list[DashboardChange] = []
    for name in sorted({*old, *new}):
        if name not in new:
            changes.append(DashboardChange(name, "", "", "dashboard removed", before=old[name].title))
        elif name not in old:
            changes.append(DashboardChange(name, "", "", "dashboard added", after=new[name].title))
        else:
            changes += compare_board(name, old[name], new[name])
    return changes


def compare_board(name: str, old: ReadDashboard, new: ReadDashboard) -> Iterator[DashboardChange]:
    """The changes of one dashboard."""
    if old.title != new.title:
        yield DashboardChange(name, "", "", "title changed", old.title, new.title)
    if old.variables != new.variables:
        yield DashboardChange(name, "", "", "variables changed", _joined(old.variables), _joined(new.variables))
    pairs = panel_pairs(old, new)
    gone = set(old.panels) - {before for before, _ in pairs}
    come = set(new.panels) - {after for _, after in pairs}
    for panel in (panel for panel in old.panels if panel in gone):
        yield DashboardChange(name, panel.row, panel.title, "panel removed", before=_joined(panel.texts))
    moved = _moved(pairs, old.panels)
    partner = {after: before for before, after in pairs}
    for panel in new.panels:
        if panel in come:
            yield DashboardChange(name, panel.row, panel.title, "panel added", after=_joined(panel.texts))
        else:
            yield from _panel(name, partner[panel], panel, moved=panel in moved)


def _panel(name: str, old: ReadPanel, new: ReadPanel, *, moved: bool) -> Iterator[DashboardChange]:
    def change(what: str, before: str = "", after: str = "") -> DashboardChange:
        return DashboardChange(name, new.row, new.title, what, before, after)

    if old.title != new.title:
        yield change("title changed", old.title, new.title)
    if old.row != new.row:
        yield change("panel moved", f"row {old.row}", f"row {new.row}")
    elif moved:
        yield change("panel moved", f"place {old.place + 1} in its row", f"place {new.place + 1}")
    for field in _FIELDS:
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            yield change(f"{_WORDS.get(field, field)} changed", before, after)
    yield from _queries(change, old.queries, new.queries)


def _queries(
    change: Callable[..., DashboardChange], old: tuple[tuple[str, str, str], ...], new: tuple[tuple[str, str, str], ...]
) -> Iterator[DashboardChange]:
    """Queries by what they ask first, so that one that was put before others does not change them all."""
    left, right = list(old), list(new)
    for query in old:
        same = next((other for other in right if same_query(query[1], other[1])), None)
        if same is not None:
            left.remove(query)
            right.remove(same)
            if query[2] != same[2]:
                yield change("legend changed", query[2], same[2])
    by_ref = {ref: (text, legend) for ref, text, legend in right}
    for ref, text, legend in left:
        if ref not in by_ref:
            yield change("query removed", before=text)
            continue
        after, new_legend = by_ref.pop(ref)
        yield change("query changed", text, after)
        if legend != new_legend:
            yield change("legend changed", legend, new_legend)
    for text, _ in by_ref.values():
        yield change("query added", after=text)


def same_query(old: str, new: str) -> bool:
    """Whether two texts ask the same: blanks, brackets without meaning and the order of matchers do not count."""
    return old == new or _plain(old) == _plain(new)


def _plain(text: str) -> Any:
    from regobs.promql.parse import parse  # noqa: PLC0415 - equal texts, which most are, need no parser
    from regobs.promql.walk import strip_parens  # noqa: PLC0415

    try:
        return _sorted(strip_parens(parse(text)))
    except PromqlError:
        return " ".join(text.split())


def _sorted(expr: Any) -> Any:
    from dataclasses import replace  # noqa: PLC0415

    from regobs.promql.nodes import Aggregate, Selector  # noqa: PLC0415
    from regobs.promql.walk import rebuild  # noqa: PLC0415

    def visit(node: Any) -> Any:
        if isinstance(node, Selector):
            return replace(node, matchers=tuple(sorted(node.matchers, key=str)))
        node = rebuild(node, visit)
        if isinstance(node, Aggregate) and node.labels is not None:
            return replace(node, labels=tuple(sorted(node.labels)))
        return node

    return visit(expr)


_KEYS: tuple[Callable[[ReadPanel], object], ...] = (
    lambda panel: (panel.row, panel.title),
    lambda panel: panel.title,
    lambda panel: panel.number,
    lambda panel: (panel.kind, panel.texts),
)


def panel_pairs(old: ReadDashboard, new: ReadDashboard) -> list[tuple[ReadPanel, ReadPanel]]:
    """Which panel is which: by row and title, else title, else id, else by what it asks; never an ambiguous one."""
    left, right = list(old.panels), list(new.panels)
    pairs: list[tuple[ReadPanel, ReadPanel]] = []
    for key in _KEYS:
        before, after = _once(left, key), _once(right, key)
        for found in [one for one in before if one in after]:
            pairs.append((before[found], after[found]))
            left.remove(before[found])
            right.remove(after[found])
    return pairs


def _once(panels: Iterable[ReadPanel], key: Callable[[ReadPanel], object]) -> dict[object, ReadPanel]:
    """The panels whose key no other one has."""
    found: dict[object, list[ReadPanel]] = {}
    for panel in panels:
        found.setdefault(key(panel), []).append(panel)
    return {one: same[0] for one, same in found.items() if len(same) == 1}


def _moved(pairs: list[tuple[ReadPanel, ReadPanel]], old: tuple[ReadPanel, ...]) -> set[ReadPanel]:
    """New panels that stand in another order than before among those that stayed in their row."""
    stayed = {after: before for before, after in pairs if before.row == after.row}
    place = {panel: index for index, panel in enumerate(old)}
    moved: set[ReadPanel] = set()
    for row in {panel.row for panel in stayed}:
        now = sorted((panel for panel in stayed if panel.row == row), key=lambda panel: panel.place)
        before = sorted(now, key=lambda panel: place[stayed[panel]])
        kept = SequenceMatcher(a=[panel.place for panel in before], b=[panel.place for panel in now], autojunk=False)
        in_order = {b + step for _, b, size in kept.get_matching_blocks() for step in range(size)}
        moved |= {panel for index, panel in enumerate(now) if index not in in_order}
    return moved


def _joined(texts: Iterable[str]) -> str:
    return "\n".join(texts)
