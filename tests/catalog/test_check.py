"""A recorded scrape is what the catalog predicts; each kind of change to it is seen, and seen once."""

import gzip
import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from regobs.catalog import METRICS
from regobs.catalog.check import Absence, ExpositionDifference, ExpositionReport, What, Why, check
from regobs.catalog.exposition import Exposition, Format, parse
from regobs.catalog.model import Flavor, Kind, Version
from regobs.errors import InputError
from tests.catalog.samples import (
    ALL,
    DISTRIBUTION_3_0,
    DISTRIBUTION_3_1,
    DOCKER,
    GITLAB,
    as_openmetrics,
    replaced,
    text_of,
    without_family,
)

GITLAB_TEXT, DOCKER_TEXT, NEWEST_TEXT = text_of(GITLAB), text_of(DOCKER), text_of(DISTRIBUTION_3_1)


def _only(report: ExpositionReport) -> ExpositionDifference:
    (difference,) = report.differences
    assert not report.ok
    return difference


@pytest.mark.parametrize(
    ("path", "flavor", "version", "families"),
    [
        (GITLAB, Flavor.GITLAB, None, 87),
        (DOCKER, Flavor.DISTRIBUTION, Version(2, 8), 43),
        (DISTRIBUTION_3_0, Flavor.DISTRIBUTION, None, 57),
        (DISTRIBUTION_3_1, Flavor.DISTRIBUTION, None, 57),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else None,
)
def test_a_real_registry_is_what_the_catalog_predicts(
    path: Path, flavor: Flavor, version: Version | None, families: int
) -> None:
    report = check(parse(path.read_bytes()))
    assert report.differences == ()
    assert report.ok
    assert (report.flavor, report.version, report.families) == (flavor, version, families)
    assert all(absence.fine for absence in report.absences)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_openmetrics_and_gzip_make_no_difference(path: Path) -> None:
    exposition = parse(gzip.compress(as_openmetrics(text_of(path))))
    assert exposition.format is Format.OPENMETRICS
    report, plain = check(exposition), check(parse(path.read_bytes()))
    assert report.differences == ()
    assert (report.families, report.samples) == (plain.families, plain.samples)
    assert report.absences == plain.absences


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_family_of_the_registry_is_accounted_for(path: Path) -> None:
    report = check(parse(path.read_bytes()))
    known = {m.name for m in METRICS.values() if m.exposer == "registry" and report.flavor in m.flavors}
    absent = {absence.family for absence in report.absences}
    assert len(known - absent) == report.families
    assert absent <= known


# --- each kind of difference ----------------------------------------------------------------------------------------


def test_a_family_nobody_knows_is_a_difference() -> None:
    data = replaced(GITLAB_TEXT, "registry_http_requests_total", "registry_http_requests_count_total")
    found = _only(check(parse(data)))
    assert (found.what, found.family) == (What.UNKNOWN_FAMILY, "registry_http_requests_count_total")
    assert found.line is not None


def test_a_renamed_family_that_must_be_there_is_missed_too() -> None:
    report = check(parse(replaced(GITLAB_TEXT, "go_goroutines", "go_routines")))
    assert {(one.what, one.family) for one in report.differences} == {
        (What.UNKNOWN_FAMILY, "go_routines"),
        (What.ABSENT, "go_goroutines"),
    }


def test_a_custom_family_is_a_difference() -> None:
    found = _only(check(parse(f"{DOCKER_TEXT}# TYPE my_own gauge\nmy_own 1\n".encode())))
    assert (found.what, found.family, found.found) == (What.UNKNOWN_FAMILY, "my_own", "a gauge")


def test_a_family_of_a_neighbour_is_a_difference() -> None:
    found = _only(check(parse(f"{DOCKER_TEXT}# TYPE node_load1 gauge\nnode_load1 1\n".encode())))
    assert found.what is What.UNKNOWN_FAMILY
    assert "node_exporter" in found.expected


def test_a_family_of_the_other_flavor_is_a_difference() -> None:
    text = "# TYPE registry_gc_runs_total counter\nregistry_gc_runs_total 1\n"
    found = _only(check(parse(f"{DOCKER_TEXT}{text}".encode())))
    assert found.what is What.UNKNOWN_FAMILY
    assert found.expected == "it only in gitlab"


def test_a_family_of_another_version_is_a_difference() -> None:
    report = check(parse(GITLAB.read_bytes()), version=Version(4, 26))
    found = {one.family: one for one in report.differences}
    assert found["registry_database_rows"].what is What.OTHER_VERSION
    assert "4.27.0" in found["registry_database_rows"].expected
    assert check(parse(GITLAB.read_bytes()), version=Version(4, 32)).ok


@pytest.mark.parametrize(
    ("text", "family", "kind"),
    [
        (GITLAB_TEXT, "registry_http_requests_total", "gauge"),
        (GITLAB_TEXT, "registry_database_migrations_total", "counter"),
        (GITLAB_TEXT, "registry_storage_access_tracker_dropped_events", "gauge"),
        (DOCKER_TEXT, "registry_storage_cache_total", "untyped"),
        (DOCKER_TEXT, "registry_storage_action_seconds", "summary"),
        (DOCKER_TEXT, "registry_storage_action_seconds", "counter"),
        (DOCKER_TEXT, "go_gc_duration_seconds", "histogram"),
    ],
)
def test_a_wrong_type_is_one_difference(text: str, family: str, kind: str) -> None:
    right = str(METRICS[family].kind)
    found = _only(check(parse(replaced(text, f"# TYPE {family} {right}\n", f"# TYPE {family} {kind}\n"))))
    assert found == ExpositionDifference(What.WRONG_TYPE, family, kind, right, found.line)


def test_a_missing_type_line_is_one_difference() -> None:
    data = replaced(DOCKER_TEXT, "# TYPE registry_storage_action_seconds histogram\n", "")
    found = _only(check(parse(data)))
    assert (found.what, found.family, found.found) == (
        *(What.WRONG_TYPE, "registry_storage_action_seconds", "no TYPE line"),
    )


@pytest.mark.parametrize(
    ("text", "old", "label"),
    [(GITLAB_TEXT, ',type="Events"', "type"), (DOCKER_TEXT, 'driver="filesystem",', "driver")],
)
def test_a_missing_label_is_a_difference(text: str, old: str, label: str) -> None:
    found = _only(check(parse(replaced(text, old, ""))))
    assert found.what is What.MISSING_LABEL
    assert found.found.endswith(f"without {label}")


def test_a_histogram_without_le_is_a_difference() -> None:
    data = replaced(DOCKER_TEXT, 'action="Move",driver="filesystem",le="0.005"', 'action="Move",driver="filesystem"')
    report = check(parse(data))
    assert {one.what for one in report.differences} == {What.MISSING_LABEL, What.WRONG_BUCKETS}


def test_an_unexpected_label_is_one_difference_whatever_the_number_of_samples() -> None:
    found = _only(check(parse(replaced(DOCKER_TEXT, 'driver="filesystem"', 'driver="filesystem",pod="a"'))))
    assert (found.what, found.found) == (What.EXTRA_LABEL, "registry_storage_action_seconds_bucket with pod")
    assert found.expected == "action, driver, le"


def test_a_label_on_a_family_without_labels_is_a_difference() -> None:
    found = _only(check(parse(replaced(DOCKER_TEXT, "\ngo_goroutines ", '\ngo_goroutines{le="1"} '))))
    assert (found.what, found.expected) == (What.EXTRA_LABEL, "no labels")


def test_a_value_outside_the_closed_ones_is_a_difference() -> None:
    found = _only(check(parse(replaced(DOCKER_TEXT, 'action="Move"', 'action="Rename"'))))
    assert (found.what, found.found) == (What.UNKNOWN_VALUE, "action='Rename'")
    assert "'Move'" in found.expected


def test_many_values_outside_are_listed_in_part() -> None:
    lines = "".join(f'registry_redis_pool_stats_hits{{instance="{number}"}} 1\n' for number in range(50))
    data = replaced(GITLAB_TEXT, 'registry_redis_pool_stats_hits{instance="cache"} 2268\n', lines)
    found = _only(check(parse(data)))
    assert found.found.endswith("and 45 more")


def test_a_value_of_an_open_label_is_no_difference() -> None:
    assert check(parse(replaced(GITLAB_TEXT, 'endpoint="sink"', 'endpoint="other"'))).ok


def test_actions_are_those_of_the_version() -> None:
    data = replaced(NEWEST_TEXT, 'action="RedirectURL"', 'action="URLFor"')
    assert _only(check(parse(data))).what is What.UNKNOWN_VALUE


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ('le="0.25"', 'le="0.3"', "edges 0.3, no edge 0.25"),
        ('le="+Inf"', 'le="60"', "edges 60, no edge +Inf"),
        ('le="0.25"', 'le="x"', "edges nan, no edge 0.25"),
    ],
)
def test_a_moved_bucket_is_one_difference(old: str, new: str, found: str) -> None:
    lines = [
        line.replace(old, new) if line.startswith("registry_storage_action_seconds") else line
        for line in DOCKER_TEXT.splitlines()
    ]
    difference = _only(check(parse("\n".join(lines).encode())))
    assert (difference.what, difference.found) == (What.WRONG_BUCKETS, found)
    assert difference.expected.startswith("0.005, 0.01")


