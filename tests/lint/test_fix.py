"""`--fix` changes what has one right answer, where it stands, and not one character of the rest."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.lint import LintContext, lint_paths, lint_text
from regobs.lint.fix import _NO_BETTER, fix_files, fix_text

_USE = "avg(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open)"
RULES = """\
# the team's rules: é
groups:
  - name: pool   # three blanks
    rules:
      - alert: PoolFull
        expr: max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 70
        labels: {severity: page}
        annotations: {summary: "full", runbook_url: 'hhttps://example.com/''a'''}
      - record: job:errors:rate5m
        expr: "sum by (job) (rate(errors_total{code=\\"5..\\"}[5m]))"

      - record: job:fast:rate5m
        expr: |
          # slow ones aside
          sum by (job) (
            rate(registry_http_request_duration_seconds_bucket{le="10"}[5m])
          )
      - record: job:latency:p90
        expr: >-
          histogram_quantile(90,
            sum by (job) (rate(x_seconds_bucket[5m])))
"""


def fixed(text: str, suffix: str = ".yaml") -> str:
    path = Path(f"rules{suffix}")
    report = lint_text(text.removeprefix("\ufeff").replace("\r\n", "\n"), str(path), suffix)
    changed, _ = fix_text(text, [one for one in report.findings if one.fix], path, LintContext())
    return changed


def test_each_style_of_yaml_is_kept() -> None:
    after = fixed(RULES)
    assert after == (
        RULES.replace("> 70", "> 0.7")
        .replace("hhttps://", "https://")
        .replace('code=\\"5..\\"', 'code=~\\"5..\\"')
        .replace('le="10"', 'le=~"10|10\\\\.0"')
        .replace("histogram_quantile(90,", "histogram_quantile(0.9,")
        .replace("sum by (job) (rate(x_", "sum by (le, job) (rate(x_")
    )
    assert fixed(after) == after


def test_line_ends_and_a_byte_order_mark_stay() -> None:
    windows = "\ufeff" + RULES.replace("\n", "\r\n")
    after = fixed(windows)
    assert after == "\ufeff" + fixed(RULES).replace("\n", "\r\n")


def test_a_file_of_two_kinds_of_line_ends_is_left_as_it_is() -> None:
    mixed = RULES.replace("\n", "\r\n", 3)
    assert fixed(mixed) == mixed


@pytest.mark.parametrize(
    "before",
    ["&a ", "!!str ", "&a !!str ", "!!str &a ", "!<tag:yaml.org,2002:str> ", "&a\n      ", "&a # the use\n      "],
)
@pytest.mark.parametrize("value", [f"{_USE} > N", f"'{_USE} > N'", f'"{_USE} > N"', f"|\n      {_USE} > N"])
def test_a_value_behind_an_anchor_or_a_tag_is_found_and_corrected_in_its_place(before: str, value: str) -> None:
    text = f"groups:\n- name: a\n  rules:\n  - alert: A\n    expr: {before}{value}\n"
    wrong = text.replace("N", "70")
    (one,) = [one for one in lint_text(wrong, "a.yaml", ".yaml").findings if one.fix is not None]
    assert wrong.splitlines()[one.line - 1][one.column - 1 : one.end_column - 1] == "70"
    assert fixed(wrong) == text.replace("N", "0.7")


def test_what_stands_behind_an_anchor_is_corrected_once_for_all_its_aliases() -> None:
    rules = "".join(
        f"  - alert: {name}\n    expr: {value}\n" for name, value in (("A", f"&a {_USE} > 70"), ("B", "*a"))
    )
    text = f"groups:\n- name: a\n  rules:\n{rules}"
    assert fixed(text) == text.replace("> 70", "> 0.7")


def _mixed(file: Path) -> None:
    file.write_bytes(RULES.replace("\n", "\r\n", 3).encode())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [(_mixed, "line ends of both kinds"), (lambda file: file.chmod(0o444), "nobody may write to the file")],
    ids=["line ends", "permission"],
)
def test_each_finding_that_is_left_is_said_with_its_line_and_the_reason(
    spoil: Callable[[Path], None], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    spoil(file)
    run(["lint", "--fix", "--notes", str(file)])
    told = capsys.readouterr().err.splitlines()
    assert told[0] == f"{file}: 0 corrected, {len(told) - 1} left as they are"
    assert told[1].startswith(f"{file}:6: ratio-compared-with-percent is left: ")
    assert all(reason in line for line in told[1:])


def test_a_correction_that_would_bring_another_finding_is_left_with_the_reason(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(RULES)
    report = lint_paths([file])
    offered = next(one for one in report.findings if one.fix is not None)
    assert offered.fix is not None
    spoilt = replace(offered, fix=replace(offered.fix, text="(("))
    (one,) = fix_files(report, LintContext(), [spoilt])
    assert (one.fixed, [reason for _, reason in one.left]) == (0, [_NO_BETTER])
    assert file.read_text() == RULES


_P90 = "histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m])))"
BOARD = """\
{"title": "A",   "panels": [
  {"id": 1, "type": "stat", "title": "One", "options": {"reduceOptions": {"calcs": ["last"]}},
   "targets": [{"refId": "A", "expr": "sum(rate(a_total{stage=\\"$stage\\"}[$__interval]))"}]}],
 "templating": {"list": [
  {"name": "stage", "type": "custom", "multi": true, "query": "main,cny,",
   "current": {"value": "main "}}]}}
