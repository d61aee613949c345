"""What standard input holds is recognized: a query, JSON or YAML."""

from __future__ import annotations

import io
import sys

import pytest

from regobs.cli.main import run

_BOARD = '"title": "a", "panels": [{"id": 1, "type": "stat", "title": "b", "targets": [{"expr": "up"}]}]'
QUERIES = [
    "up == 0",
    "# a comment\nup",
    "job:up:sum > 1",
    '{"http.requests"}',
    '{\n job="a"}',
    '{ "http.requests", job="a"}',
    "sum by (job) (up)",
    "- up",
]
YAML = [
    "kind: ConfigMap\ndata: {}\n",
    "groups: []\n",
    "groups:\n- name: a\n  rules: []\n",
    "# a comment\n\ngroups:  # another\n",
    "---\ngroups: []\n",
    "apiVersion: v1\nkind: List\n",
    "route: {receiver: a}\n",
]
JSON = [f"{{{_BOARD}}}", f"{{\n{_BOARD}}}", f"  {{ {_BOARD}}}"]


def said(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    run(["lint", "--fail-on", "never"])
    return capsys.readouterr().out


@pytest.mark.parametrize("text", QUERIES)
def test_a_query_is_read_as_one(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(text, monkeypatch, capsys)
    assert "1 query" in out
    assert "error[" not in out


@pytest.mark.parametrize("text", YAML)
def test_yaml_is_read_as_such(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(text, monkeypatch, capsys)
    assert "0 queries" in out
    assert "error[" not in out


@pytest.mark.parametrize("text", JSON)
def test_json_is_read_as_such(text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert "1 dashboard, 1 query" in said(text, monkeypatch, capsys)


def test_rules_without_their_group_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said("# of a chat\n- record: a:b:c\n  expr: sum(rate(a_total{code='5..'}[5m]))\n- x\n", monkeypatch, capsys)
    assert "1 rule" in out
    assert "<stdin>:3:26 in a:b:c" in out