def test_a_bucket_more_is_a_difference_even_in_one_series() -> None:
    line = next(line for line in DOCKER_TEXT.splitlines() if 'action="List"' in line and 'le="5"' in line)
    more = line.replace('le="5"', 'le="7"')
    found = _only(check(parse(replaced(DOCKER_TEXT, line, f"{line}\n{more}"))))
    assert (found.what, found.found) == (What.WRONG_BUCKETS, "edges 7")


# --- absent families ------------------------------------------------------------------------------------------------


def _always_there(report: ExpositionReport) -> list[str]:
    forms = {name: METRICS[name].form(report.flavor, report.version) for name in METRICS}
    absent = {absence.family for absence in report.absences}
    return [
        name
        for name, form in forms.items()
        if form is not None
        and METRICS[name].exposer == "registry"
        and name not in absent
        and not form.absent_until_observed
        and not form.may_lack
        and (form.needs is None or form.always_exposed)
    ]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_each_family_that_needs_no_traffic_is_missed_when_it_is_gone(path: Path) -> None:
    exposition = parse(path.read_bytes())
    whole = check(exposition)
    names = _always_there(whole)
    assert len(names) > 30
    for name in names:
        rest = {family: found for family, found in exposition.families.items() if family != name}
        report = check(Exposition(rest, exposition.format), whole.flavor, whole.version)
        assert (_only(report).what, _only(report).family) == (What.ABSENT, name)
        assert Absence(name, Why.UNEXPLAINED) in report.absences


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("registry_gc_postpones_total", Why.NO_EVENT),
        ("regobs_instrument_errors_total", Why.LIBRARY),
        ("registry_database_lb_pool_status", Why.CAPABILITY),
        ("registry_bbm_runs_total", Why.CAPABILITY),
        ("registry_gc_queue_size", Why.REMOVED),
        ("go_memstats_lookups_total", Why.REMOVED),
    ],
)
def test_an_absence_has_its_reason(name: str, why: Why) -> None:
    absences = {absence.family: absence for absence in check(parse(GITLAB.read_bytes())).absences}
    assert absences[name].why is why
    assert absences[name].fine