"""


def test_a_dashboard_is_changed_where_the_problem_stands() -> None:
    assert fixed(BOARD, ".json") == (
        BOARD.replace('["last"]', '["lastNotNull"]')
        .replace('stage=\\"$stage', 'stage=~\\"$stage')
        .replace("$__interval", "$__rate_interval")
        .replace("main,cny,", "main,cny")
        .replace('"main "', '"main"')
    )


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("delta(a_total[1h]) > rate(a_total[1h])", "increase(a_total[1h]) > rate(a_total[1h])"),
        ("go_memstats_gc_cpu_fraction > 5.0", "go_memstats_gc_cpu_fraction > 0.05"),
        ("go_memstats_gc_cpu_fraction > 70.50", "go_memstats_gc_cpu_fraction > 0.705"),
        ("histogram_quantile(0.9, sum(rate(a_bucket[5m])))", _P90),
        ("histogram_quantile(0.9, sum by () (rate(a_bucket[5m])))", _P90),
    ],
)
def test_a_query_is_corrected(wrong: str, right: str) -> None:
    assert fixed(wrong, ".promql") == right


@pytest.mark.parametrize(
    "kept",
    [
        "registry_storage_rate_limit_total > 10",  # rate or increase
        'up{job=~"a"} / on () up{job="a|b"}',  # a text or an expression
        "rate(registry_storage_ratelimit_total[5m])",  # which metric is meant is a guess
        "histogram_quantile(0.9, sum by (a) (rate(a_bucket[5m])) + sum by (a) (rate(b_bucket[5m])))",
        "histogram_quantile(900, sum by (le) (rate(a_bucket[5m])))",
    ],
)
def test_what_has_several_answers_stays(kept: str) -> None:
    assert lint_text(kept, "a.promql", ".promql").findings
    assert fixed(kept, ".promql") == kept


def test_the_command_writes_the_file_and_says_what_remains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES + "      - alert: NoText\n        expr: up == 0\n        labels: {severity: page}\n")
    file.chmod(0o640)
    assert run(["lint", "--fix", str(file)]) == 1
    said = capsys.readouterr()
    assert "rules.yaml: 6 corrected" in said.err
    assert "no-text" in said.out
    assert "ratio-compared-with-percent" not in said.out
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text().startswith(fixed(RULES))


def test_notes_are_only_corrected_with_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.promql"
    for words, right in (([], 'le="10"'), (["--notes"], 'le=~"10|10\\\\.0"')):
        file.write_text('rate(x_bucket{le="10"}[5m])')
        assert run(["lint", "--fix", *words, str(file)]) == 0
        assert right in file.read_text()
    assert "1 corrected" in capsys.readouterr().err


def test_standard_input_cannot_be_corrected_in_place(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"up")))
    assert run(["lint", "--fix"]) == 2
    assert "standard input" in capsys.readouterr().err


def test_sarif_offers_what_fix_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules é.yaml"
    # the second correction would leave as much to find as there was, so it is not made
    odd = "      - {alert: Odd, expr: up == 0, annotations: {runbook_url: 'hhttps://'}, labels: {severity: page}}\n"
    file.write_text(RULES + odd)
    run(["lint", "--notes", "--format", "sarif", str(file)])
    (sarif,) = json.loads(capsys.readouterr().out)["runs"]
    lines = file.read_text().splitlines(keepends=True)
    changes = []
    for result in sarif["results"]:
        for fix in result.get("fixes", ()):
            # Source: SARIF 2.1.0, 3.55 to 3.57: which properties there are, which must be, and that no list is empty.
            assert fix.keys() == {"description", "artifactChanges"}
            (change,) = fix["artifactChanges"]
            (replacement,) = change["replacements"]
            assert change["artifactLocation"] == result["locations"][0]["physicalLocation"]["artifactLocation"]
            assert replacement.keys() == {"deletedRegion", "insertedContent"}
            changes.append((replacement["deletedRegion"], replacement["insertedContent"]["text"]))
    changes.sort(key=lambda one: (one[0]["startLine"], one[0]["startColumn"]), reverse=True)
    for region, text in changes:
        assert region["startLine"] == region["endLine"]
        line = lines[region["startLine"] - 1]
        lines[region["startLine"] - 1] = line[: region["startColumn"] - 1] + text + line[region["endColumn"] - 1 :]
    run(["lint", "--notes", "--fix", str(file)])
    assert file.read_text() == "".join(lines)
    assert len(changes) > 4


def test_sarif_offers_nothing_for_what_is_not_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(RULES.encode())))
    run(["lint", "--format", "sarif"])
    results = json.loads(capsys.readouterr().out)["runs"][0]["results"]
    assert results
    assert not any("fixes" in one for one in results)
