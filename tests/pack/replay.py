"""Replaying a recorded outage against the rules of a build: which alerts fire, and when.

A recording is OpenMetrics text with timestamps, gzipped. `promtool test rules` evaluates the rules over it, and
is asked every 15 s for what fires; a series without samples for 45 s is stale, as for Prometheus.
"""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.slo.packs import run_tests

STEP = 15  # seconds between samples of a recording
_LOST = 3  # samples that are away before a series is stale
_UNITS = {"h": 3600, "m": 60, "s": 1}
Values = dict[int, str]


@dataclass(frozen=True, slots=True)
class Fired:
    """An alert and when it fired, in unix seconds: at `start` for the first time, no more at `end`."""

    name: str
    labels: str
    start: int
    end: int


def load(recording: Path) -> dict[str, Values]:
    """The values of each series by the number of the step."""
    series: dict[str, Values] = defaultdict(dict)
    with gzip.open(recording, "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                head, value, time = line.rsplit(" ", 2)
                if value != "NaN":
                    series[head][int(float(time) // STEP)] = value
    return series


def notation(values: Values, first: int, last: int) -> str:
    """The values in promtool's notation."""
    words, away, begun = [], 0, False
    for step in range(first, last + 1):
        if step in values:
            words.append(repr(float(values[step])))
            away, begun = 0, True
        else:
            away += 1
            words.append("stale" if begun and away == _LOST else "_")
    return " ".join(words)


def replay(promtool: Path, recording: Mapping[str, Values], rules: list[Path], directory: Path) -> list[Fired]:
    """What fires, in the order of time, where `load` read the recording or it was made."""
    text = "\n".join(path.read_text() for path in rules)
    named = set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", text))
    series = {head: values for head, values in recording.items() if values and head.split("{")[0] in named}
    first = min(min(values) for values in series.values())
    last = max(max(values) for values in series.values())
    asked = [
        {"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{step * STEP}s", "exp_samples": []}
        for step in range(last - first + 1)
    ]
    test = {
        "interval": f"{STEP}s",
        "input_series": [{"series": head, "values": notation(values, first, last)} for head, values in series.items()],
        "promql_expr_test": asked,
    }
    order = re.findall(r"^- name: (\S+)$", text, re.MULTILINE)
    file = directory / "replay.test.yaml"
    document = {
        "rule_files": [str(path) for path in rules],
        "evaluation_interval": f"{STEP}s",
        "group_eval_order": order,
        "tests": [test],
    }
    file.write_text(json.dumps(document))
    done = run_tests(promtool, file)
    return sorted(_spans(done.stdout + done.stderr, first), key=lambda one: (one.start, one.name))


def _spans(said: str, first: int) -> Iterator[Fired]:
    """From promtool's complaints about what it got, to spans of time."""
    at: dict[tuple[str, str], list[int]] = defaultdict(list)
    for after, got in re.findall(r"time: (\S+?),\s+exp:[^\n]*\n\s+got: ([^\n]*)", said):
        seconds = sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([hms])", after))
        for labels in re.findall(r"\{(.*?)\} 1E\+00", got):
            name = re.search(r'alertname="(\w+)"', labels)
            others = re.sub(r'(__name__|alertname|alertstate|job|severity)="[^"]*",? ?', "", labels)
            if name:
                at[name[1], others.strip(", ")].append(first * STEP + seconds)
    for (name_, labels), times in at.items():
        start = times[0]
        for before, now in zip(times, [*times[1:], None], strict=True):
            if now is None or now - before > STEP:
                yield Fired(name_, labels, start, before + STEP)
                start = now if now is not None else 0
