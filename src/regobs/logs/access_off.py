"""Requests that a query does not see: those of a GitLab registry that writes no access lines.

With `log.accesslog.disabled: true` it writes `response completed` among its application lines instead, for answers of
200 to 399 only, with status, bytes and duration in fields of their own. Source: GitLab Container Registry 4.x.
"""

from __future__ import annotations

from regobs.common.counts import counted
from regobs.logs.answer import Answer
from regobs.logs.fields import FIELDS
from regobs.logs.kql import condition as kinds
from regobs.logs.kql.bind import condition
from regobs.logs.query import Clause, MetricKind, Query, QueryMetric

_STATUS = FIELDS["status"]
_INSTEAD = 'msg: "response completed" and http_response_status: *'


def access_off(query: Query) -> Query | None:
    """Counts the lines that stand in place of access lines; None for a query that asks for no access lines."""
    if not any(field.name == _STATUS.name for field in kinds.fields_of(query.where.condition)):
        return None
    where = Clause(_INSTEAD, condition(_INSTEAD))
    return Query("access-off", where=where, metrics=(QueryMetric("lines", MetricKind.COUNT),))


def note(answer: Answer) -> str:
    """What to tell of the answer of such a query: nothing where there is no such line."""
    lines = int(str(answer.rows[0][0])) if answer.rows else 0
    if not lines:
        return ""
    return (
        f"{counted(lines, 'line')} `response completed` of a registry with log.accesslog.disabled: true "
        f"{'is' if lines == 1 else 'are'} no access line{'' if lines == 1 else 's'} and not in the answer: set it to "
        "false, or ask regobs logs query 'http_response_status: *' FILES --by method,http_response_status"
    )
