"""When alerts fired: every time for a list, and as few lines as tell it for a chart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regobs.prometheus import QueryAnswer
from regobs.promql.nodes import Matcher, MatchOp
from regobs.snapshot.happened import Firing, alert_events, firings, marks
from tests.snapshot.world import SPAN, Answering, Found

HOUR = SPAN.seconds  # the span of these tests; a pause is 150 s of it, and 90 s are near
BURN, FAILS = "RegistryAvailabilityBurn", "RegistryRouteFails"


def marked(*found: Firing) -> list[tuple[str, float, str]]:
    return [(one.kind, one.time, one.text) for one in sorted(marks(found, SPAN), key=lambda one: (one.time, one.kind))]


def test_each_time_that_an_alert_fired_is_found_and_one_that_goes_on_has_no_end() -> None:
    def alerts(text: str) -> Found:
        assert 'alertstate="firing"' in text
        points = [1.0 if 10 <= index < 20 or index >= 30 else None for index in range(SPAN.points)]
        return [({"alertname": FAILS}, points)]

    first = SPAN.first
    assert list(firings(Answering(alerts), SPAN)) == [
        Firing(FAILS, "", first + 10 * SPAN.step, first + 20 * SPAN.step),
        Firing(FAILS, "", first + 30 * SPAN.step, None),
    ]
    assert [one.text for one in alert_events(Answering(alerts), SPAN)] == [
        f"{FAILS} fires",
        f"{FAILS} has ended",
        f"{FAILS} fires",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_an_alert_that_ended_after_the_last_point_has_an_end(there: bool) -> None:
    """The last point is up to a step before the end, at which the page lists what fires."""

    class Later(Answering):
        def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
            assert time == late.end
            return super().query(text, time) if there else QueryAnswer("vector")

    late = replace(SPAN, end=SPAN.end + SPAN.step / 2)
    server = Later(lambda _: [({"alertname": BURN, "slo": "pull"}, [1.0] * SPAN.points)])
    assert list(firings(server, late)) == [Firing(BURN, "pull", SPAN.first, None if there else late.end)]


@pytest.mark.parametrize(
    ("matcher", "text"),
    [
        (Matcher("env", MatchOp.EQUAL, "a.b"), 'env=~"a\\\\.b|"'),
        (Matcher("env", MatchOp.REGEX, "a|b"), 'env=~"(?:a|b)|"'),
        (Matcher("env", MatchOp.NOT_EQUAL, "a"), 'env!="a"'),
    ],
)
def test_alerts_of_another_deployment_did_not_happen_here(matcher: Matcher, text: str) -> None:
    asked: list[str] = []

    def alerts(query: str) -> Found:
        asked.append(query)
        return []

    assert list(firings(Answering(alerts), SPAN, [matcher])) == []
    assert text in asked[0]


@pytest.mark.parametrize(("pause", "lines"), [(HOUR / 24 - 1, 2), (HOUR / 24 + 1, 4)])
def test_an_alert_that_comes_back_soon_is_marked_once(pause: float, lines: int) -> None:
    found = marked(Firing(FAILS, "", 0, 200), Firing(FAILS, "", 200 + pause, 900))
    assert len(found) == lines
    assert found[-1] == ("end", 900, f"{FAILS} has ended")
    assert found[0] == ("alert", 0, f"{FAILS} fires{' 2 times' if lines == 2 else ''}")


@pytest.mark.parametrize(("later", "lines"), [(HOUR / 40 - 1, 1), (HOUR / 40 + 1, 2)])
def test_alerts_of_one_name_that_begin_together_are_one_line(later: float, lines: int) -> None:
    found = marked(Firing(BURN, "pull", 100, None), Firing(BURN, "push", 100 + later, None))
    assert [kind for kind, _, _ in found] == ["alert"] * lines
    assert found[0][2] == (f"{BURN} (pull, push) fires" if lines == 1 else f"{BURN} (pull) fires")


def test_alerts_of_two_names_are_two_lines_and_each_end_has_its_own() -> None:
    found = marked(Firing(BURN, "pull", 100, 900), Firing(FAILS, "", 100, 2000))
    assert [(kind, at) for kind, at, _ in found] == [("alert", 100), ("alert", 100), ("end", 900), ("end", 2000)]
