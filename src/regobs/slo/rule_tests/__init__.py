"""Generated tests: promtool files that show each SLO's rules counting, firing and staying silent.

Four kinds of files, each with the steps of time that its subject needs:

- `counting` feeds the counters of the registry and evaluates as often as the rules are: which events are counted, and
  one outage from its first minute to half an hour after it;
- `burning` feeds windows of an hour and less, and evaluates each minute or so: thresholds, evidence, beginning and end;
- `summing` feeds the windows that longer ones are laid together from, one sample a window, hours or a day apart.
"""

from __future__ import annotations

from typing import Any

from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.model import Slo, Windows, window_text
from regobs.slo.rule_tests import burning, counting, summing
from regobs.slo.rule_tests.bench import Bench

Json = dict[str, Any]


def test_files(slo: Slo, windows: Windows, config: Config, rules: str) -> dict[str, Json]:
    """Test files by name, as data; `rules` is the path of the SLO's rule file from there."""
    bench = Bench(slo, windows, config)
    found = {
        "counting": (bench.every, counting.groups(bench)),
        "burning": (bench.minute, burning.groups(bench)),
        **{f"summing-{window_text(Duration(step))}": (step, groups) for step, groups in summing.groups(bench).items()},
    }
    return {
        f"{slo.name}.{kind}.test.yaml": _file(rules, step, groups) for kind, (step, groups) in found.items() if groups
    }


def _file(rules: str, step: int, groups: list[Json]) -> Json:
    return {"rule_files": [rules], "evaluation_interval": window_text(Duration(step)), "tests": groups}
