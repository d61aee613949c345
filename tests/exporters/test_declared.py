"""Metrics that a deployment declares over log lines."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.cli.main import regobs
from regobs.errors import ConfigError
from regobs.exporters.declared import Redeclared, read_declared
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.totals import ExporterInstruments
from regobs.logs.reading.wrapping import Unwrapper

ROOT = Path(__file__).parents[2]
LOG = ROOT / "tests" / "data" / "gitlab-registry-4.32.log.jsonl.gz"
EXAMPLE = ROOT / "exporters" / "log-metrics.yaml"
BUCKETS = "{name: registry_log_own, help: h, value: size_bytes, buckets: [%s]}"
HISTOGRAM = "{name: registry_log_a, help: h, value: ttfb_ms, buckets: [1]}"
COUNTER = "metrics: [{name: registry_log_own_total, help: h%s}]"


def counter_of(tmp_path: Path, settings: str) -> LogCounter:
    file = tmp_path / "metrics.yaml"
    file.write_text(settings, encoding="utf-8")
    return LogCounter(Flavor.GITLAB, declared=read_declared(file))


def line(**fields: Any) -> bytes:
    record = {
        "level": "info",
        "msg": "blob uploaded",
        "time": "2026-11-25T10:00:00.000Z",
        "size_bytes": 5,
        "method": "PUT",
    }
    return json.dumps(record | fields).encode()


def shown(counter: LogCounter, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by the values of their labels, in the order of the labels' names."""
    text = ExporterInstruments(counter.all_totals).render().decode()
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def test_the_example_counts_what_its_conditions_choose_of_real_lines() -> None:
    lines = gzip.decompress(LOG.read_bytes()).splitlines()
    counter = LogCounter(Flavor.GITLAB, declared=read_declared(EXAMPLE))
    counter.count(lines, Unwrapper())
    records = [json.loads(one) for one in lines]
    uploads = [one for one in records if one.get("msg") == "blob uploaded"]
    assert len(uploads) > 100
    found = shown(counter, "registry_log_uploaded_blob_bytes_sum")
    assert {name for (name,) in found} == {one["vars_name"] for one in uploads}
    assert sum(found.values()) == sum(one["size_bytes"] for one in uploads)


def test_a_condition_chooses_lines_and_a_value_is_added(tmp_path: Path) -> None:
    text = COUNTER % ", where: 'size_bytes > 10', value: size_bytes, labels: {m: method}"
    counter = counter_of(tmp_path, text)
    counter.count([line(size_bytes=10), line(size_bytes=11), line(size_bytes=20, method="POST")], Unwrapper())
    assert shown(counter, "registry_log_own_total") == {("PUT",): 11, ("POST",): 20}


def test_lines_of_every_form_count_and_a_line_that_is_none_does_not(tmp_path: Path) -> None:
    counter = counter_of(tmp_path, COUNTER % "")
    wrapped = b"2026-11-25T10:00:00.1Z stdout F " + line()
    counter.count([line(), wrapped, b"no line of a registry", b'{"a": 1}', b'{"broken'], Unwrapper())
    assert shown(counter, "registry_log_own_total") == {(): 2}


def test_a_line_that_lacks_the_field_of_a_label_is_shown_as_none(tmp_path: Path) -> None:
    counter = counter_of(tmp_path, COUNTER % ", labels: {status: status}")
    counter.count([line(), line(status=200)], Unwrapper())
    assert shown(counter, "registry_log_own_total") == {("none",): 1, ("200",): 1}


def test_the_values_of_a_label_are_bounded_and_the_sum_stays_exact(tmp_path: Path) -> None:
    counter = counter_of(tmp_path, COUNTER % ", most: 3, labels: {repository: vars_name}")
    counter.count([line(vars_name=f"group/{number}") for number in range(50)], Unwrapper())
    found = shown(counter, "registry_log_own_total")
    assert len(found) == 4
    assert sum(found.values()) == 50


