"""What files name elsewhere: messages and fields of a registry's log, dashboards, panels, variables, runbooks."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from regobs.lint import LintReport, Severity, lint_paths, lint_text
from regobs.logs.to_kql import encoded


def whats(report: LintReport, check: str) -> list[str]:
    return [one.what for one in report.findings if one.check == check]


def logs(expr: str, title: str = "A", **target: Any) -> LintReport:
    shown = {"type": "logs", "title": "Logs", "datasource": {"type": "loki"}, "targets": [{"expr": expr, **target}]}
    return lint_text(json.dumps({"title": title, "panels": [shown]}), "a.json", ".json")


def lucene(query: str) -> LintReport:
    shown = {"type": "logs", "title": "L", "datasource": {"type": "elasticsearch"}, "targets": [{"query": query}]}
    return lint_text(json.dumps({"title": "Registry", "panels": [shown]}), "a.json", ".json")


@pytest.mark.parametrize(
    "expr",
    [
        '{app="registry"} | json | msg="authorised request"',
        '{app="registry"} |= "authorised request"',
        '{app="registry"} |= `authorised request`',
        'sum(rate({app="registry"} | logfmt | msg="authorised request" [5m]))',
    ],
)
def test_a_message_that_no_registry_writes_is_found(expr: str) -> None:
    assert whats(logs(expr), "unknown-log-message") == ["no registry writes 'authorised request'"]


@pytest.mark.parametrize(
    "expr",
    [
        '{app="registry"} | json | msg="authorized request"',
        '{app="registry"} |= "authorized"',
        '{app="registry"} |= "my own text of another process"',
        '{app="registry"} | json | msg=~"authori[sz]ed request.*"',
        '{app="registry"} | json | msg="$message request"',
        '{app="registry"} |= "error"',
        '{app="web"} | json | msg="authorised request"',
        '{app="registry"} | json | name="authorised request"',
    ],
)
def test_a_message_that_may_be_meant_is_passed_over(expr: str) -> None:
    assert whats(logs(expr), "unknown-log-message") == []


def test_a_message_like_none_of_the_catalogue_is_a_note_where_it_is_compared_with_the_field_of_messages() -> None:
    for report in (logs('{app="registry"} | json | msg="the moon is full"'), lucene('json.msg:"the moon is full"')):
        (one,) = [one for one in report.findings if one.check == "unknown-log-message"]
        assert (one.what, one.severity) == ("no known message is 'the moon is full'", Severity.NOTE)
    assert whats(logs('{app="registry"} |= "the moon is full"'), "unknown-log-message") == []


def texts(text: str, where: str) -> LintReport:
    """Of a text for people about a registry."""
    board: dict[str, Any] = {"title": "Registry", "panels": [{"id": 1, "type": "text", "title": "T"}]}
    if where == "text panel":
        board["panels"][0]["options"] = {"mode": "markdown", "content": text}
    elif where == "old text panel":
        board["panels"][0]["content"] = text
    elif where == "description of a panel":
        board["panels"][0]["description"] = text
    elif where == "description":
        board["description"] = text
    elif where == "runbook":
        return lint_text(text, "runbooks/RegistryDown.md", ".md")
    else:
        rule = {"alert": "RegistryDown", "expr": "up == 0", "annotations": {"description": text}}
        return lint_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule]}]}, width=1000), "a.yaml", ".yaml")
    return lint_text(json.dumps(board, indent=1), "a.json", ".json")


PLACES = ["text panel", "old text panel", "description of a panel", "description", "runbook", "annotation"]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    ("text", "check", "marked"),
    [
        ('Look for `json.msg: "authorised request"`.', "unknown-log-message", 'json.msg: "authorised request"'),
        ("The log says `authorised request`.", "unknown-log-message", "`authorised request`"),
        ('Many lines of the log say "authorised request".', "unknown-log-message", '"authorised request"'),
        ('Filter by corelation_id="01J".', "unknown-log-field", "corelation_id"),
        ("Follow `corelation_id` in the logs.", "unknown-log-field", "corelation_id"),
        ("Follow `json.corelation_id` in the logs.", "unknown-log-field", "json.corelation_id"),
    ],
)
def test_what_a_text_names_wrongly_of_the_log_is_found_at_its_place(
    text: str, check: str, marked: str, where: str
) -> None:
    report = texts(text, where)
    (one,) = [one for one in report.findings if one.check == check]
    line = report.files[one.file].split("\n")[one.line - 1]
    assert line[one.column - 1 : one.end_column - 1].replace('\\"', '"') == marked


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize(
    "text",
    [
        'Look for `json.msg: "authorized request"` and `authorized request` in the log.',
        "Follow `correlation_id` and `json.remote_ip` in the logs; `remote_name` is one of ours.",
        "See `registry_http_requests_total` by `exported_type`, not the log.",
        '<a href="https://example.com/log" target="_blank" class="link">authorised request</a>',
        'Ask `sum by (code) (rate(a_total{method=~"GET", corelation_id="x"}[5m]))`, or a log of `routr="x"`.',
        "The `authorised request` is no message here.",  # nothing is said of a log
        "{{ $labels.instance }} failed: see the log, then `kubectl logs -l app=registry --tail=100`.",
    ],
)
def test_a_text_that_may_be_right_is_passed_over(text: str, where: str) -> None:
    assert [one for one in texts(text, where).findings if one.check.startswith("unknown-log")] == []


def test_runbooks_of_a_directory_are_read_and_other_pages_are_not(tmp_path: Path) -> None:
    for name in ("runbooks/A.md", "docs/A.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("# Registry\n\nThe log says `authorised request`.\n")
    report = lint_paths([tmp_path])
    assert [(Path(one.file).parent.name, one.line, one.column) for one in report.findings] == [("runbooks", 3, 14)]
    assert len(lint_paths([tmp_path / "docs" / "A.md"]).findings) == 1


def test_the_marks_of_a_dashboard_are_read() -> None:
    marks = [
        {"name": "Loki", "datasource": {"type": "loki"}, "expr": '{app="registry"} |= "authorised request"'},
        {"name": "Elastic", "datasource": {"type": "elasticsearch"}, "query": 'json.corelation_id:"a"'},
        {"name": "Deploys", "datasource": {"type": "prometheus"}, "expr": "changes(up[)"},
        {"name": "Starts", "datasource": {"type": "prometheus"}, "expr": "registry_http_in_flight_requsts > 1"},
        {"name": "Built in", "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "query": "corelation_id:"},
        {"name": "Of MySQL", "datasource": {"type": "mysql"}, "expr": "not promql("},
    ]
    report = lint_text(
        json.dumps({"title": "Registry", "annotations": {"list": marks}, "panels": []}), "a.json", ".json"
    )
    assert sorted(one.check for one in report.findings) == [
        "syntax", "unknown-log-field", "unknown-log-message", "unknown-metric",
    ]  # fmt: skip


def test_a_field_that_no_line_has_is_found_in_each_language() -> None:
    what = "no line of a registry has a field corelation_id"
    assert whats(logs('{app="registry"} | json | corelation_id="a"'), "unknown-log-field") == [what]
    assert whats(lucene('json.corelation_id:"a" AND json.type:"registry"'), "unknown-log-field") == [what]


@pytest.mark.parametrize(
    "expr",
    [
        '{app="registry"} | json | correlation_id="a"',
        '{app="registry", corelation_id="a"}|= "x"',  # a label of the stream
        '{app="registry"} | json | team_of_ours="a"',
        '{app="registry"} | json | duration_ms > 5',
        '{app="web"} | json | corelation_id="a"',
    ],
)
def test_a_field_that_may_be_there_is_passed_over(expr: str) -> None:
    assert whats(logs(expr), "unknown-log-field") == []


def test_the_logs_of_a_rule_are_read_too() -> None:
    rule = {"alert": "A", "expr": 'sum(rate({app="registry"} | json | corelation_id="a" [5m])) > 1'}
    report = lint_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule]}]}), "a.yaml", ".yaml")
    assert whats(report, "unknown-log-field")
    one = next(one for one in report.findings if one.check == "unknown-log-field")
    line = report.files[one.file].split("\n")[one.line - 1]
    assert line[one.column - 1 : one.end_column - 1] == "corelation_id"


BOARDS: dict[str, dict[str, Any]] = {
    "pools-detail": {"variables": ["cluster"], "panels": [1, 2]},
    "overview": {"variables": [], "panels": [1]},
}


def boards(url: str, folder: Path, where: str = "links") -> list[str]:
    for uid, of in BOARDS.items():
        panels: list[dict[str, Any]] = [{"id": one, "type": "text", "title": f"P{one}"} for one in of["panels"]]
        data: dict[str, Any] = {"uid": uid, "title": uid, "panels": panels}
        data["templating"] = {"list": [{"name": one, "type": "textbox"} for one in of["variables"]]}
        link = {"title": "There", "url": url}
        if uid == "overview" and where == "links":
            data["links"] = [link]
        elif uid == "overview" and where == "panel":
            panels[0]["links"] = [link]
        elif uid == "overview":
            panels[0]["fieldConfig"] = {"defaults": {"links": [link]}}
        (folder / f"{uid}.json").write_text(json.dumps(data))
    return whats(lint_paths([folder]), "dead-dashboard-link")


@pytest.mark.parametrize("where", ["links", "panel", "field"])
@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("/d/pools-detail?viewPanel=3", "the dashboard pools-detail has no panel 3"),
        ("/d/pools-detail/pools?orgId=1&viewPanel=panel-3", "the dashboard pools-detail has no panel 3"),
        (
            "https://grafana.example.com/d/pools-detail?var-clustr=x",
            "the dashboard pools-detail has no variable clustr",
        ),
        ("d/pools-detial", "no dashboard has the uid pools-detial"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(url: str, what: str, where: str, tmp_path: Path) -> None:
    assert boards(url, tmp_path, where) == [what]


@pytest.mark.parametrize(
    "url",
    [
        "/d/pools-detail?viewPanel=2&var-cluster=$cluster",
        "/d/another-teams-board?viewPanel=9",
        "/d/$uid?viewPanel=9",
        "https://example.com/documents/d/x",
        "https://[broken",
        "",
    ],
)
def test_a_link_that_may_lead_somewhere_is_passed_over(url: str, tmp_path: Path) -> None:
    assert boards(url, tmp_path) == []


def runbook(url: str, folder: Path) -> list[str]:
    pages = folder / "runbooks"
    pages.mkdir(parents=True, exist_ok=True)
    (pages / "PoolFull.md").write_text('# PoolFull\n\n## Who to call?\n\n<a name="old"></a>\n\n## Check `it` -- now\n')
    rule = {
        "alert": "A",
        "expr": "up == 0",
        "labels": {"severity": "page"},
        "annotations": {"summary": "x", "runbook_url": url},
    }
    rules = folder / "rules"
    rules.mkdir(exist_ok=True)
    (rules / "a.yaml").write_text(yaml.safe_dump({"groups": [{"name": "a", "rules": [rule]}]}))
    return whats(lint_paths([rules / "a.yaml"]), "dead-runbook")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://example.com/blob/main/runbooks/PoolFul.md", "has no PoolFul.md"),
        ("runbooks/Missing.md", "has no Missing.md"),
        ("https://example.com/runbooks/PoolFull.md#whom-to-call", "PoolFull.md has no heading whom-to-call"),
    ],
)
def test_a_runbook_that_is_not_there_is_found(url: str, what: str, tmp_path: Path) -> None:
    (found,) = runbook(url, tmp_path)
    assert found.endswith(what)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/runbooks/PoolFull.md",
        "https://example.com/runbooks/PoolFull.md#who-to-call",
        "https://example.com/runbooks/PoolFull.md#check-it----now",
        "https://example.com/runbooks/PoolFull.md#old",
        "https://example.com/handbook/Missing.md",  # another place
        "https://example.com/runbooks/{{ $labels.alertname }}.md",
        "https://example.com/runbooks/Missing",
        "../../../etc/runbooks/Missing.md",
        "https://example.com/",
    ],
)
def test_a_runbook_that_may_be_there_is_passed_over(url: str, tmp_path: Path) -> None:
    assert runbook(url, tmp_path) == []


def test_the_time_of_a_log_query_grows_with_its_length() -> None:
    def once(count: int) -> float:
        start = time.process_time()
        logs('{app="registry"} | json' + ' | msg="a' * count)
        logs('{app="registry"} | json ' + "a" * 10 * count)
        return time.process_time() - start

    def seconds(count: int) -> float:
        return min(once(count) for _ in range(5))  # a collection of garbage of the whole run may come in between

    assert seconds(8000) < 8 * seconds(2000) + 0.1


def kibana(kql: str, title: str = "Registry") -> LintReport:
    """Of a dashboard with a link to Discover, its state written as `regobs logs link` writes it."""
    url = f"https://kibana/app/discover#/?_g=()&_a={encoded({'query': {'language': 'kuery', 'query': kql}})}"
    return lint_text(json.dumps({"title": title, "panels": [{"links": [{"url": url}]}]}), "a.json", ".json")


def test_a_message_in_a_link_to_kibana_that_no_registry_writes_is_found_at_the_link() -> None:
    report = kibana('json.msg: "authorised request"')
    assert whats(report, "unknown-log-message") == ["no registry writes 'authorised request'"]
    (one,) = report.findings
    assert report.files["a.json"][one.column - 1 : one.end_column - 1].startswith('"https://kibana/app/discover#/?')
    assert whats(kibana('json.corelation_id: "it\'s"'), "unknown-log-field") == [
        "no line of a registry has a field corelation_id"
    ]


def test_a_filter_in_a_link_to_kibana_is_read() -> None:
    state = "(filters:!((query:(match_phrase:(json.msg:'authorised!! request')))),query:(language:kuery,query:''))"
    for url in (f"https://kibana/app/discover#/?_a={state}", f"https://kibana/app/discover#/?_g=()&_a={quote(state)}"):
        report = lint_text(json.dumps({"title": "Registry", "panels": [], "links": [{"url": url}]}), "a.json", ".json")
        assert whats(report, "unknown-log-message") == ["no registry writes 'authorised! request'"]


@pytest.mark.parametrize(
    ("kql", "title"),
    [
        ('json.msg: "authorized request"', "Registry"),
        ('json.msg: "authorised request"', "Mail"),
        ('json.msg: "${message} request"', "Registry"),
        ('json.correlation_id: "01J"', "Registry"),
    ],
)
def test_a_link_to_kibana_that_may_be_right_is_passed_over(kql: str, title: str) -> None:
    assert kibana(kql, title).findings == []
