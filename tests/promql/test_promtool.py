"""What the builders print is what Prometheus reads: real promtool, of every version that is installed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from regobs.promql import (
    Matcher,
    MatchOp,
    Scope,
    age,
    any_of,
    bind,
    inject,
    mean,
    other_than,
    quantile,
    rate,
    ratio,
    raw,
    select,
    shifted,
    to_text,
    top,
    total,
    within,
)
from tests.promql.local import DISTRIBUTION_WORDS, DURATION, GITLAB_WORDS, IN_FLIGHT, REQUESTS, SIZE, START, lookup

PLACES = ["promtool", str(Path("~/go/bin/promtool").expanduser())]
PROMTOOLS = list(dict.fromkeys(found for place in PLACES if (found := shutil.which(place))))
ERRORS = select(REQUESTS, code="5xx", route=other_than("base"))
EXPRESSIONS = [
    rate(select(REQUESTS, route=("manifest", "blob"), method=("get", "head")), by=("route", "code"), window="5m"),
    quantile(0.99, DURATION, by="route", window="1h30m"),
    within(1, DURATION, window="5m"),
    within(1048576, SIZE, by="route", window="5m"),
    mean(SIZE, window="5m"),
    ratio(rate(ERRORS, window="5m"), rate(REQUESTS, window="5m")),
    shifted(top(5, rate(REQUESTS, by="route", window="90d")), "1w"),
    age(START, by="instance"),
    any_of([total(IN_FLIGHT), raw("vector(0)")]),
    raw("-up ^ 2 * -(up + 0.00144) / on (job) group_left (version) (up > bool 1e-12) % Inf"),
    raw(r'label_replace(up{a="\"\\\n\t$x", b=~"1|1\\.0"}, "x", "$1", "y", "(.*)")'),
    raw("max_over_time(sum without () (up offset -5m)[1h:5m] @ end()) or up @ 12.5 unless up"),
    raw('count_values by (job) ("v", up) >= bool ignoring (v) quantile by () (0.5, up)'),
]
SCOPE = Scope((Matcher("job", MatchOp.EQUAL, "registry"),), (Matcher("env", MatchOp.REGEX, "a|b"),), ("env",))


@pytest.mark.server
@pytest.mark.skipif(not PROMTOOLS and not os.environ.get("CI"), reason="promtool is not installed")
def test_promtool_reads_what_we_print(tmp_path: Path) -> None:
    texts = [
        to_text(inject(bind(expr, words, lookup=lookup), SCOPE, lookup=lookup))
        for expr in EXPRESSIONS
        for words in (GITLAB_WORDS, DISTRIBUTION_WORDS)
    ]
    rules = [{"record": f"test:rule{number}", "expr": text} for number, text in enumerate(texts)]
    file = tmp_path / "all.rules.yaml"  # JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}), encoding="utf-8")
    assert PROMTOOLS, "promtool is not installed"
    for promtool in PROMTOOLS:
        done = subprocess.run([promtool, "check", "rules", str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(rules)} rules found" in done.stdout
