import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Flavor, Form, Kind, Label, Metric, Unit, Version

NUMBERS = st.integers(min_value=0, max_value=10_000)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)


@given(VERSIONS)
def test_a_version_is_read_back_from_its_text(version: Version) -> None:
    assert Version.parse(str(version)) == version
    assert Version.parse(f"v{version}") == version


@given(VERSIONS, st.sampled_from(["-gitlab", "+ds1", "-rc.1", "+ds1-3"]))
def test_what_follows_the_numbers_does_not_count(version: Version, rest: str) -> None:
    assert Version.parse(f"{version}{rest}") == version


@given(VERSIONS, VERSIONS)
def test_versions_are_ordered_like_their_numbers(one: Version, other: Version) -> None:
    assert (one < other) == ((one.major, one.minor, one.patch) < (other.major, other.minor, other.patch))
    assert sum([one < other, one == other, one > other]) == 1
    assert (one <= other) == (not one > other)


@given(VERSIONS, VERSIONS, VERSIONS)
def test_the_order_of_versions_is_transitive(one: Version, two: Version, three: Version) -> None:
    low, middle, high = sorted([one, two, three])
    assert low <= middle <= high
    assert low <= high


@pytest.mark.parametrize(
    ("text", "version"),
    [("4", Version(4)), ("4.32", Version(4, 32)), ("v2.8.2+ds1", Version(2, 8, 2)), (" 3.0.0 ", Version(3))],
)
def test_shorter_versions_end_in_zeros(text: str, version: Version) -> None:
    assert Version.parse(text) == version


@pytest.mark.parametrize("text", ["", "unknown", "v", "4.", ".4", "4.x", "-1", "٤.1", "4..2"])
def test_what_has_no_number_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="is not a version number"):
        Version.parse(text)


@given(st.text())
def test_any_text_is_a_version_or_a_value_error(text: str) -> None:
    try:
        version = Version.parse(text)
    except ValueError:
        return
    assert version.major >= 0


FORM = Form((Flavor.GITLAB,), since=Version(3, 4), until=Version(3, 18))


@pytest.mark.parametrize(
    ("version", "live"),
    [(Version(3, 3, 9), False), (Version(3, 4), True), (Version(3, 17, 9), True), (Version(3, 18), False)],
)
def test_a_form_lives_from_its_first_version_to_before_its_last(version: Version, live: bool) -> None:
    assert FORM.live(version) is live


def test_an_unknown_version_is_the_newest() -> None:
    assert not FORM.live(None)
    assert Form((Flavor.GITLAB,), since=Version(3, 18)).live(None)


def test_a_label_is_found_by_both_of_its_names() -> None:
    route = Label("route", exposed="handler")
    form = Form((Flavor.DISTRIBUTION,), labels=(route,))
    assert form.label("route") is route
    assert form.label("handler") is route
    assert form.label("code") is None


def test_a_label_is_exposed_under_its_own_name_by_default() -> None:
    assert Label("code").exposed == "code"


@pytest.mark.parametrize(
    ("kind", "series"),
    [
        (Kind.COUNTER, ("m",)),
        (Kind.GAUGE, ("m",)),
        (Kind.HISTOGRAM, ("m_bucket", "m_sum", "m_count")),
        (Kind.SUMMARY, ("m", "m_sum", "m_count")),
    ],
)
def test_the_kind_says_which_series_a_family_has(kind: Kind, series: tuple[str, ...]) -> None:
    assert Metric("m", kind, Unit.NONE, "", (), "c").series == series


def test_a_metric_has_the_form_of_the_flavor_and_version() -> None:
    newer = Form((Flavor.GITLAB,), since=Version(3, 18))
    metric = Metric("m", Kind.COUNTER, Unit.NONE, "", (newer, FORM), "c")
    assert metric.form(Flavor.GITLAB) is newer
    assert metric.form(Flavor.GITLAB, Version(3, 5)) is FORM
    assert metric.form(Flavor.GITLAB, Version(3)) is None
    assert metric.form(Flavor.DISTRIBUTION) is None
    assert metric.flavors == (Flavor.GITLAB,)
