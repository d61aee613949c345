import gzip
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families as text_families

from regobs.catalog import exposition
from regobs.catalog.exposition import Exposition, Format, ParsedFamily, parse
from regobs.errors import InputError
from tests.catalog.samples import ALL, DOCKER, GITLAB, text_of

TEXT = """\
# HELP registry_redis_single_errors Errors
# TYPE registry_redis_single_errors counter
registry_redis_single_errors{command="get"} 3
# TYPE registry_notifications_retries_count histogram
registry_notifications_retries_count_bucket{le="0"} 1
registry_notifications_retries_count_bucket{le="+Inf"} 2
registry_notifications_retries_count_sum 4
registry_notifications_retries_count_count 2
# TYPE registry_database_migrations_total gauge
registry_database_migrations_total{migration_type="pre_deployment"} 184
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.5"} 2.5e-05
go_gc_duration_seconds_sum 1
go_gc_duration_seconds_count 7
"""
OPEN = """\
# TYPE registry_redis_single_errors counter
registry_redis_single_errors_total{command="get"} 3 # {trace_id="x"} 1.0 1700000000.0
registry_redis_single_errors_created{command="get"} 1700000000.5
# TYPE registry_notifications_retries_count histogram
registry_notifications_retries_count_bucket{le="0.0"} 1
registry_notifications_retries_count_bucket{le="+Inf"} 2 # {trace_id="a # b"} 3
registry_notifications_retries_count_sum 4
registry_notifications_retries_count_count 2
# TYPE registry_database_migrations_total gauge
registry_database_migrations_total{migration_type="pre_deployment"} 184
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.5"} 2.5e-05
go_gc_duration_seconds_sum 1
go_gc_duration_seconds_count 7
# EOF
"""
NAMES = {
    "registry_redis_single_errors": "counter",
    "registry_notifications_retries_count": "histogram",
    "registry_database_migrations_total": "gauge",
    "go_gc_duration_seconds": "summary",
}


@pytest.mark.parametrize(("text", "form"), [(TEXT, Format.TEXT), (OPEN, Format.OPENMETRICS)], ids=["text", "open"])
def test_a_family_has_the_name_and_type_of_its_type_line(text: str, form: Format) -> None:
    found = parse(text.encode())
    assert found.format is form
    assert {family.name: family.kind for family in found.families.values()} == NAMES
    assert [len(family.samples) for family in found.families.values()] == [1 + (form is Format.OPENMETRICS), 4, 1, 3]


def test_the_text_name_of_an_openmetrics_counter_has_its_total() -> None:
    found = parse(b"# TYPE a counter\na_total 1\n# TYPE b_total gauge\nb_total 1\n# EOF\n")
    assert [family.text_name for family in found.families.values()] == ["a_total", "b_total"]
    assert parse(b"# TYPE a counter\na 1\n").families["a"].text_name == "a"


def test_a_gauge_and_a_counter_may_share_a_stem_in_openmetrics() -> None:
    found = parse(b"# TYPE a gauge\na 1\n# TYPE a counter\na_total 2\na_created 3\n# EOF\n")
    kinds = {name: (family.name, family.kind, len(family.samples)) for name, family in found.families.items()}
    assert kinds == {"a": ("a", "gauge", 1), "a_total": ("a", "counter", 2)}


def test_a_sample_knows_its_labels_value_and_line() -> None:
    sample = parse(b'# TYPE a gauge\n\na{x="1",y="two \\"quoted\\" \\\\ \\n end",} -1.5e3 1700000000000\n')
    (found,) = sample.families["a"].samples
    assert found.labels == {"x": "1", "y": 'two "quoted" \\ \n end'}
    assert (found.name, found.value, found.line) == ("a", -1500.0, 3)


@pytest.mark.parametrize(
    ("text", "value"), [("+Inf", math.inf), ("-Inf", -math.inf), ("0", 0.0), (".5", 0.5), ("5.", 5.0), ("1E+2", 100.0)]
)
def test_numbers_as_go_writes_them(text: str, value: float) -> None:
    assert parse(f"a {text}\n".encode()).families["a"].samples[0].value == value


def test_not_a_number_is_a_number_here() -> None:
    assert math.isnan(parse(b"a NaN\n").families["a"].samples[0].value)


