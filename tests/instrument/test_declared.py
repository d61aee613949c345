"""What an application has and the catalog has not: own values, own metrics, and a word about what was refused."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from regobs.catalog import database, gc, http, instrument, storage
from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Flavor, Unit
from regobs.errors import InstrumentError
from regobs.instrument import Instruments
from regobs.instrument.adapters.sql import Queries
from regobs.instrument.adapters.storage import observed_driver
from regobs.testing import sample
from tests.instrument.test_bad_input import Driver

_mirror = Component("mirror")
PULLS = _mirror.counter("mirror_pulls_total", Unit.EVENTS, "Pulls.", form(Flavor.GITLAB, labels=labels("upstream")))


def test_declared_values_are_taken_and_others_still_overflow() -> None:
    instruments = Instruments("gitlab", strict=True)
    instruments.declare([database.QUERIES, database.QUERY_DURATION], name=["mirror_find"])
    queries = Queries(instruments)
    for name in ("mirror_find", "tag_find_all", "mirror_nobody_declared"):
        queries.record(name, 0.1)
    for metric in (database.QUERIES, database.QUERY_DURATION):
        assert sample(instruments, metric, name="tag_find_all") == 1
    shown = instruments.render().decode()
    assert f'{database.QUERIES}{{name="mirror_find"}} 1' in shown
    assert f'{database.QUERIES}{{name="other"}} 1' in shown
    assert "nobody" not in shown


def test_a_driver_and_an_action_of_their_own() -> None:
    instruments = Instruments("gitlab", strict=True)
    instruments.declare(storage.ACTIONS, driver="swift", action=["Lock"])
    observed_driver(Driver(), instruments, "swift", methods={"get": "Lock"}).get("/a")
    assert b'action="Lock",driver="swift"' in instruments.render()


def test_declared_values_are_zeroed_like_those_of_the_catalog() -> None:
    instruments = Instruments("gitlab", strict=True)
    instruments.declare(gc.RUNS, event=["mirror_expired"])
    instruments.counter(gc.RUNS).zero(worker="blob", noop=False, error=False, dangling=False)
    assert b'event="mirror_expired"' in instruments.render()


@pytest.mark.parametrize(
    "values", [{"name": [f"q{n}" for n in range(101)]}, {"nope": ["a"]}, {"name": [None]}, {"name": ["x" * 201]}]
)
def test_what_cannot_be_declared_is_an_error_in_production_too(values: dict[str, list[str]]) -> None:
    with pytest.raises(InstrumentError, match="cannot be declared"):
        Instruments("gitlab").declare(database.QUERIES, **values)


def test_a_metric_of_the_application_is_in_the_same_exposition(tmp_path: Path) -> None:
    instruments = Instruments("gitlab", strict=True)
    instruments.declare(PULLS)
    instruments.counter(PULLS).child(upstream="docker.io").inc()
    assert b'# TYPE mirror_pulls_total counter\nmirror_pulls_total{upstream="docker.io"} 1\n' in instruments.render()


def test_a_metric_of_the_application_is_summed_over_processes(tmp_path: Path) -> None:
    code = f"""
        import os
        from regobs.instrument import Instruments
        from tests.instrument.test_declared import PULLS
        Instruments("gitlab", directory={str(tmp_path / "shared")!r}).counter(PULLS).child(upstream="docker.io").inc(2)
    """
    instruments = Instruments("gitlab", directory=tmp_path / "shared")
    instruments.counter(PULLS).child(upstream="docker.io").inc()
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", "\n".join(line.strip() for line in code.splitlines())], cwd=root, check=True)
    assert b'mirror_pulls_total{upstream="docker.io"} 3\n' in instruments.render()


def test_a_name_that_prometheus_refuses_is_refused() -> None:
    bad = _mirror.counter("mirror pulls\n", Unit.EVENTS, "Pulls.", form(Flavor.GITLAB))
    with pytest.raises(InstrumentError, match="no name that Prometheus takes"):
        Instruments("gitlab").counter(bad)


@pytest.mark.parametrize(
    ("names", "histogram"),
    [(["a b"], False), (["a\n"], False), (["__name__"], False), ([""], False), (["a", "a"], False), (["le"], True)],
)
def test_labels_that_prometheus_refuses_are_refused(names: list[str], histogram: bool) -> None:
    made = form(Flavor.GITLAB, labels=labels(*names), buckets=(1.0, 2.0) if histogram else None)
    bad = (_mirror.histogram if histogram else _mirror.counter)("mirror_seconds", Unit.SECONDS, "Time.", made)
    with pytest.raises(InstrumentError, match="does not take these names of labels"):
        _ = Instruments("gitlab")[bad]


@pytest.mark.parametrize("end", ["bucket", "sum", "count"])
@pytest.mark.parametrize("histogram_first", [True, False])
def test_a_metric_whose_lines_another_family_has_is_refused(end: str, histogram_first: bool) -> None:
    own = _mirror.counter(f"{http.DURATION.name}_{end}", Unit.EVENTS, "Pulls.", form(Flavor.GITLAB))
    first, second = (http.DURATION, own) if histogram_first else (own, http.DURATION)
    instruments = Instruments("gitlab")
    _ = instruments[first]
    with pytest.raises(InstrumentError, match="another family has lines with its name"):
        _ = instruments[second]


def test_a_help_that_cannot_be_written_is_replaced() -> None:
    instruments = Instruments("gitlab")
    _ = instruments[_mirror.counter("mirror_total", Unit.EVENTS, "a\ud83d\0b.", form(Flavor.GITLAB))]
    assert "# HELP mirror_total a\ufffd\ufffdb.\n" in instruments.render().decode()


@pytest.mark.parametrize("strict", [True, False])
def test_what_was_refused_is_said_once_for_each_label_without_secrets(
    strict: bool, caplog: pytest.LogCaptureFixture
) -> None:
    instruments = Instruments("gitlab", strict=strict)
    queries = Queries(instruments)
    with caplog.at_level(logging.WARNING, logger="regobs.instrument"):
        for name in ("password=hunter22", "another"):
            queries.record(name, 0.1)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2, "one for each metric"
    assert all("`other`" in text and "declare(" in text and "of name" in text for text in said)
    assert not any("hunter22" in text for text in said)
    assert sample(instruments, instrument.REFUSED) == 4
