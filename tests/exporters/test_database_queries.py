"""What the queries of the metadata database say beside SQL."""

from __future__ import annotations

import pytest

from regobs.exporters.database_queries import QueueDrain, bloat_query


def looked(*looks: tuple[float, float]) -> float | None:
    drain, found = QueueDrain(), None
    for at, overdue in looks:
        found = drain.look(at, overdue)
    return found


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0, 0)], 0),
        ([(0, 50)], None),
        ([(0, 50), (599, 40)], None),
        ([(0, 50), (600, 40)], 2400),  # ten in 600 s, forty are left
        ([(0, 50), (600, 50)], float("inf")),
        ([(0, 50), (600, 60)], float("inf")),
        ([(0, 50), (60, 0)], 0),
        ([(0, 900), (1000, 500), (4600, 400)], 14400),  # the look of 4,600 s ago no longer counts
        ([(0, 900), (1000, 500), (4601, 400)], None),  # nor the one of 3,601 s ago: no pace is known
    ],
)
def test_the_time_until_a_queue_is_drained(looks: list[tuple[float, float]], expected: float | None) -> None:
    assert looked(*looks) == expected


def test_the_estimate_of_bloat_is_the_one_of_the_pack() -> None:
    query = bloat_query()
    assert "pg_stats" in query.sql
    assert query.sql.count("sum(bloat_bytes)") == 2
    assert "%(" not in query.sql
