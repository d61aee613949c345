"""Generated tests: promtool files that show each SLO's alerts firing and staying silent, on both sides of every edge.

Three files an SLO. `edges` and `course` feed the counters and evaluate as often as the rules are; `windows` is about
windows of days, so it feeds the recorded sums that those are made of, and evaluates rarely.
"""

from __future__ import annotations

from typing import Any

from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo import course, edges, long_windows
from regobs.slo.bench import Bench
from regobs.slo.model import Slo, Windows, window_text

Json = dict[str, Any]


def test_files(slo: Slo, windows: Windows, config: Config, rules: str, budget: str) -> dict[str, Json]:
    """Test files by name, as data; `rules` and `budget` are the paths of the SLO's rule files from there."""
    bench = Bench(slo, windows, config)
    found = {
        f"{slo.name}.edges.test.yaml": _file([rules, budget], bench.step, edges.groups(bench)),
        f"{slo.name}.course.test.yaml": _file([rules], bench.step, course.groups(bench)),
    }
    rare = long_windows.groups(bench)
    if rare:
        found[f"{slo.name}.windows.test.yaml"] = _file([rules], long_windows.every(bench), rare)
    return found


def _file(rule_files: list[str], step: int, groups: list[Json]) -> Json:
    return {"rule_files": rule_files, "evaluation_interval": window_text(Duration(step)), "tests": groups}
