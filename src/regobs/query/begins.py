"""When the data of a selector begins, found by few small questions."""

from __future__ import annotations

from contextlib import suppress

from regobs.errors import QueryError
from regobs.prometheus import Prometheus

_POINTS = 100  # of one question: each narrows the time down to a hundredth
_FINEST = 15_000  # ms
_CLOSER = 10


def first_sample(prometheus: Prometheus, selector: str, start: float, end: float) -> float | None:
    """The time of the first sample between two moments (seconds since 1970), None when none is found.

    Data that ended, and lasted for less than a hundredth of the time up to the end, may be missed, and what a server
    refuses is not known.
    """
    low, high, found = int(start * 1000), int(end * 1000), False
    with suppress(QueryError):
        while (high - low > _FINEST) or not found:
            step = max((high - low) // _POINTS, _FINEST)
            first = _first_point(prometheus, f"count({selector})", low, high, step)
            if first is None and not found and step > _FINEST:  # none at so few moments: look closer before the end
                low = high - (high - low) // _CLOSER
                continue
            if first is None:
                break
            low, high, found = max(low, first - step), first, True
            if step == _FINEST:
                break
        if found:
            exact = f"min(min_over_time(timestamp({selector})[{_FINEST // 1000 + 1}s:1s]))"
            behind = high / 1000 + 1  # a sample between two whole seconds shows at the second
            return min((one.value for one in prometheus.query(exact, behind).samples), default=high / 1000)
    return high / 1000 if found else None


def _first_point(prometheus: Prometheus, text: str, low: int, high: int, step: int) -> int | None:
    start = high + (low - high) // step * step  # so that the end is a point
    answer = prometheus.query_range(text, start / 1000, high / 1000, step / 1000)
    times = [round(time * 1000) for series in answer.ranges for time, _ in series.points]
    return min(times, default=None)
