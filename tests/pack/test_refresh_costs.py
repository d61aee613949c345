"""The table of docs/grafana.md of what a refresh costs: it has every dashboard, and the figures of the benchmark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = (ROOT / "docs" / "grafana.md").read_text(encoding="utf-8")
_COMMAND = re.compile(r"`python (benchmarks/overview_samples\.py[^`]*)`")
NEAR = 0.02  # where the two hours begin decides which samples of an evaluation are in a window


def written() -> dict[str, int]:
    """The table: dashboards and their samples, in thousands rounded."""
    table = DOCS.partition("## What a refresh costs")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d ]+) \|$", table, re.MULTILINE)
    return {slug: int(count.replace(" ", "")) for slug, count in rows}


def test_the_table_has_every_dashboard() -> None:
    slugs = {path.name.partition(".")[0] for path in (ROOT / "dashboards").glob("*.dashboard.py")}
    assert set(written()) == slugs


@pytest.mark.long
@pytest.mark.server
@pytest.mark.timeout(1800)
def test_the_table_says_what_the_benchmark_counts() -> None:
    found = _COMMAND.search(DOCS)
    assert found is not None
    done = subprocess.run([sys.executable, *found[1].split()], cwd=ROOT, capture_output=True, text=True, check=False)
    counted = re.findall(r"^([\w-]+) +\d+ +\d+ +([\d,]+)$", done.stdout, re.MULTILINE)
    assert {slug: int(count.replace(",", "")) for slug, count in counted} == {
        slug: pytest.approx(count, rel=NEAR, abs=1000) for slug, count in written().items()
    }, done.stderr
    raw = re.search(r"would read ([\d ]+) without recording rules", DOCS)
    assert raw is not None
    assert int(raw[1].replace(" ", "")) == pytest.approx(_last_raw(done.stdout), rel=NEAR)


def _last_raw(text: str) -> int:
    """What a refresh of the Overview reads without recorded series, of the last setting listed: every capability."""
    return int(re.findall(r"^one refresh over the range +[\d,]+ +([\d,]+)", text, re.MULTILINE)[-1].replace(",", ""))
