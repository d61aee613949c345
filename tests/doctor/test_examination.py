"""What becomes of a question: data, nothing, left out, refused; and which rules are asked about."""

from __future__ import annotations

from regobs.config import Config
from regobs.doctor import Status, examine
from regobs.doctor.examination import examine_questions
from regobs.doctor.facts import read
from regobs.doctor.questions import PanelQuestion
from regobs.promql.nodes import Duration
from tests.doctor.stub import NOW, OneRegistry
from tests.doctor.test_content import RULES
from tests.doctor.world import IN_FLIGHT, JOB, REQUESTS
from tests.slo.packs import BUNDLED

CONFIG = Config(matchers=(JOB,))


def question(panel: str, text: str | None, left_out: str = "") -> PanelQuestion:
    return PanelQuestion("Board", "Row", panel, None if text is None else read(text), left_out)


QUESTIONS = [
    question("There", f"sum({IN_FLIGHT})"),
    question("Nothing", f"sum(rate({REQUESTS}[$__rate_interval]))"),
    question("Left out", None, "needs Redis"),
    question("Refused", "sum(up) % 7"),
]


def test_each_question_has_its_verdict_its_text_and_its_number_of_series() -> None:
    report = examine_questions(OneRegistry(refused="% 7"), CONFIG, QUESTIONS, window=Duration(60_000))
    [board] = report.dashboards
    found = {panel.title: panel.queries[0] for panel in board.panels}
    assert list(found) == ["There", "Nothing", "Left out", "Refused"]
    assert found["There"].verdict.status is Status.DATA
    assert (found["There"].text, found["There"].series) == (f"sum({IN_FLIGHT})", 1)
    assert found["Nothing"].verdict.status not in {Status.DATA, Status.ZERO, Status.LEFT_OUT, Status.ERROR}
    assert (found["Nothing"].text, found["Nothing"].series) == (f"sum(rate({REQUESTS}[1m]))", 0)
    assert (found["Left out"].verdict.status, found["Left out"].verdict.reason) == (Status.LEFT_OUT, "needs Redis")
    assert (found["Left out"].text, found["Left out"].series) == ("", 0)
    assert found["Refused"].verdict.status is Status.ERROR
    assert found["Refused"].verdict.reason == "a query of its own version"
    assert report.query_errors == 1
    assert (report.server_version, report.now) == ("2.42.0", NOW)


def test_the_rules_of_the_files_that_are_given_are_asked_about_else_those_of_the_pack() -> None:
    files = {"prometheus/rules/disk.yaml": RULES}
    report = examine(OneRegistry(), BUNDLED, CONFIG, files=files)
    assert [(rule.kind, rule.name) for rule in report.rules] == [
        ("recording", "disk:free:ratio"),
        ("alerting", "DiskFull"),
    ]
    assert len(report.dashboards) > 10
    assert len(examine(OneRegistry(), BUNDLED, CONFIG).rules) > 100
    of_one = examine(OneRegistry(), BUNDLED, CONFIG, files=files, dashboard="overview")
    assert of_one.rules == ()
    assert len(of_one.dashboards) == 1
