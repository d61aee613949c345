from __future__ import annotations

from regobs.catalog import build_info, database, gc, notifications
from regobs.instrument import Instruments
from regobs.instrument.core.recorder import Recorder
from regobs.testing import sample


def test_a_family_that_the_flavor_lacks_is_not_recorded_and_is_no_error() -> None:
    instruments = Instruments("distribution", strict=True)
    recorder = Recorder(instruments, database.QUERIES)
    recorder.add(1, name="tag_find_all")
    recorder.put(1, name="tag_find_all")
    recorder.observe(1, name="tag_find_all")
    assert recorder.child(name="tag_find_all") is None
    assert not recorder.has("name", "tag_find_all")
    assert instruments.render() == b""


def test_a_label_that_the_version_lacks_is_left_out() -> None:
    instruments = Instruments("gitlab", version="3.17.0", strict=True)
    Recorder(instruments, gc.RUNS).add(1, worker="blob", noop=True, error=False, dangling=False, event="")
    assert b'{error="false",noop="true",worker="registry.gc.worker.BlobWorker"} 1' in instruments.render()


def test_a_value_is_known_only_of_a_closed_label() -> None:
    recorder = Recorder(Instruments("gitlab"), notifications.EVENTS)
    assert recorder.has("type", "Dropped")
    assert not recorder.has("type", "Errors")
    assert not recorder.has("endpoint", "x")
    assert not recorder.has("nothing", "x")


def test_a_gauge_is_put_and_added() -> None:
    instruments = Instruments("gitlab", strict=True)
    recorder = Recorder(instruments, notifications.PENDING)
    recorder.put(5, endpoint="a")
    recorder.add(-2, endpoint="a")
    assert sample(instruments, notifications.PENDING, endpoint="a") == 3
    assert build_info.BUILD.name not in instruments.render().decode()