def test_a_process_in_python_has_no_go_runtime_and_all_the_rest() -> None:
    go = [name for name in METRICS if METRICS[name].component == "go_runtime"]
    text = GITLAB_TEXT
    for name in go:
        text = without_family(text, name).decode() if f"# TYPE {name} " in text else text
    assert {difference.family for difference in check(parse(text.encode())).differences} <= set(go)
    assert not check(parse(text.encode())).ok
    python = (
        "# TYPE python_info gauge\n"
        'python_info{implementation="CPython",major="3",minor="11",patchlevel="7",version="3.11.7"} 1\n'
    )
    report = check(parse((text + python).encode()))
    assert report.differences == ()
    assert {absence.family for absence in report.absences if absence.why is Why.PYTHON} < set(go)
    without = check(parse(without_family(text + python, "process_open_fds")))
    assert _only(without).family == "process_open_fds"


def test_a_capability_that_is_seen_must_be_seen_whole() -> None:
    report = check(parse(without_family(GITLAB_TEXT, "registry_redis_pool_stats_hits")))
    assert (_only(report).what, _only(report).family) == (What.ABSENT, "registry_redis_pool_stats_hits")


def test_what_depends_on_the_linked_library_may_be_absent_in_old_versions_only() -> None:
    reasons = {absence.family: absence.why for absence in check(parse(DOCKER.read_bytes())).absences}
    assert reasons["go_gc_gogc_percent"] is Why.LINKED
    assert reasons["registry_proxy_hits_total"] is Why.LATER
    assert reasons["go_memstats_gc_cpu_fraction"] is Why.LINKED
    upstream = "# TYPE go_memstats_gc_cpu_fraction gauge\ngo_memstats_gc_cpu_fraction 0.001\n"
    assert check(parse(f"{DOCKER_TEXT}{upstream}".encode())).ok
    lookups = "# TYPE go_memstats_lookups_total counter\ngo_memstats_lookups_total 0\n"
    found = _only(check(parse(f"{NEWEST_TEXT}{lookups}".encode())))
    assert found.what is What.OTHER_VERSION


