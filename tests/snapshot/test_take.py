from __future__ import annotations

import threading

import pytest

from regobs.catalog.model import Capability
from regobs.config.model import Config
from regobs.errors import QueryError, ServerError
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.words import Dashboard, Row
from regobs.prometheus import QueryAnswer
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.take import THREADS, take
from tests.snapshot.world import PANELS, SPAN, Answering, Found, board, lively, shot, silent

DATABASE = Config(capabilities=frozenset({Capability.METADATA_DATABASE, Capability.GARBAGE_COLLECTION}))


class Recording(Answering):
    """Keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(lively)
        self.asked: list[tuple[str, tuple[float, ...]]] = []

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        self.asked.append((text, (time or 0,)))
        return super().query(text, time)

    def query_range(self, text: str, start: float, end: float, step: float, *, stats: bool = False) -> QueryAnswer:
        self.asked.append((text, (start, end, step)))
        return super().query_range(text, start, end, step)


def asked(
    *dashboards: Dashboard, span: TimeSpan = SPAN, config: Config = DATABASE
) -> list[tuple[str, tuple[float, ...]]]:
    server = Recording()
    bound = [bind_dashboard(f"b{number}", one, config.vocabulary) for number, one in enumerate(dashboards)]
    take(server, bound, config, span)
    return [one for one in server.asked if "ALERTS" not in one[0]]  # what fired is asked beside the panels


def test_a_chart_is_asked_over_the_span_and_a_number_at_its_end() -> None:
    found = asked(board(PANELS["In flight"], PANELS["Requests"]))
    assert sorted(when for _, when in found) == [(SPAN.first, SPAN.last, SPAN.step), (SPAN.end,)]


def test_the_window_of_a_rate_covers_the_step_and_no_grafana_variable_is_left() -> None:
    [wide] = asked(board(PANELS["Requests"]), span=TimeSpan(0, 86_400, 300))
    [narrow] = asked(board(PANELS["Requests"]), span=TimeSpan(0, 60, 15))
    assert "[5m15s]" in wide[0]
    assert "[1m]" in narrow[0]
    assert "$" not in "".join(text for text, _ in asked(board()))


def test_the_same_question_of_two_panels_is_asked_once() -> None:
    assert len(asked(board(PANELS["Requests"], PANELS["Stacked"]), board(PANELS["Requests"], title="Other"))) == 1


def test_panels_stand_where_grafana_puts_them_and_collapsed_rows_are_open() -> None:
    [dashboard] = shot().dashboards
    assert [(row.title, len(row.panels)) for row in dashboard.rows] == [("Open", 6), ("Closed", 7)]
    places = [panel.place for panel in dashboard.rows[1].panels]
    assert all(place.x + place.w <= 24 for place in places)
    cells = [(x, y) for p in places for x in range(p.x, p.x + p.w) for y in range(p.y, p.y + p.h)]
    assert len(cells) == len(set(cells)) == 24 * max(place.y + place.h for place in places)


def test_a_dashboard_of_which_nothing_is_there_says_why() -> None:
    [whole] = shot(
        Dashboard("GC", Row("r", PANELS["Collected"]), needs=Capability.GARBAGE_COLLECTION), config=Config()
    ).dashboards
    assert whole.rows == ()
    assert whole.left_out == "the dashboard needs the capability garbage_collection"


def test_what_a_deployment_lacks_is_kept_with_its_row() -> None:
    [dashboard] = shot(board(PANELS["Requests"], PANELS["Collected"]), config=Config()).dashboards
    [row] = dashboard.rows
    assert [panel.title for panel in row.panels] == ["Requests"]
    assert [(one.panel.title, one.cause) for one in row.left_out] == [("Collected", "capability")]


def test_a_panel_without_data_names_the_capability_of_which_nothing_has_data() -> None:
    [silence] = shot(board(PANELS["Collected"]), rule=silent).panels()
    assert (silence.empty, silence.hint) == (True, "needs the capability garbage_collection")
    [other] = shot(board(PANELS["Requests"]), rule=silent).panels()
    assert (other.empty, other.hint) == (True, "")
    [alive] = shot(board(PANELS["Collected"])).panels()
    assert (alive.empty, alive.hint) == (False, "")


def test_a_query_that_is_rejected_leaves_its_error_at_its_panel() -> None:
    def partly(text: str) -> Found:
        if "_seconds" in text:
            raise QueryError("rejected", query=text, expected="too many samples")
        return lively(text)

    taken = shot(board(PANELS["Spread"], PANELS["Requests"]), rule=partly)
    assert [panel.error for panel in taken.panels()] == ["too many samples", ""]
    assert taken.errors == ("too many samples",)


def test_a_server_that_goes_away_is_one_error_and_the_other_queries_are_not_sent() -> None:
    sent = []
    gone = threading.Event()

    def vanishing(text: str) -> Found:
        sent.append(text)
        if len(sent) > 2:
            gone.set()
        if gone.wait(5):
            raise ServerError("http://server:9090 cannot be reached")
        return lively(text)

    many = [board(panel, title=f"d{number}") for number, panel in enumerate(PANELS.values())]
    assert len(many) > THREADS
    with pytest.raises(ServerError, match="cannot be reached"):
        shot(*many, rule=vanishing)


def test_warnings_of_the_server_are_kept_once_each() -> None:
    assert shot(warnings=["store b is down", "store c is down"]).warnings == ("store b is down", "store c is down")


def test_progress_is_told_with_every_answer() -> None:
    steps: list[tuple[int, int]] = []
    bound = bind_dashboard("b", board(), DATABASE.vocabulary)
    take(Recording(), [bound], DATABASE, SPAN, lambda done, whole: steps.append((done, whole)))
    whole = steps[-1][1]
    assert steps == [(number, whole) for number in range(1, whole + 1)]
    assert whole > 8
