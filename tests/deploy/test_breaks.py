"""What an upgrade takes away is told, with what it breaks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.deploy.breaks import UpgradeBreak, upgrade_breaks
from regobs.deploy.rule_changes import kept_names

RULES = """\
groups:
- name: a
  rules:
  - record: registry:requests:rate5m
    expr: sum(rate(registry_http_requests_total[5m]))
  - record: registry:slo_events:increase30s
    expr: sum(increase(registry_http_requests_total[45s]))
    labels: {slo: pull}
  - alert: High
    expr: registry:requests:rate5m > 5
    labels: {severity: page, team: registry}
"""


def build(rules: str = RULES, **dashboards: str) -> dict[str, bytes]:
    boards = dashboards or {"overview": "Overview"}
    files = {f"dashboards/{uid}.json": json.dumps({"uid": uid, "title": title}) for uid, title in boards.items()}
    return {"prometheus/rules/a.yaml": rules.encode(), **{name: text.encode() for name, text in files.items()}}


def told(new: dict[str, bytes]) -> list[tuple[str, str, str]]:
    return [(one.kind, one.name, one.became) for one in upgrade_breaks(build(), new)]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("record: registry:requests:rate5m", "record: registry:all:rate5m",
         ("recorded series", "registry:requests:rate5m", "registry:all:rate5m")),
        ("alert: High", "alert: TooHigh", ("alert", "High", "TooHigh")),
        (", team: registry", "", ("label", "team of High", "")),
    ],
)  # fmt: skip
def test_what_is_renamed_or_dropped_is_told(old: str, new: str, expected: tuple[str, str, str]) -> None:
    assert old in RULES
    assert told(build(RULES.replace(old, new))) == [expected]


def test_what_is_gone_is_told_with_what_it_breaks() -> None:
    short = RULES.split("  - record: registry:slo", maxsplit=1)[0]
    found = {one.name: one for one in upgrade_breaks(build(), build(short))}
    assert "error budget begins anew" in found["registry:slo_events:increase30s slo=pull"].breaks
    assert "silences" in found["High"].breaks
    assert {one.became for one in found.values()} == {""}


def test_a_dashboard_with_another_uid_is_told_by_its_title() -> None:
    assert told(build(home="Overview")) == [("dashboard", "overview", "home")]
    assert told(build(home="Home")) == [("dashboard", "overview", "")]


@pytest.mark.parametrize(("old", "new"), [("> 5", "> 6"), ("severity: page", "severity: ticket"), ("", "")])
def test_what_keeps_its_name_breaks_nothing(old: str, new: str) -> None:
    assert told(build(RULES.replace(old, new))) == []


def test_what_is_added_breaks_nothing() -> None:
    assert told(build(RULES + "  - alert: Another\n    expr: up == 0\n", overview="Overview", more="More")) == []


def test_a_break_reads_as_a_sentence() -> None:
    assert str(UpgradeBreak("alert", "A", "B", "silences")) == "alert A is called B now: silences"
    assert str(UpgradeBreak("alert", "A", "", "silences")) == "alert A is gone: silences"


def test_a_build_says_what_it_would_break_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(["build", "--out", str(out)]) == 0
    capsys.readouterr()
    assert run(["build", "--against", str(out)]) == 0
    assert "nothing is renamed or gone" in capsys.readouterr().out
    path = out / "prometheus/rules/http.yaml"
    before = path.read_text()
    name = next(line.split(": ")[1] for line in before.splitlines() if "- alert: " in line)
    path.write_text(before.replace(f"- alert: {name}\n", "- alert: RegistryCalledOtherwise\n"))
    assert run(["build", "--against", str(out)]) == 1
    said = capsys.readouterr().out
    assert f"alert RegistryCalledOtherwise is called {name} now" in said
    assert said.endswith(f"1 name of {out} is renamed or gone\n")
    path.write_text(before.replace("- record: registry:", "- record: registry:older:"))
    assert run(["build", "--against", str(out)]) == 1
    assert re.search(r"\n([2-9]|\d\d+) names of \S+ are renamed or gone\n$", capsys.readouterr().out)
    path.write_text(before.replace(f"- alert: {name}\n", "- alert: RegistryCalledOtherwise\n"))
    assert "RegistryCalledOtherwise" in path.read_text()


@pytest.mark.parametrize("arguments", [[], ["--against", "missing"]])
def test_a_build_without_a_directory_is_an_input_error(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["build", *arguments]) == 2
    assert "Error" in capsys.readouterr().err


NEWER = """\
groups:
- name: a
  interval: 1m
  rules:
  - record: registry:all:rate5m
    expr: sum(rate(registry_http_requests_total[5m]))
  - alert: TooHigh
    expr: registry:all:rate5m > 5
    labels: {severity: page}
"""


def test_series_are_kept_under_their_old_names_and_alerts_are_not() -> None:
    old, new = build()["prometheus/rules/a.yaml"], NEWER.encode()
    assert kept_names({"a.yaml": old}, {"a.yaml": new}) == [
        {  # what is gone is recorded as it was
            "name": "registry:kept_names",
            "rules": [
                {
                    "record": "registry:slo_events:increase30s",
                    "expr": "sum(increase(registry_http_requests_total[45s]))",
                    "labels": {"slo": "pull"},
                }
            ],
        },
        {  # what is called otherwise is read under its new name, as often as that is recorded
            "name": "registry:kept_names:1m",
            "interval": "1m",
            "rules": [{"record": "registry:requests:rate5m", "expr": "registry:all:rate5m"}],
        },
    ]
    assert kept_names({"a.yaml": old}, {"a.yaml": old}) == []


def test_a_build_keeps_the_names_of_an_older_one_in_every_shape(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["build", "--out", str(tmp_path / "old")]) == 0
    http = tmp_path / "old/prometheus/rules/http.yaml"
    series = "registry:http_requests:rate5m"
    assert f"record: {series}" in http.read_text()
    http.write_text(http.read_text().replace(f"record: {series}", "record: registry:calls:rate5m"))
    assert run(["build", "--out", str(tmp_path / "new"), "--keep-names", str(tmp_path / "old")]) == 0
    capsys.readouterr()
    for name in ("prometheus/rules/kept-names.yaml", "kubernetes/rules.yaml", "mimir/rules.yaml", "thanos/rules.yaml"):
        text = (tmp_path / "new" / name).read_text()
        assert "record: registry:calls:rate5m\n" in text
        assert f"expr: {series}\n" in text
    assert run(["build", "--against", str(tmp_path / "old"), "--keep-names", str(tmp_path / "old")]) == 0
    assert "nothing is renamed or gone" in capsys.readouterr().out
    assert run(["build", "--against", str(tmp_path / "old")]) == 1
    assert "registry:calls:rate5m" in capsys.readouterr().out
    assert run(["build", "--out", str(tmp_path / "same"), "--keep-names", str(tmp_path / "new")]) == 0
    assert (tmp_path / "same/prometheus/rules/kept-names.yaml").read_bytes() == (
        tmp_path / "new/prometheus/rules/kept-names.yaml"
    ).read_bytes()