def test_samples_without_a_type_line_are_untyped() -> None:
    assert parse(b"a_total 1\n").families["a_total"].kind == exposition.UNTYPED


def test_a_quoted_name_stands_inside_the_braces() -> None:
    (family,) = parse(b'{"my.metric","my.label"="v"} 1\n').families.values()
    assert (family.name, dict(family.samples[0].labels)) == ("my.metric", {"my.label": "v"})


def test_lines_may_end_as_on_windows() -> None:
    assert parse(TEXT.replace("\n", "\r\n").encode()).sample_count == parse(TEXT.encode()).sample_count
    assert parse(OPEN.replace("\n", "\r\n").encode()).format is Format.OPENMETRICS


@pytest.mark.parametrize(
    ("line", "problem", "column"),
    [
        ("<!DOCTYPE html>", "not a sample", None),
        ('{"status":"error"}', "malformed", 10),
        ('a{x="1" 2', "malformed", 9),
        ('a{x="1"', "malformed", 8),
        ('a{x="1} 2', "without a value", 3),
        ('a{x="1",x="2"} 2', "twice", 9),
        ("a{x} 2", "without a value", 3),
        ("a", "no number", 2),
        ("a b", "no number", 3),
        ("a 1_000", "no number", 3),
        ("a 1 2 3", "no number", 3),
        ("a-b 1", "no number", 2),
        ("# TYPE a kounter", "unknown type", None),
        ("# TYPE a", "unknown type", None),
    ],
)
def test_a_malformed_line_is_one_error_with_its_place(line: str, problem: str, column: int | None) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        parse(f"# TYPE ok gauge\nok 1\n{line}\n".encode(), source="scrape.prom")
    error = caught.value
    assert error.location is not None
    assert (error.location.file, error.location.line) == ("scrape.prom", 3)
    assert error.location.column == column
    assert error.value
    assert error.expected
    assert error.next_step


def test_a_long_line_is_shown_in_part() -> None:
    with pytest.raises(InputError) as caught:
        parse(b"?" * 5000)
    assert len(str(caught.value.value)) < 200


def test_a_second_type_line_is_an_error() -> None:
    with pytest.raises(InputError, match="second TYPE line for a") as caught:
        parse(b"# TYPE a gauge\na 1\n# TYPE a gauge\n")
    assert caught.value.location is not None
    assert caught.value.location.line == 3


def test_text_after_the_end_is_an_error() -> None:
    with pytest.raises(InputError, match="after # EOF"):
        parse(b"a 1\n# EOF\nb 2\n")
    assert parse(b"a 1\n# EOF\n\n").sample_count == 1


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# just a comment\n", b"# EOF\n"])
def test_nothing_is_no_exposition(data: bytes) -> None:
    with pytest.raises(InputError, match="no metric"):
        parse(data)


def test_what_is_no_text_is_an_error_with_its_place() -> None:
    with pytest.raises(InputError, match="UTF-8") as caught:
        parse(b"a 1\nb \xff\n", source="x")
    assert str(caught.value.location) == "x:2:3"


def test_gzip_is_unpacked_also_in_several_members() -> None:
    halves = [gzip.compress(part.encode()) for part in (TEXT[:200], TEXT[200:])]
    assert parse(b"".join(halves)).families.keys() == NAMES.keys()


def test_a_cut_off_gzip_is_an_error() -> None:
    packed = gzip.compress(TEXT.encode())
    with pytest.raises(InputError, match="cut off"):
        parse(packed[:-9])
    with pytest.raises(InputError, match=r"damaged|cut off"):
        parse(packed[:20] + b"\0\0\0" + packed[23:])


def test_a_gzip_bomb_is_refused_before_it_unfolds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MAX_BYTES", 1000)
    assert parse(gzip.compress(b"a 1\n" + b"#" * 996)).sample_count == 1
    for data in (gzip.compress(b"a 1\n" + b"#" * 997), gzip.compress(b"\n" * 600) * 3, b"a 1\n" + b"#" * 997):
        with pytest.raises(InputError, match="too large"):
            parse(data)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_a_recorded_scrape_reads_as_the_client_library_reads_it(path: Path) -> None:
    text = text_of(path)
    theirs = [sample for family in text_families(text) for sample in family.samples]
    assert _samples(parse(text.encode())) == _plain((one.name, one.labels, one.value) for one in theirs)