def test_a_secret_of_a_line_is_in_no_label(tmp_path: Path) -> None:
    counter = counter_of(tmp_path, COUNTER % ", labels: {uri: uri}")
    counter.count([line(uri="/v2/?token=s3cr3t-of-a-user")], Unwrapper())
    assert "s3cr3t" not in ExporterInstruments(counter.all_totals).render().decode()


def test_a_checkpoint_goes_on_where_it_ended(tmp_path: Path) -> None:
    text = COUNTER % ", labels: {m: method}"
    first = counter_of(tmp_path, text)
    first.count([line(), line(method="GET")], Unwrapper())
    second = counter_of(tmp_path, text)
    second.load(json.loads(json.dumps(first.data())))
    second.count([line()], Unwrapper())
    assert shown(second, "registry_log_own_total") == {("PUT",): 2, ("GET",): 1}


def test_a_checkpoint_of_other_labels_begins_anew(tmp_path: Path) -> None:
    first = counter_of(tmp_path, COUNTER % ", labels: {m: method}")
    first.count([line()], Unwrapper())
    second = counter_of(tmp_path, COUNTER % "")
    second.load(json.loads(json.dumps(first.data())))
    assert shown(second, "registry_log_own_total") == {}
    plain = LogCounter(Flavor.GITLAB)
    plain.load(first.data())
    assert plain.totals.total(metrics.LINES) == 1


DEFINED = (
    "metrics: [{name: registry_log_own, help: h, where: 'size_bytes > 0', labels: {m: method}, value: size_bytes, "
)
DEFINED += "buckets: [1, 5]}]"


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("[1, 5]", "[1, 9]", ("buckets",)),
        ("[1, 5]", "[1, 5, 9]", ("buckets",)),
        ("m: method", "n: method", ("labels",)),
        ("m: method", "m: msg_kind", ("labels",)),
        ("value: size_bytes", "value: duration_ms", ("value",)),
        ("size_bytes > 0", "size_bytes > 1", ("where",)),
        ("m: method", "m: method, s: status", ("labels",)),
        ("help: h", "help: other", ()),
        ("help: h", "help: h, most: 5", ()),
    ],
)
def test_a_metric_that_is_defined_in_another_way_begins_anew_and_that_is_said(
    tmp_path: Path, old: str, new: str, changed: tuple[str, ...]
) -> None:
    first = counter_of(tmp_path, DEFINED)
    first.count([line()], Unwrapper())
    second = counter_of(tmp_path, DEFINED.replace(old, new.replace("msg_kind", "component")))
    found = second.load(json.loads(json.dumps(first.data())))
    assert found == ([Redeclared("registry_log_own", changed)] if changed else [])
    assert sum(shown(second, "registry_log_own_count").values()) == (0 if changed else 1)


def test_a_counter_that_adds_a_value_now_begins_anew(tmp_path: Path) -> None:
    first = counter_of(tmp_path, COUNTER % "")
    first.count([line()], Unwrapper())
    second = counter_of(tmp_path, COUNTER % ", value: size_bytes")
    assert second.load(json.loads(json.dumps(first.data()))) == [Redeclared("registry_log_own_total", ("value",))]
    assert shown(second, "registry_log_own_total") == {}


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [("", "", ()), ("m: method", "", ("labels",)), ("[1, 5]", "[1]", ("buckets",)), ("[1, 5]", "[1, 9]", ())],
)
def test_of_a_state_without_definitions_what_has_the_same_shape_goes_on(
    tmp_path: Path, old: str, new: str, changed: tuple[str, ...]
) -> None:
    first = counter_of(tmp_path, DEFINED)
    first.count([line()], Unwrapper())
    state = json.loads(json.dumps(first.data()))
    del state["declared"]["registry_log_own"]["definition"]
    second = counter_of(tmp_path, DEFINED.replace(old, new))
    assert second.load(state) == ([Redeclared("registry_log_own", changed)] if changed else [])
    assert sum(shown(second, "registry_log_own_count").values()) == (0 if changed else 1)


