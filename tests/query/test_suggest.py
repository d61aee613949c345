"""What may be typed next in a PromQL text, from the catalog and from a server."""

from __future__ import annotations

import stat
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import METRICS
from regobs.catalog.model import Flavor
from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.promql.vocabulary import Vocabulary
from regobs.query.server_names import KEPT, KeptNames, names_file
from regobs.query.suggest import spot, suggestions
from tests.prometheus.stub import NOT_FOUND, Stub, success

HTTP = "registry_http_requests_total"


class Server:
    """A server with one series of its own."""

    def series(self, begun: str = "") -> Mapping[str, str]:
        return {"my_series": "gauge: mine", HTTP: "counter: theirs"}

    def labels(self, metric: str, begun: str = "") -> tuple[str, ...]:
        return ("rack", "code") if metric in {HTTP, ""} else ()

    def values(self, label: str, selector: str, begun: str = "") -> tuple[str, ...]:
        return {("rack", HTTP + "{}"): ("a1", 'b"2'), ("rack", HTTP + '{code="200"}'): ("a1",)}.get(
            (label, selector), ()
        )


def texts(before: str, after: str = "") -> list[str]:
    return [one.text for one in suggestions(before, after, Server())]


def test_every_series_of_the_catalog_is_offered_with_kind_unit_and_help() -> None:
    found = {one.text: one.what for one in suggestions("registry_")}
    assert set(found) == {name for metric in METRICS.values() for name in metric.series if name.startswith("registry_")}
    metric = METRICS["registry_storage_action_seconds"]
    assert found["registry_storage_action_seconds_bucket"] == f"histogram seconds: {metric.help}"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("my_s", ["my_series"]),
        ("sum(rate(my_s", ["my_series"]),
        ("1 + my_s", ["my_series"]),
        ("histogram_q", ["histogram_quantile", "histogram_quantiles"]),
        ("bottom", ["bottomk"]),
        (f"{HTTP}{{c", ["code"]),
        (f'{HTTP}{{code="200",c', []),
        (f'{HTTP}{{route="/v2/", method!~"p', ["put", "post", "patch"]),
        (f'{HTTP}{{method="p', ["put", "post", "patch"]),
        (f"{HTTP}{{method='p", ["put", "post", "patch"]),
        (f"sum({HTTP}{{method=~`p", ["put", "post", "patch"]),
        (f'{HTTP}{{rack="', ["a1", 'b\\"2']),
        (f"{HTTP}{{rack='b", ['b"2']),
        (f'{HTTP}{{code="200", rack="', ["a1"]),
        ('registry_storage_action_seconds_bucket{le="1', ["1", "10"]),
        ("rate(x[", ["1m", "5m", "15m", "30m", "1h", "6h", "1d", "7d", "$__rate_interval"]),
        ("rate(x[1", ["1m", "15m", "1h", "1d"]),
        (f'{HTTP}{{method="get"', []),
        (f'{HTTP}{{method="get" ', []),
        ('label_replace(x, "my_s', []),
        ("up # my_s", []),
        ("", [HTTP]),
    ],
)
def test_what_fits_the_place_is_offered(before: str, expected: list[str]) -> None:
    assert texts(before) == expected


class OneOfMany(Server):
    """A server that has some of what the catalog knows."""

    def series(self, begun: str = "") -> Mapping[str, str]:
        return {"registry_storage_rate_limit_total": "counter: theirs", "registry_zzz": "gauge: mine"}

    def labels(self, metric: str, begun: str = "") -> tuple[str, ...]:
        return ("route", "zone")

    def values(self, label: str, selector: str, begun: str = "") -> tuple[str, ...]:
        return ("patch", "BREW") if label == "method" else ("10", "+Inf", "2.5") if label == "le" else ()


@pytest.mark.parametrize(
    ("before", "after", "first"),
    [
        ("registry_", "", ["registry_storage_rate_limit_total", "registry_zzz"]),
        (f"{HTTP}{{", "", ["route", "zone"]),
        ("sum by (", f") ({HTTP})", ["route", "zone"]),
        (f'{HTTP}{{method="', "", ["patch", "BREW"]),
        ('registry_storage_action_seconds_bucket{le="', "", ["2.5", "10", "+Inf"]),
    ],
)
def test_what_the_server_has_comes_first_and_what_only_the_catalog_knows_behind_it(
    before: str, after: str, first: list[str]
) -> None:
    found = [one.text for one in suggestions(before, after, OneOfMany())]
    known = [one.text for one in suggestions(before, after)]
    assert found[: len(first)] == first
    assert found[len(first) :] == [one for one in known if one not in first]