def test_openmetrics_reads_as_the_client_library_reads_it() -> None:
    text = OPEN.replace('a # b"', 'ab"')  # theirs stumbles over a # in an exemplar
    families = openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    theirs = [sample for family in families for sample in family.samples]
    assert _samples(parse(text.encode())) == _plain((one.name, one.labels, one.value) for one in theirs)


Plain = list[tuple[str, tuple[tuple[str, str], ...], float]]


def _samples(found: Exposition) -> Plain:
    samples = [sample for family in found.families.values() for sample in family.samples]
    return _plain((sample.name, sample.labels, sample.value) for sample in samples)


def _plain(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> Plain:
    """In one order; without the `_total` that the client library adds to the counters that have none."""
    return sorted(
        (name.removesuffix("_total"), tuple(sorted(labels.items())), value) for name, labels, value in samples
    )


# --- laws -----------------------------------------------------------------------------------------------------------

IDENTIFIERS = st.from_regex(r"\A[a-z][a-z0-9_]{0,8}x\Z")
LABELS = st.dictionaries(IDENTIFIERS, st.text(st.characters(exclude_categories=["Cs"])), max_size=4)
VALUES = st.floats(allow_nan=False)
POINTS = st.lists(st.tuples(LABELS, VALUES), min_size=1, max_size=3)
FAMILIES = st.dictionaries(
    IDENTIFIERS, st.tuples(st.sampled_from(["counter", "gauge"]), POINTS), min_size=1, max_size=4
)


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _render(families: dict[str, tuple[str, list[tuple[dict[str, str], float]]]], *, spaced: bool) -> str:
    gap = " " if spaced else ""
    lines = []
    for name, (kind, points) in families.items():
        lines.append(f"# TYPE {name} {kind}")
        for labels, value in points:
            inner = f",{gap}".join(f'{label}{gap}={gap}"{_escape(text)}"' for label, text in labels.items())
            lines.append(f"{name}{{{gap}{inner}{gap}}} {value!r}")
    return "\n".join(lines) + "\n"


@given(FAMILIES, st.booleans())
def test_what_is_written_is_read_back(
    families: dict[str, tuple[str, list[tuple[dict[str, str], float]]]], spaced: bool
) -> None:
    found = parse(_render(families, spaced=spaced).encode())
    read = {
        family.name: (family.kind, [(dict(sample.labels), sample.value) for sample in family.samples])
        for family in found.families.values()
    }
    assert read == families


def _only_input_errors(data: bytes) -> None:
    try:
        found = parse(data)
    except InputError:
        return
    assert found.families
    assert all(isinstance(family, ParsedFamily) for family in found.families.values())


@given(st.binary(max_size=200))
@example(b"\x1f\x8b")
@example(b"\x1f\x8b\x08\x00")
@example(b"{")
@example(b'{"')
@example(b'a{b="\\')
def test_random_bytes_raise_nothing_but_input_errors(data: bytes) -> None:
    _only_input_errors(data)


@given(st.text(alphabet='ab_{}="\\,#\n 01.+-eTYPE', max_size=60))
def test_almost_right_text_raises_nothing_but_input_errors(text: str) -> None:
    _only_input_errors(text.encode())


@given(st.integers(min_value=0, max_value=10**6), st.binary(min_size=1, max_size=3))
def test_a_damaged_scrape_raises_nothing_but_input_errors(place: int, damage: bytes) -> None:
    for path in (DOCKER, GITLAB):
        data = path.read_bytes()
        place %= len(data)
        _only_input_errors(data[:place] + damage + data[place + len(damage) :])


@pytest.mark.parametrize(
    "hostile", [lambda n: "a" * n, lambda n: "a{" * n, lambda n: 'a{b="' + "\\" * n, lambda n: "a{" + 'b="c",' * n]
)
def test_a_hostile_line_takes_no_more_than_linear_time(hostile: Callable[[int], str]) -> None:
    with pytest.raises(InputError):
        parse(hostile(200_000).encode())
