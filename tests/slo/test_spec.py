"""OpenSLO documents: what is read, and what is refused where."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.config import Config, SloSettings, Threshold, load_config, read_config
from regobs.errors import ConfigError, ExitCode, InputError, SloError
from regobs.promql.nodes import Duration
from regobs.slo import outputs
from regobs.slo.model import Slo
from regobs.slo.spec import read_slos
from tests.slo.packs import BUNDLED, GITLAB, SLOW, SMALL, pack_of

DAY = 86_400_000


def read(tmp_path: Path, text: str, config: Config = GITLAB) -> Slo:
    (found,) = read_slos(pack_of(tmp_path, one=text), config)
    return found


def refused(tmp_path: Path, text: str, config: Config = GITLAB) -> InputError:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text, config)
    assert caught.value.exit_code is ExitCode.INPUT
    return caught.value


TOTAL = "type: catalog, spec: {metric: http.REQUESTS, where: {route: tags, method: get}}"
BAD = "http.REQUESTS, where: {route: tags, method: get, code"
AFTER_TOTAL = "good:\n          metricSource: {type: catalog, spec: {metric: http.REQUESTS}}\n        total:\n"
ROLLING = "  timeWindow: [{duration: 1 month, isRolling: true}]\n  budgetingMethod"
CALENDAR = "  timeWindow: [{duration: 28d, isRolling: false}]\n  budgetingMethod"
WRONG = [
    # text replaced, by what, line:column, part of value, part of expected
    ("openslo/v1", "openslo/v2", "1:13", "openslo/v2", "openslo/v1"),
    ("kind: SLO", "kind: Slo", "2:7", "Slo", "SLO"),
    ("name: small\n", "name: Small\n", "4:9", "Small", "a name as in DNS"),
    ("sli: availability", "sli: latency", "6:35", "latency", "latency with at_most"),
    ("displayName", "displayname", "5:3", "displayname", "displayName"),
    ("counter: true", "counter: false", "13:18", "False", "counter: true"),
    (BAD, "http.REQUEST, where: {code", "15:56", "http.REQUEST", "REQUESTS"),
    (BAD, "web.REQUESTS, where: {code", "15:56", "web.REQUESTS", "http"),
    (BAD, "http.IN_FLIGHT, where: {route", "15:87", "5xx", ""),
    ("code: 5xx", "code: 6xx", "15:111", "6xx", "5xx"),
    ("code: 5xx", "code: 5XX", "15:111", "5XX", "5xx"),
    ("code: 5xx", "code: ['500', 5Xx]", "15:119", "5Xx", "5xx"),
    ("code: 5xx", "kode: 5xx", "15:111", "kode", "code"),
    (TOTAL, """type: Prometheus, spec: {query: 'registry_http_requests_total{code="5XX"}'}""", "17:50", "5XX", "5.."),
    (TOTAL, """type: Prometheus, spec: {query: 'registry_http_requests_total{code=""}'}""", "17:50", "", "5.."),
    (TOTAL, """type: Prometheus, spec: {query: 'registry_http_requests_total{code=~"5XX"}'}""", "17:50", "5XX", "5.."),
    ("code: 5xx}", "code: 5xx}, at_most: 1", "15:126", "1", "histogram"),
    ("total:\n", AFTER_TOTAL, "13:9", "None", "either good or bad"),
    ("bad:\n", "worse:\n", "14:9", "worse", "bad"),
    (TOTAL, "type: magic, spec: {}", "17:32", "magic", "catalog, Prometheus"),
    (TOTAL, "type: Prometheus, spec: {query: 'delta(x[5m])'}", "17:58", "delta(x[5m])", "the selector of a counter"),
    (TOTAL, "type: Prometheus, spec: {query: process_open_fds}", "17:58", "process_open_fds", "a counter"),
    ("Occurrences", "Timeslice", "18:20", "Timeslice", "Timeslices"),
    ("target: 0.999", "target: 1.5", "19:25", "1.5", "at most 1"),
    ("target: 0.999", "target: 1", "19:25", "1", "below 1"),
    ("target: 0.999", "targetPercent: 100", "19:32", "100", "below 1"),
    ("target: 0.999", "targetPercent: 99.999991", "19:32", "99.999991", "at most 0.9999999"),
    ("target: 0.999", "target: 0.99999990000001", "19:25", "0.9999999", "at most 0.9999999"),
    (TOTAL, """type: Prometheus, spec: {query: '{__name__=~"registry_.*"}'}""", "17:58", "__name__", "by its name"),
    ("target: 0.999", "displayName: none", "19:16", "None", "target: 0.999"),
    ("  budgetingMethod", ROLLING, "18:27", "1 month", "28d"),
    ("  budgetingMethod", CALENDAR, "18:16", "None", "isRolling: true"),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=[one[1][:40] for one in WRONG])
def test_a_wrong_document_is_refused_where_it_is_wrong(tmp_path: Path, wrong: tuple[str, ...]) -> None:
    old, new, place, value, expected = wrong
    assert SMALL.count(old) >= 1
    error = refused(tmp_path, SMALL.replace(old, new, 1))
    line, _, column = place.partition(":")
    assert error.location is not None
    assert (error.location.line, error.location.column) == (int(line), int(column)), str(error)
    assert value in str(error.value)
    assert expected in str(error.expected)


@pytest.mark.parametrize(("at_most", "nearest"), [("0.3", "0.25, 0.5"), ("0.001", "0.005"), ("61", "60")])
def test_a_threshold_between_buckets_names_the_nearest_edges(tmp_path: Path, at_most: str, nearest: str) -> None:
    error = refused(tmp_path, SLOW.replace("at_most: 1", f"at_most: {at_most}"))
    assert (error.expected, str(error.value)) == (nearest, at_most)
    assert error.location is not None
    assert (error.location.line, error.location.column) == (14, 102)
    assert error.next_step


@pytest.mark.parametrize("at_most", ["0.005", "60", "2.5"])
def test_each_bucket_edge_is_a_threshold(tmp_path: Path, at_most: str) -> None:
    assert read(tmp_path, SLOW.replace("at_most: 1", f"at_most: {at_most}")).at_most == Decimal(at_most)


@given(st.decimals(min_value="0.5", max_value="0.9999999", places=7))
def test_targets_are_exact(target: Decimal) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        slo = read(Path(directory), SMALL.replace("0.999", str(target)))
        percent = read(Path(directory), SMALL.replace("target: 0.999", f"targetPercent: {target * 100}"))
    assert slo.target == percent.target == target
    assert slo.target + slo.budget == 1


def test_three_nines_leave_a_budget_of_exactly_a_thousandth(tmp_path: Path) -> None:
    assert str(read(tmp_path, SMALL).budget) == "0.001"


def test_the_period_is_the_documents_own_or_that_of_the_settings(tmp_path: Path) -> None:
    week = replace(GITLAB, slo=SloSettings(period=Duration(7 * DAY)))
    own = SMALL.replace("  budgetingMethod", "  timeWindow: [{duration: 4w, isRolling: true}]\n  budgetingMethod")
    assert read(tmp_path, SMALL).period.text == "28d"
    assert read(tmp_path, SMALL, week).period.text == "7d"
    assert read(tmp_path, own, week).period.text == "28d"


def test_settings_override_target_and_threshold(tmp_path: Path) -> None:
    settings = SloSettings(thresholds={"slow": Threshold(target=Decimal("0.95"), at_most=Decimal("2.5"))})
    slo = read(tmp_path, SLOW, replace(GITLAB, slo=settings))
    assert (slo.target, slo.at_most) == (Decimal("0.95"), Decimal("2.5"))


def test_an_overriding_threshold_that_is_no_edge_is_blamed_on_the_settings(tmp_path: Path) -> None:
    config = read_config("[thresholds.slow]\ntarget = 0.9\nat_most = 3\n", Path("regobs.toml"))
    error = refused(tmp_path, SLOW, config)
    assert str(error.location) == "regobs.toml:3:11"
    assert (str(error.value), error.expected) == ("3", "2.5, 5")


def test_settings_for_an_unknown_slo_are_refused(tmp_path: Path) -> None:
    config = read_config("[slo]\n\n[thresholds.smal]\ntarget = 0.9\n", Path("regobs.toml"))
    with pytest.raises(ConfigError, match="names no SLO") as caught:
        read(tmp_path, SMALL, config)
    assert caught.value.expected == "one of small"
    assert str(caught.value.location) == "regobs.toml:3:2"


def test_a_threshold_for_an_slo_without_one_is_refused(tmp_path: Path) -> None:
    config = read_config("[thresholds]\nsmall = { at_most = 1 }\n", Path("regobs.toml"))
    error = refused(tmp_path, SMALL, config)
    assert "nothing to override" in error.message
    assert str(error.location) == "regobs.toml:2:9"
    assert error.expected


def test_two_slos_of_one_name_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, f"{SMALL}---\n{SMALL}")
    assert error.location is not None
    assert error.location.line == 24
    assert ":4:9" in str(error.expected)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    assert "no document" in refused(tmp_path, "").message


@pytest.mark.parametrize(("days", "fits"), [(28, True), (27, False)])
def test_a_period_beyond_the_retention_is_refused(tmp_path: Path, days: int, fits: bool) -> None:
    kept = replace(GITLAB.prometheus, retention=Duration(days * DAY))
    config = replace(GITLAB, prometheus=kept, source=Path("regobs.toml"))
    if fits:
        outputs.load_slos(pack_of(tmp_path, one=SMALL), config)
    else:
        with pytest.raises(ConfigError, match="longer than Prometheus keeps data") as caught:
            outputs.load_slos(pack_of(tmp_path, one=SMALL), config)
        assert caught.value.value == "period 28d, retention 27d"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[registry]\n[prometheus]\nretention = "27d"\n', (3, 13)),
        ('[prometheus]\nselector = "a"\n[slo]\nperiod = "28d"\n', (4, 10)),
        ("[prometheus]\n", (None, None)),
    ],
)
def test_a_period_beyond_the_retention_is_refused_where_one_of_the_two_stands(
    tmp_path: Path, text: str, place: tuple[int | None, int | None]
) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text(text)
    config = replace(GITLAB, prometheus=replace(GITLAB.prometheus, retention=Duration(27 * DAY)), source=file)
    with pytest.raises(ConfigError) as caught:
        outputs.load_slos(pack_of(tmp_path, one=SMALL), config)
    location = caught.value.location
    assert location is not None
    assert (location.file, location.line, location.column) == (str(file), *place)


@pytest.mark.parametrize("settings", ["[prometheus]\n", '[prometheus]\nretention = "30d"\n', None])
def test_a_period_of_its_own_beyond_the_retention_is_refused_in_the_document(
    tmp_path: Path, settings: str | None
) -> None:
    source = None
    if settings is not None:
        source = tmp_path / "regobs.toml"
        source.write_text(settings)
    own = f"{SMALL}  timeWindow:\n    - {{duration: 90d, isRolling: true}}\n"
    with pytest.raises(ConfigError) as caught:
        outputs.load_slos(pack_of(tmp_path, one=own), replace(GITLAB, source=source))
    place = f"{tmp_path}/alerts/one.slo.yaml:{len(own.splitlines())}:18"
    assert str(caught.value.location) == place
    assert caught.value.value == "period 90d, retention 30d"
    assert str(caught.value.next_step).endswith("or shorten its timeWindow")


def test_a_plain_selector_in_gitlabs_names_is_a_source(tmp_path: Path) -> None:
    query = 'registry_http_requests_total{code=~"5..",route="/v2/{name}/tags/list"}'
    old = "{type: catalog, spec: {metric: http.REQUESTS, where: {route: tags, method: get, code: 5xx}}}"
    text = SMALL.replace(old, f"{{type: Prometheus, spec: {{query: '{query}'}}}}")
    assert text != SMALL
    files = outputs.files(pack_of(tmp_path, one=text), replace(GITLAB, flavor="distribution"))  # type: ignore[arg-type]
    assert 'code=~"5..", handler="tags"' in files["prometheus/rules/slo-small.yaml"].decode()


@pytest.mark.parametrize("own", [True, False])
def test_a_scrape_interval_too_long_for_the_bundled_windows_is_told_where_it_is_said(tmp_path: Path, own: bool) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text('[registry]\nflavor = "gitlab"\n\n[prometheus]\nscrape_interval = "2m"\n')
    pack = pack_of(tmp_path, one=SMALL) if own else BUNDLED
    with pytest.raises(SloError, match="fewer than 4 scrapes") as caught:
        outputs.load_windows(pack, load_config(file))
    assert str(caught.value.location).startswith(f"{tmp_path}/alerts/windows.yaml" if own else f"{file}:5:")


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ('{"registry.http.requests",code=~"5.."}', "registry.http.requests"),
        ('{__name__="registry.http.requests"}', "registry.http.requests"),
        ('my_total{"a.b"="x"}', "a.b"),
        ('sum(rate(my_total{"a.b"="x"}[5m]))', "a.b"),
        ('my_total{"a_b"="x"}', None),
    ],
)
@pytest.mark.parametrize("side", ["good", "total", "raw"])
def test_a_name_in_quotes_is_refused_in_every_part_of_a_ratio(
    query: str, name: str | None, side: str, tmp_path: Path
) -> None:
    source = f"{{metricSource: {{type: Prometheus, spec: {{query: '{query}'}}}}}}"
    other = "{metricSource: {type: catalog, spec: {metric: http.REQUESTS}}}"
    head, tail = SMALL.split("      ratioMetric:\n")
    rest = tail[tail.index("  budgetingMethod") :]
    parts = {"good": source if side == "good" else other, "total": source if side == "total" else other}
    if side == "raw":
        rest = rest.replace("{target: 0.999}", "{target: 0.999, op: lte, value: 5}")
        text = f"{head}      thresholdMetric: {source}\n{rest}"
    else:
        text = f"{head}      ratioMetric: {{counter: true, good: {parts['good']}, total: {parts['total']}}}\n{rest}"
    if name is None:
        outputs.load_slos(pack_of(tmp_path, one=text), GITLAB)
        return
    with pytest.raises(SloError, match="is a name in quotes, which Prometheus before 3") as caught:
        outputs.load_slos(pack_of(tmp_path, one=text), GITLAB)
    line = next(number for number, one in enumerate(text.splitlines(), 1) if "Prometheus" in one)
    assert (caught.value.location.line, caught.value.value) == (line, name)  # type: ignore[union-attr]


def test_the_bundled_documents_are_read() -> None:
    slos = read_slos(BUNDLED, GITLAB)
    assert len(slos) == 29
    assert {slo.sli for slo in slos} == {"availability", "latency", "freshness"}
    with pytest.raises(SloError, match="could never fire"):
        outputs.files(
            BUNDLED, replace(GITLAB, slo=SloSettings(thresholds={"delete-latency": Threshold(Decimal("0.9"))}))
        )
