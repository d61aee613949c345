"""The place of a problem is that of what is wrong, also where the same text stands elsewhere in the query."""

from __future__ import annotations

import tracemalloc

import pytest

from regobs.documents import load_yaml_all
from regobs.lint import lint_text
from regobs.lint.sources import YamlSource

SHARE = 'sum(rate(registry_http_requests_total{code=~"5.."}[5m])) / sum(rate(registry_http_requests_total[5m]))'


@pytest.mark.parametrize(
    ("query", "check", "column"),
    [
        (f"{SHARE} > 5", "ratio-compared-with-percent", len(SHARE) + 4),
        (f"5 < {SHARE}", "ratio-compared-with-percent", 1),
        ('rate(process_open_fds{job="process_open_fds"}[5m])', "rate-of-gauge", 6),
    ],
)
def test_a_problem_stands_at_the_word_that_is_wrong(query: str, check: str, column: int) -> None:
    [found] = [one for one in lint_text(query).findings if one.check == check]
    assert (found.line, found.column) == (1, column)


@pytest.mark.parametrize("more", ["", "\\t"])
def test_a_place_in_a_long_text_takes_few_bytes_a_character(more: str) -> None:
    text = f"""groups: [{{name: a, rules: [{{alert: b, expr: "{"up + " * 40_000}{more} rate(up[10s]) > 1"}}]}}]"""
    source = YamlSource("a.yaml", text, load_yaml_all(text, "a.yaml")[0])
    path = ("groups", 0, "rules", 0, "expr")
    value = source.document.data["groups"][0]["rules"][0]["expr"]
    tracemalloc.start()
    start, end = source.within(path, value, value.index("rate"), value.index("rate") + 4)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert text[start:end] == "rate"
    assert peak < 40 * len(text)
