"""The place of a problem is that of what is wrong, also where the same text stands elsewhere in the query."""

from __future__ import annotations

import pytest

from regobs.lint import lint_text

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
