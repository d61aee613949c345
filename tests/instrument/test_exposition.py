from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from regobs.catalog import database, notifications, redis, row_counts, storage
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments
from regobs.instrument.core.exposition import OPENMETRICS, negotiated

# What Prometheus 2.42 and 3.9 send.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def busy() -> Instruments:
    instruments = Instruments(Flavor.GITLAB, strict=True)
    for code in range(200, 240):
        instruments.http.begin("manifest")
        instruments.http.finish("manifest", "GET", code, 0.01 * (code - 199), 900, 2 ** code.bit_length(), 0.01)
    instruments.counter(storage.ACCESS_EVENTS_DROPPED).inc(3)
    instruments.histogram(notifications.RETRIES).child(endpoint="hook").observe(2)
    instruments.gauge(row_counts.MIGRATIONS).child(migration_type="pre_deployment").set(7)
    instruments.counter(redis.PIPELINED).child(command='a"b\\c\nd', instance="cache").inc()
    return instruments


def test_names_come_out_as_the_real_registry_spells_them() -> None:
    text = busy().render().decode()
    for line in (
        "# TYPE registry_storage_access_tracker_dropped_events counter",
        "registry_storage_access_tracker_dropped_events 3",
        "# TYPE registry_notifications_retries_count histogram",
        'registry_notifications_retries_count_bucket{endpoint="hook",le="2"} 1',
        'registry_notifications_retries_count_count{endpoint="hook"} 1',
        "# TYPE registry_database_migrations_total gauge",
        'registry_database_migrations_total{migration_type="pre_deployment"} 7',
        r'registry_redis_pipelined_commands{command="a\"b\\c\nd",instance="cache"} 1',
    ):
        assert f"{line}\n" in text


def test_openmetrics_calls_a_counter_without_total_unknown_and_ends_with_eof() -> None:
    text = busy().render(openmetrics=True).decode()
    assert "# TYPE registry_storage_access_tracker_dropped_events unknown\n" in text
    assert "# TYPE registry_http_requests counter\n" in text
    assert text.endswith("\n# EOF\n")


def samples(families: Iterable[Any]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    """Without `_total`, which the parser of the text format itself puts behind the name of every counter."""
    found = set()
    for sample in (sample for family in families for sample in family.samples):
        labels = {name: str(float(value)) if name == "le" else value for name, value in sample.labels.items()}
        found.add((sample.name.removesuffix("_total"), tuple(sorted(labels.items())), sample.value))
    return found


def test_both_formats_hold_the_same_samples() -> None:
    instruments = busy()
    text = samples(parse_text(instruments.render().decode()))
    openmetrics = samples(parse_openmetrics(instruments.render(openmetrics=True).decode()))  # type: ignore[no-untyped-call]
    assert text == openmetrics
    assert len(text) > 40 * 5


@given(st.integers(1, 400), st.booleans())
def test_slices_of_any_size_make_up_the_same_exposition(children: int, openmetrics: bool) -> None:
    instruments = BUSY
    whole = instruments.render(openmetrics=openmetrics)
    pieces = list(instruments.slices(openmetrics=openmetrics, children=children))
    assert b"".join(pieces) == whole
    assert all(piece.endswith(b"\n") for piece in pieces)


BUSY = busy()


def test_a_slice_holds_no_more_children_than_asked() -> None:
    for piece in BUSY.slices(children=3):
        ends = [
            line
            for line in piece.decode().splitlines()
            if 'le="+Inf"' in line or ("_bucket" not in line and line[0] != "#")
        ]
        assert sum('le="+Inf"' in line for line in ends) <= 3


def test_a_slice_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one child"):
        list(BUSY.slices(children=0))


def test_families_and_series_are_in_order() -> None:
    lines = BUSY.render().decode().splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert names == sorted(names)
    assert len(names) == len(set(names))
    requests = [line for line in lines if line.startswith("registry_http_requests_total{")]
    assert requests == sorted(requests)
    assert len(requests) == 40


def test_a_family_without_series_is_not_shown() -> None:
    instruments = Instruments(Flavor.GITLAB, strict=True)
    _ = instruments[database.QUERIES]
    assert instruments.render() == b""
    assert instruments.render(openmetrics=True) == b"# EOF\n"


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text; version=1.0.0", True),
        ("application/openmetrics-text; version=2.0.0", False),
        ("application/openmetrics-text;q=0.2, text/plain;q=0.9", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=x,text/plain", False),
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
    ],
)  # fmt: skip
def test_the_format_is_what_the_client_prefers(accept: str, openmetrics: bool) -> None:
    assert (negotiated(accept) == OPENMETRICS) is openmetrics