# --- whose exposition it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "version"), [("4.32.0", Version(4, 32)), ("v4.32.0-gitlab", Version(4, 32)), ("", None), ("main", None)]
)
def test_the_version_is_that_of_the_build(label: str, version: Version | None) -> None:
    report = check(parse(replaced(GITLAB_TEXT, 'version="unknown"', f'version="{label}"')))
    assert report.version == version
    assert report.ok


def test_what_is_given_is_not_detected() -> None:
    report = check(parse(DOCKER.read_bytes()), Flavor.DISTRIBUTION, Version(2, 8, 2))
    assert (report.version, report.told, report.ok) == (Version(2, 8, 2), "flavor as given", True)
    assert not check(parse(DOCKER.read_bytes()), Flavor.GITLAB).ok


def test_the_flavor_shows_before_the_first_request() -> None:
    fresh = "\n".join(line for line in GITLAB_TEXT.splitlines() if "route=" not in line).encode()
    assert check(parse(fresh)).flavor is Flavor.GITLAB
    handlers = re.sub(r"(?m)^registry_(http_request|storage_(action|cache)).*\n", "", DOCKER_TEXT).encode()
    assert check(parse(handlers)).flavor is Flavor.DISTRIBUTION


def test_an_exposition_of_something_else_is_no_registry() -> None:
    with pytest.raises(InputError, match="which registry") as caught:
        check(parse(b"# TYPE node_load1 gauge\nnode_load1 1\n# TYPE go_goroutines gauge\ngo_goroutines 1\n"))
    assert "--flavor" in str(caught.value)


def test_the_python_client_may_add_times_of_creation() -> None:
    registry = CollectorRegistry()
    Counter("registry_gc_postpones_total", "x", ["worker"], registry=registry).labels("registry.gc.worker.BlobWorker")
    buckets = METRICS["registry_database_query_duration_seconds"].forms[0].buckets or ()
    Histogram("registry_database_query_duration_seconds", "x", ["name"], buckets=buckets, registry=registry).labels(
        "blob_create"
    ).observe(1)
    text = generate_latest(registry).decode()
    assert "registry_gc_postpones_created" in text
    report = check(parse(text.encode()))
    assert {one.what for one in report.differences} == {What.ABSENT}
    stranger = "# TYPE nothing_created gauge\nnothing_created 1\n"
    assert What.UNKNOWN_FAMILY in {one.what for one in check(parse((text + stranger).encode())).differences}


@pytest.mark.parametrize("kind", [Kind.COUNTER, Kind.HISTOGRAM])
def test_no_type_can_be_swapped_unseen(kind: Kind) -> None:
    wrong = Kind.GAUGE
    for name in re.findall(rf"# TYPE (\S+) {kind}\n", GITLAB_TEXT):
        data = replaced(GITLAB_TEXT, f"# TYPE {name} {kind}\n", f"# TYPE {name} {wrong}\n")
        assert [one.family for one in check(parse(data)).differences] == [name]
