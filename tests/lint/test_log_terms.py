# ruff: noqa: E501 - a table
"""Misspelt fields and messages wherever a query in LogQL or KQL, or a text for people, may name one."""

from __future__ import annotations

import pytest

from tests.lint.cases import alert, board, found, panel

_LOKI = {"type": "loki", "uid": "logs"}
_APP = '{app="registry"}'
_FIELD, _MESSAGE = "unknown-log-field", "unknown-log-message"
_QUERIES = [
    (_FIELD, f"{_APP} | json | duration_mss > 10", f"{_APP} | json | duration_ms > 10"),
    (_FIELD, f"{_APP} | json | duration_mss > 10", f"{_APP} | duration_mss > 10"),
    (_FIELD, f"{_APP} | json | duration_mss>=1.5s", f'{_APP} | json | msg="duration_mss > 10"'),
    (_FIELD, f"sum by (corelation_id) (count_over_time({_APP} | json [5m]))", f"sum by (correlation_id, pod) (count_over_time({_APP} | json [5m]))"),
    (_FIELD, f"sum without (pod, corelation_id) (rate({_APP} | json [5m]))", f"sum without (pod) (rate({_APP} | json [5m]))"),
    (_FIELD, f"avg_over_time({_APP} | json | unwrap duration_mss [5m])", f"avg_over_time({_APP} | json | unwrap duration_ms [5m])"),
    (_FIELD, f"avg_over_time({_APP} | json | unwrap duration(duration_mss) [5m])", f"avg_over_time({_APP} | json | unwrap duration(duration_ms) [5m])"),
    (_FIELD, f"{_APP} | json | keep msg, corelation_id", f"{_APP} | json | drop msg, correlation_id"),
    (_FIELD, f'{_APP} | json | line_format "{{{{.corelation_id}}}}"', f'{_APP} | json | label_format corelation_id=correlation_id | line_format "{{{{.corelation_id}}}}"'),
    (_MESSAGE, f'{_APP} |~ "(?i)replica quarantind"', f'{_APP} |~ "(?i)replica quarantined"'),
    (_MESSAGE, f"{_APP} |~ `replica quarantind`", f"{_APP} |~ `replica quarantind.*`"),
    (_MESSAGE, f'{_APP} |~ "blob downloded|other text"', f'{_APP} |~ "blob downloaded|other text"'),
    (_MESSAGE, f'{_APP} |= "replica quarantind"', f'{_APP} |= "replica retired"'),
    (_MESSAGE, f'{_APP} != "blob downloded" | json', f'{_APP} | json | path != "blob downloded"'),
    (_MESSAGE, f'{_APP} |= "GET" !~ "blob downloded"', f'{_APP} |= "GET" !~ "blob downloaded"'),
]  # fmt: skip


def _of(query: str) -> set[str]:
    target = {"refId": "A", "expr": query, "datasource": _LOKI}
    return found(board({"id": 1, "type": "logs", "title": "Logs", "datasource": _LOKI, "targets": [target]}))


@pytest.mark.parametrize(("check", "wrong", "right"), _QUERIES)
def test_a_query_is_found_and_what_looks_like_it_is_not(check: str, wrong: str, right: str) -> None:
    assert check in _of(wrong)
    assert check not in _of(right)


_TEXTS = [
    (_MESSAGE, 'See the message "blob downloded".', 'See the message "blob downloaded".'),
    (_MESSAGE, 'See the message "blob downloded".', 'Of "blob downloded" nothing is said here.'),
    (_MESSAGE, 'See the message "replica quarantind".', 'See the state "replica quarantind" in the log.'),
    (_FIELD, "See json.corelation_id.", "See json.correlation_id."),
    (_FIELD, "See `json.corelation_id`.", "See `json.correlation_id`."),
    (_FIELD, "The log has `corelation_id`.", "The answer has `corelation_id`."),
]


@pytest.mark.parametrize(("check", "wrong", "right"), _TEXTS)
def test_a_text_beside_a_query_of_the_registry_is_found(check: str, wrong: str, right: str) -> None:
    expr = "sum(registry_http_in_flight_requests) > 5"
    for text, is_wrong in ((wrong, True), (right, False)):
        texts = {"summary": text, "runbook_url": "https://example.com/Something"}
        assert (check in found(alert(expr, annotations=texts))) is is_wrong
        assert (check in found(panel(expr, description=text))) is is_wrong
    assert check not in found(panel("sum(up)", description=wrong))