def test_a_value_without_quotes_gets_them() -> None:
    assert {'"get"', '"put"'} < set(texts(f"{HTTP}{{method="))


def test_labels_of_a_grouping_are_those_of_the_series_behind_it() -> None:
    assert texts("sum by (c", f") ({HTTP})") == ["code"]
    assert {"code", "method", "route", "rack", "instance", "job"} == set(texts("sum by (", f") (rate({HTTP}[5m]))"))
    assert texts("sum without (", ") (x)") == ["rack", "code", "instance", "job"]


def test_labels_have_the_names_of_the_deployment() -> None:
    words = Vocabulary(Flavor.DISTRIBUTION)
    found = [one.text for one in suggestions("registry_http_requests_total{", vocabulary=words)]
    assert "handler" in found
    assert "route" not in found


def test_each_text_is_offered_once_where_it_belongs() -> None:
    (one,) = suggestions(f"sum(rate({HTTP[:20]}", "", Server())[:1]
    assert (one.text, one.start) == (HTTP, len("sum(rate("))
    assert texts(HTTP[:22]).count(HTTP) == 1


@pytest.mark.parametrize(
    ("text", "depth"),
    [("up", 0), ("sum(up", 1), ('sum(up{a="b', 3), ('up{a="b"}', 0), ("up)", 0), (r'x{a="\"', 2), (r'x{a="\\"', 1)],
)
def test_open_brackets_and_texts_are_counted(text: str, depth: int) -> None:
    assert spot(text).depth == depth


@given(st.text(alphabet="ab_{}()[],=~!\"'`\\#\n 5$.", max_size=60))
def test_any_beginning_has_a_spot_and_suggestions_that_go_on_from_it(text: str) -> None:
    at = spot(text)
    assert text[at.start :] == at.begun or at.kind == "nothing"
    assert all(one.start <= len(text) for one in suggestions(text, "", Server()))


def test_time_grows_with_the_length_alone() -> None:
    def seconds(piece: str, length: int) -> float:
        begin = time.process_time()
        spot(piece * length)
        return time.process_time() - begin

    for piece in ("(", "a(", "{a=", '{a="b",', '"', '\\"', "'\\", "`", "#", "5m", "$", "[5", "a b"):
        short, long = (min(seconds(piece, length) for _ in range(5)) for length in (1_000, 10_000))
        assert long < 40 * short + 0.02, piece


def server_names() -> Stub:
    return Stub({
        "/api/v1/label/__name__/values": success(["my_total", "job:up:sum", "x"]),
        "/api/v1/metadata": success({"my": [{"type": "counter", "help": "mine", "unit": ""}]}),
        "/api/v1/labels": success(["rack"]),
        "/api/v1/label/rack/values": success(["a1"]),
    })  # fmt: skip


def test_names_of_a_server_are_asked_once_and_kept_for_the_next_process(tmp_path: Path) -> None:
    file, now = names_file(tmp_path / "names", "http://a"), [1_000.0]
    with server_names() as stub, Prometheus(stub.url) as server:
        for _ in range(2):
            names = KeptNames(lambda: server, file, now=lambda: now[0])
            assert names.series() == {"my_total": "counter: mine", "job:up:sum": "recorded series", "x": "series"}
            assert (names.labels("x"), names.values("rack", 'x{a="b"}')) == (("rack",), ("a1",))
        assert [one.path.split("/")[3] for one in stub.requests] == ["label", "metadata", "search", "labels", "label"]
        assert [one.params.get("match[]") for one in stub.requests[3:]] == [["x"], ['x{a="b"}']]
        now[0] += KEPT
        KeptNames(lambda: server, file, now=lambda: now[0]).labels("x")
        assert len(stub.requests) == 7
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_server_that_does_not_answer_has_no_names_and_is_not_asked_with_every_letter() -> None:
    with Stub({}, default=NOT_FOUND) as stub, Prometheus(stub.url) as server:
        names = KeptNames(lambda: server)
        assert (names.series(), names.labels(""), names.values("a", "")) == ({}, (), ())
        count = len(stub.requests)
        assert (names.series(), names.labels(""), names.values("a", "")) == ({}, (), ())
        assert len(stub.requests) == count

    def refuse() -> Prometheus:
        raise ServerError("away")

    assert KeptNames(refuse).series() == {}


@pytest.mark.parametrize("content", ["", "[]", '{"series": 1}', '{"series": [0]}', "\x00"])
def test_a_damaged_file_of_names_is_as_none(content: str, tmp_path: Path) -> None:
    file = tmp_path / "names.json"
    file.write_text(content)
    with server_names() as stub, Prometheus(stub.url) as server:
        assert "x" in KeptNames(lambda: server, file).series()
