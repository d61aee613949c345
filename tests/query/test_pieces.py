"""Long ranges in pieces: each point once, in passing failures asked again, merged in order."""

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.thanos import PLAIN
from regobs.promql import parse, to_text
from regobs.query.cache import is_window
from regobs.query.complete import answer_gaps
from regobs.query.pieces import ATTEMPTS, fixed, merged, query_pieces, split, windows
from regobs.query.times import AskedRange
from tests.prometheus.stub import Reply, Request, Stub, success

RANGES = st.builds(
    lambda start, length, step: AskedRange(start, start + length, step),
    st.integers(0, 10**13),
    st.integers(0, 10**6),
    st.integers(1, 10**5),
).filter(lambda asked: asked.points < 10_000)


@given(RANGES, st.integers(1, 500))
def test_pieces_have_each_point_of_the_range_once(asked: AskedRange, most: int) -> None:
    parts = list(split(asked, most))
    points = [point for part in parts for point in range(part.start, part.end + 1, part.step)]
    assert points == list(range(asked.start, asked.end + 1, asked.step))
    assert all(part.points <= most for part in parts)


@given(RANGES, st.integers(1, 500), st.integers(0, 2_000))
def test_windows_have_each_point_once_and_do_not_move_with_the_range(asked: AskedRange, most: int, later: int) -> None:
    parts = list(windows(asked, most))
    points = [point for part in parts for point in range(part.start, part.end + 1, part.step)]
    assert points == list(range(asked.start, asked.end + 1, asked.step))
    assert all(is_window(part, most) for part in parts[1:])
    moved = AskedRange(asked.start + later * asked.step, asked.end + later * asked.step, asked.step)
    whole, other = ([part for part in windows(one, most) if part.points == most] for one in (asked, moved))
    shared = [part for part in whole if is_window(part, most) and part.start >= moved.start]
    assert [part for part in other if is_window(part, most) and part.end <= asked.end] == shared


def test_the_ends_of_the_range_stay_those_of_the_whole() -> None:
    asked = AskedRange(1_000_000, 2_000_500, 1000)
    text = "up @ start() - rate(x[5m] @ end()) + max_over_time(up[5m:1m] @ end()) + y @ 7"
    shown = "up @ 1000 - rate(x[5m] @ 2000.5) + max_over_time(up[5m:1m] @ 2000.5) + y @ 7"
    assert fixed(parse(text), asked) == parse(shown)
    assert to_text(fixed(parse("up"), asked)) == "up"


def matrix(*values: tuple[int, str]) -> Reply:
    return success({"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": [list(v) for v in values]}]})


def ask(stub: Stub, waits: list[float]) -> Callable[[], object]:
    server = Prometheus(stub.url)
    return lambda: query_pieces(server, "up", AskedRange(0, 3000, 1000), most=2, sleep=waits.append)


def test_two_pieces_make_one_series() -> None:
    with Stub({"/api/v1/query_range": matrix((0, "1"), (1, "2"))}) as stub, Prometheus(stub.url) as server:
        done: list[tuple[int, int]] = []
        answer = query_pieces(server, "up", AskedRange(0, 3000, 1000), most=2, report=lambda *count: done.append(count))
        assert [len(series.points) for series in answer.ranges] == [4]
        assert sorted((r.params["start"], r.params["end"]) for r in stub.requests) == [
            (["0.0"], ["1.0"]),
            (["2.0"], ["3.0"]),
        ]
        assert done == [(1, 2), (2, 2)]


def moved_by(shift: Callable[[float], float]) -> Callable[[Request], Reply]:
    """A server that moves the moments of a range that begins at a second by what `shift` says of it."""

    def answer(request: Request) -> Reply:
        start, end, step = (float(request.params[name][0]) for name in ("start", "end", "step"))
        moments = [start + number * step for number in range(int((end - start) / step) + 1)]
        values = [[moment + shift(start), "1"] for moment in moments]
        return success({"resultType": "matrix", "result": [{"metric": {"a": "b"}, "values": values}]})

    return answer


def test_a_server_that_moves_one_piece_of_several_is_an_error() -> None:
    stub = Stub({"/api/v1/query_range": moved_by(lambda start: 0.0 if start < 2 else -0.25)})
    with stub, Prometheus(stub.url) as server, pytest.raises(ServerError, match="not all by the same time") as error:
        query_pieces(server, "up", AskedRange(0, 3000, 1000), most=2)
    assert "0.75 s from 2 on, 0 s before" in str(error.value)


@pytest.mark.parametrize("most", [2, 100])
def test_a_server_that_moves_all_moments_is_told(most: int) -> None:
    stub = Stub({"/api/v1/query_range": moved_by(lambda _: -0.25)})
    with stub, Prometheus(stub.url) as server:
        answer = query_pieces(server, "up", AskedRange(0, 3000, 1000), most=most)
    assert answer.warnings == ("the server answers at other moments than were asked, by 0.75 s",)
    assert not answer_gaps(answer, PLAIN)


def test_a_refusal_with_retry_after_is_waited_for_and_then_an_error() -> None:
    waits: list[float] = []
    busy = Reply(429, "slow down", "text/plain", {"Retry-After": "3", "Content-Length": "9"})
    with Stub({"/api/v1/query_range": busy}) as stub:
        with pytest.raises(ServerError, match="too many requests") as error:
            ask(stub, waits)()
        assert "Retry-After: 3 s" in str(error.value)
        assert set(waits) == {3.0}
        attempts = Counter(request.params["start"][0] for request in stub.requests)
        assert max(attempts.values()) == ATTEMPTS  # the piece that fails first may stop the other between two attempts
        assert set(attempts) <= {"0.0", "2.0"}


def test_a_wait_that_nobody_would_wait_is_an_error_at_once() -> None:
    waits: list[float] = []
    busy = Reply(429, "", "text/plain", {"Retry-After": "600", "Content-Length": "0"})
    with Stub({"/api/v1/query_range": busy}) as stub, pytest.raises(ServerError, match="too many requests"):
        ask(stub, waits)()
    assert waits == []


def test_a_piece_that_fails_for_good_fails_the_whole() -> None:
    with Stub({"/api/v1/query_range": Reply(200, '{"status": "success", "data": {"resul')}) as stub:
        waits: list[float] = []
        with pytest.raises(ServerError, match="breaks off"):
            ask(stub, waits)()
        assert waits


def test_warnings_of_all_pieces_are_kept_once() -> None:
    from regobs.prometheus import QueryAnswer

    parts = [QueryAnswer("matrix", warnings=("a",)), QueryAnswer("matrix", warnings=("a", "b"), partial=True)]
    assert (merged(parts).warnings, merged(parts).partial) == (("a", "b"), True)