def test_negative_values_are_left_out_because_a_counter_never_falls(tmp_path: Path) -> None:
    counter = counter_of(tmp_path, COUNTER % ", value: size_bytes")
    counter.count([line(size_bytes=-5), line(size_bytes=0), line(size_bytes=3)], Unwrapper())
    assert shown(counter, "registry_log_own_total") == {(): 3}


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("metrics: [{name: other_total, help: h}]", "registry_log_large_uploads_total", "1:18"),
        ("metrics: [{name: registry_log_own, help: h}]", "a name with _total", "1:18"),
        ("metrics: [{name: registry_log_requests_total, help: h}]", "neither the catalog", "1:18"),
        (COUNTER % ", where: 'methd: GET'", "method", "1:58"),
        (COUNTER % ", where: 'method: (GET'", "", "1:58"),
        (COUNTER % ", where: 'time > now-1h'", "the line alone", "1:58"),
        (COUNTER % ", value: method", "long or double", "1:58"),
        (COUNTER % ", value: sizebytes", "docs/logs-reference.md", "1:58"),
        (COUNTER % ", labels: {le: method}", "another name than", "1:64"),
        (COUNTER % ", labels: {m: msg}", "a field of words", "1:63"),
        (
            "metrics: [{name: registry_log_own_total, help: h, value: size_bytes, buckets: [1]}]",
            "no name with _total",
            "1:18",
        ),
        ("metrics: [{name: registry_log_own, help: h, buckets: [1]}]", "`value`", "1:54"),
        ("metrics: [{name: registry_log_own, help: h, value: size_bytes, buckets: [2, 1]}]", "ascending", "1:73"),
        ("metrics: [{name: registry_log_own, help: h, value: size_bytes, buckets: [1, .inf]}]", "a number", "1:77"),
        (f"metrics: [{BUCKETS % '1, 1e400'}]", "a float holds", "1:77"),
        (f"metrics: [{BUCKETS % '-1.0e400, 1'}]", "a float holds", "1:74"),
        (f"metrics: [{BUCKETS % ('1, 1' + '0' * 400)}]", "a float holds", "1:77"),
        (f"metrics: [{BUCKETS % '9007199254740992, 9007199254740993'}]", "as a float has it", "1:73"),
        (
            "metrics: [{name: registry_log_bytes, help: h, value: size_bytes, buckets: [1]}]",
            "taken by registry_log_bytes",
            "1:18",
        ),
        (
            "metrics: [{name: registry_log_request_duration_seconds_total, help: h}]",
            "taken by registry_log_request_duration_seconds",
            "1:18",
        ),
        (
            "metrics: [{name: registry_log_request_duration_seconds_count_total, help: h}]",
            "taken by registry_log_request_duration_seconds_count",
            "1:18",
        ),
        ("metrics: [{name: registry_log_requests_created_total, help: h}]", "registry_log_requests_created", "1:18"),
        (
            f"metrics: [{{name: registry_log_a_total, help: h}}, {HISTOGRAM}]",
            "taken by registry_log_a",
            "1:57",
        ),
        (
            f"metrics: [{HISTOGRAM}, {{name: registry_log_a_sum_total, help: h}}]",
            "taken by registry_log_a_sum",
            "1:81",
        ),
    ],
)
def test_what_is_wrong_in_the_file_is_refused_with_its_place(
    tmp_path: Path, text: str, message: str, place: str
) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_declared(file)
    assert message in f"{caught.value.expected} {caught.value.next_step}"
    assert str(caught.value.location).endswith(f"metrics.yaml:{place}")


def test_the_command_judges_the_file_and_ends(tmp_path: Path) -> None:
    file = tmp_path / "metrics.yaml"
    file.write_text(COUNTER % "", encoding="utf-8")
    words = ["export", "logs", "--check-config", "--metrics", str(file), "registry.log"]
    assert CliRunner().invoke(regobs, words).exit_code == 0
    file.write_text(COUNTER % ", value: method", encoding="utf-8")
    assert isinstance(CliRunner().invoke(regobs, words).exception, ConfigError | SystemExit)
