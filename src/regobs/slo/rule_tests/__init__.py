"""Generated tests: promtool files that show each SLO's rules counting, firing and staying silent.

Five kinds of files, each with the steps of time that its subject needs:

- `counting` feeds the counters and gauges of the registry and evaluates as often as the rules are: which events are
  counted, which values are bad, and one outage from its first minute to half an hour after it;
- `burning` feeds windows of an hour and less, and evaluates each minute or so: thresholds, evidence, beginning and end;
- `falling` feeds hours: evidence that a burn falls, of the short windows of tickets;
- `summing` feeds the windows that longer ones are laid together from, one sample a window, hours or a day apart.

Most SLOs of a pack have the same rules but for names, for what is promised, and for the events that they count: the
same `shape`. One SLO of each shape has all tests. The others have those of what may differ: the events counted, names,
labels and texts of every alert, both sides of every threshold, where it ends, and how much is evidence.
"""

from __future__ import annotations

import json
import re
from typing import Any

from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.alerts import NAMES
from regobs.slo.model import Slo, Windows, window_text
from regobs.slo.rule_tests import burning, counting, ending, summing
from regobs.slo.rule_tests.bench import Bench
from regobs.slo.rule_tests.measured import fed_values

Json = dict[str, Any]


_COUNTING_RULES = 2  # events and bad events of an evaluation: the first rules of an SLO, and its own


def shape(slo: Slo, group: Json) -> str:
    """The rules of an SLO without names, texts, target and budget, and without those that count events: to compare."""
    rules = [{**rule, "annotations": {}} for rule in group["rules"][_COUNTING_RULES:]]
    text = _without_names(slo, [group["interval"], rules])
    return re.sub(rf"(?<![\w.])(?:{slo.budget}|{slo.target})(?![\w.])", "<promised>", text)


def _without_names(slo: Slo, data: object) -> str:
    text = json.dumps(data)
    names = [slo.title, slo.name, NAMES[slo.sli]]
    pairs = [(json.dumps(name)[1:-1], f"<{place}>") for place, name in enumerate(names)]
    pairs += [(json.dumps({label: value})[1:-1], f"<{label}>") for label, value in slo.labels.items() if label != "slo"]
    for old, new in pairs:
        text = text.replace(old, new)
    return text


def test_files(slo: Slo, windows: Windows, config: Config, rules: str, *, whole: bool) -> dict[str, Json]:
    """Test files by name, as data; `rules` is the path of the SLO's rule file from there.

    Not `whole`: another SLO of the same shape has all tests. What compares an expression, whose value no test can feed,
    is whole but for the sums.
    """
    bench = Bench(slo, windows, config)
    first, whole = whole, whole or not (bench.counters or fed_values(slo, config))
    found = {
        "counting": (bench.every, counting.groups(bench, whole=whole, outage=first)),
        "burning": (bench.minute, burning.groups(bench) if whole else burning.own_groups(bench)),
    }
    step, falling = ending.groups_of_hours(bench, whole=whole)
    found["falling"] = (step, falling)
    for step, groups in (summing.groups(bench) if first else {}).items():
        found[f"summing-{window_text(Duration(step))}"] = (step, groups)
    return {
        f"{slo.name}.{kind}.test.yaml": _file(rules, step, groups) for kind, (step, groups) in found.items() if groups
    }


def _file(rules: str, step: int, groups: list[Json]) -> Json:
    return {"rule_files": [rules], "evaluation_interval": window_text(Duration(step)), "tests": groups}
