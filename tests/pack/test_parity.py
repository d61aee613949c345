"""docs/parity.md names only panels that exist, and says why for what is not here."""

from __future__ import annotations

import re

from regobs.grafana.load import load_dashboard
from tests.pack.test_dashboards import FILES, ROOT

PAGE = (ROOT / "docs" / "parity.md").read_text(encoding="utf-8")
LINES = [re.split(r" \| ", line.strip("| ")) for line in PAGE.splitlines() if line.startswith("| ")]
ROWS = [row for row in LINES if row[0] not in {"there", "---"}]
OURS = {
    (path.name.split(".")[0], panel.title)
    for path in FILES
    for row in load_dashboard(path).rows
    for panel in row.panels
}


def named(text: str) -> list[tuple[str, ...]]:
    return [tuple(name.split(" / ", 1)) for name in re.findall(r"`([\w-]+ / [^`]+)`", text)]


def test_every_panel_that_the_page_names_exists() -> None:
    names = [name for _, here in ROWS for name in named(here)]
    assert len(names) > 120
    assert [name for name in names if name not in OURS] == []


def test_every_line_names_a_panel_or_says_why_not() -> None:
    assert len(ROWS) > 80
    assert [row for row in ROWS if len(row) != 2 or not (named(row[1]) or re.match(r"not .*here: \w", row[1]))] == []


def test_no_line_stands_twice() -> None:
    there = [row[0] for row in ROWS]
    assert len(there) == len(set(there))


def test_what_is_left_out_is_little() -> None:
    assert sum(not named(here) for _, here in ROWS) <= 12
