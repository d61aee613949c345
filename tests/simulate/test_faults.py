"""The schedule of faults: what can be read, and from when to when a fault is active."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.simulate.faults import Fault, FaultName, Schedule


@given(st.sampled_from(FaultName), st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_written_fault_is_read_as_it_was(name: FaultName, start: int, duration: int) -> None:
    assert Fault.parse(f"{name}@{start}s+{duration}s") == Fault(name, start, duration)


def test_a_time_may_have_several_units() -> None:
    assert Fault.parse("no-traffic@0+1h30m") == Fault(FaultName.NO_TRAFFIC, 0, 5400)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("error-burst", "can not be read"),
        ("error-burst@2m", "can not be read"),
        ("eror-burst@2m+5m", "no such fault"),
        ("error-burst@soon+5m", "the start of error-burst@soon"),
        ("error-burst@2m+", "can not be read"),
        ("error-burst@2m+-5m", "the duration of"),
        ("error-burst@$__range+5m", "the start of"),
        ("error-burst@2m+0", "takes some time"),
    ],
)
def test_what_is_no_fault_is_refused(text: str, part: str) -> None:
    with pytest.raises(InputError, match=part):
        Fault.parse(text)


def test_a_fault_is_active_from_its_start_and_no_longer_at_its_end() -> None:
    fault = Fault(FaultName.REDIS_LOSS, 10, 20)
    assert [fault.progress(at) for at in (9.9, 10, 20, 29.9, 30)] == [None, 0, 0.5, pytest.approx(0.995), None]


def test_of_two_faults_of_one_name_the_further_one_counts() -> None:
    schedule = Schedule([Fault(FaultName.LATENCY_RAMP, 0, 100), Fault(FaultName.LATENCY_RAMP, 40, 100)])
    assert schedule.active(50) == {FaultName.LATENCY_RAMP: 0.5}
    assert schedule.active(120) == {FaultName.LATENCY_RAMP: 0.8}
    assert schedule.active(140) == {}
