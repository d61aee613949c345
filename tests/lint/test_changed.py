"""Which findings `--changed-since` keeps: those of changed lines, and of rules and panels that lost some."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from regobs.errors import InputError
from regobs.lint import LintReport, lint_paths
from regobs.lint.changed import changed_lines

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
FIRST = """groups:
- name: pool
  rules:
  - alert: PoolFull
    expr: avg(a) > 10
    labels:
      severity: page
      team: infra
    annotations: {summary: The pool is full, runbook_url: "https://example.com/a"}
  - alert: PoolEmpty
    expr: avg(a) < 1
    annotations: {summary: The pool is empty, runbook_url: "https://example.com/b"}
    labels:
      team: infra
      severity: page
  - alert: PoolGone
    expr: absent(a)
    annotations: {summary: The pool is gone, runbook_url: "https://example.com/c"}
    labels: {severity: page}
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A file of rules that is committed."""
    file = tmp_path / "rules.yaml"
    file.write_text(FIRST, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    return file


def told(file: Path, ref: str = "HEAD") -> list[tuple[str, str]]:
    """The checks and subjects of the findings that are kept."""
    report: LintReport = lint_paths([file])
    lines = changed_lines(ref, report.read)[str(file)]
    return [(one.check, one.subject) for one in report.findings if one.line in lines]


def test_a_renamed_file_keeps_its_lines(rules: Path) -> None:
    moved = rules.with_name("pool [a].yaml")
    subprocess.run([*GIT, "mv", rules.name, moved.name], cwd=rules.parent, check=True)
    report = lint_paths([moved])
    assert changed_lines("HEAD", report.read) == {str(moved): set()}
    moved.write_text(FIRST.replace("avg(a) > 10", "avg(a) > 11"), encoding="utf-8")
    assert changed_lines("HEAD", report.read) == {str(moved): {5}}


def test_a_file_that_was_moved_to_another_directory_and_committed_keeps_its_lines(rules: Path) -> None:
    moved = rules.parent / "more" / "rules.yaml"
    moved.parent.mkdir()
    subprocess.run([*GIT, "mv", rules.name, "more/"], cwd=rules.parent, check=True)
    subprocess.run([*GIT, "commit", "-qm", "b"], cwd=rules.parent, check=True)
    assert changed_lines("HEAD~1", lint_paths([moved]).read) == {str(moved): set()}


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("      severity: page\n      team", "      team", "PoolFull"),
        ("      team: infra\n      severity: page\n", "      team: infra\n", "PoolEmpty"),
        ("    labels: {severity: page}\n", "", "PoolGone"),
        ("    labels: {severity: page}\n", "    labels: {team: infra}\n", "PoolGone"),
        ("      severity: page\n      team: infra\n", "      area: pool\n      team: infra\n", "PoolFull"),
    ],
)
def test_a_rule_that_lost_its_severity_is_told_and_no_other(old: str, new: str, subject: str, rules: Path) -> None:
    assert told(rules) == []
    rules.write_text(FIRST.replace(old, new), encoding="utf-8")
    assert told(rules) == [("no-severity", subject)]


def test_what_stood_before_in_a_rule_is_not_told_where_lines_were_only_changed_or_added(rules: Path) -> None:
    bare = FIRST.replace("    labels: {severity: page}\n", "")
    rules.write_text(bare, encoding="utf-8")
    subprocess.run([*GIT, "commit", "-qam", "b"], cwd=rules.parent, check=True)
    for changed in (bare.replace("absent(a)", "absent(b)"), bare + "    for: 5m\n", bare + "\n# end\n"):
        rules.write_text(changed, encoding="utf-8")
        assert told(rules) == []


def test_a_rule_beside_one_that_was_removed_is_not_told(rules: Path) -> None:
    bare = FIRST.replace("      team: infra\n      severity: page\n", "      team: infra\n")
    rules.write_text(bare, encoding="utf-8")
    subprocess.run([*GIT, "commit", "-qam", "b"], cwd=rules.parent, check=True)
    rules.write_text(bare[: bare.index("  - alert: PoolGone")], encoding="utf-8")
    assert told(rules) == []


def test_a_panel_that_lost_a_line_is_told(tmp_path: Path) -> None:
    def written(title: str) -> str:
        panels = [{"id": number, "type": "stat", "targets": [{"refId": "A", "expr": "up"}]} for number in (1, 2)]
        panels[0] |= {"title": title} if title else {}
        return json.dumps({"title": "a", "panels": panels}, indent=1)

    file = tmp_path / "board.json"
    file.write_text(written("Up"), encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    assert told(file) == []
    file.write_text(written(""), encoding="utf-8")
    assert [check for check, _ in told(file)] == ["panel-without-title"]


@pytest.fixture
def submodule(tmp_path: Path, rules: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The rules of a repository that another one, in which lint is run, holds as a submodule since `v1`."""
    outer = tmp_path.parent / f"{tmp_path.name}-outer"
    outer.mkdir()
    for words in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "a"],
        ["tag", "v0"],
        ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(rules.parent), "sub"],
        ["commit", "-qm", "b"],
        ["tag", "v1"],
    ):
        subprocess.run([*GIT, *words], cwd=outer, check=True)
    monkeypatch.chdir(outer)
    return Path("sub/rules.yaml")


def test_in_a_submodule_the_revision_is_that_of_the_repository_that_lint_is_run_in(submodule: Path) -> None:
    def changed(ref: str) -> set[int]:
        return changed_lines(ref, lint_paths([submodule]).read)[str(submodule)]

    assert changed("v1") == set()
    submodule.write_text(FIRST.replace("avg(a) > 10", "avg(a) > 11"), encoding="utf-8")
    subprocess.run([*GIT, "commit", "-qam", "c"], cwd=submodule.parent, check=True)
    assert changed("v1") == {5}
    assert changed("v0") == set(range(1, FIRST.count("\n") + 2))  # it was not there
    with pytest.raises(InputError, match="revision"):
        changed("v2")


def test_within_a_submodule_the_revision_is_its_own(submodule: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(submodule.parent)
    assert changed_lines("HEAD", lint_paths([Path("rules.yaml")]).read) == {"rules.yaml": set()}
    with pytest.raises(InputError, match="revision"):
        changed_lines("v1", lint_paths([Path("rules.yaml")]).read)


def test_a_file_that_git_does_not_know_is_new_as_a_whole(rules: Path) -> None:
    new = rules.with_name("new.yaml")
    for text, lines in (("groups: []", {1}), ("groups: []\n", {1, 2}), ("groups:\n- a\n- b", {1, 2, 3})):
        new.write_text(text, encoding="utf-8")
        assert changed_lines("HEAD", lint_paths([new]).read) == {str(new): lines}


def test_git_is_asked_as_often_for_many_files_as_for_few(rules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    run = subprocess.run

    def counted(words: list[str], **more: Any) -> Any:
        asked.append(words[2])
        return run(words, **more)

    for number in range(20):
        rules.with_name(f"{number}.yaml").write_text("groups: []\n", encoding="utf-8")
    for words in (["add", "."], ["commit", "-qm", "b"]):
        subprocess.run([*GIT, *words], cwd=rules.parent, check=True)
    rules.write_text(FIRST.replace("avg(a) > 10", "avg(a) > 11"), encoding="utf-8")
    report = lint_paths([rules.parent])
    monkeypatch.setattr(subprocess, "run", counted)
    found = changed_lines("HEAD", report.read)
    assert {file: lines for file, lines in found.items() if lines} == {str(rules): {5}}
    assert len(found) == 21
    assert len(asked) < 10


def test_a_name_that_is_no_utf8_is_found(rules: Path) -> None:
    odd = rules.with_name("a\udcff.yaml")
    rules.rename(odd)
    for words in (["add", "-A"], ["commit", "-qm", "b"]):
        subprocess.run([*GIT, *words], cwd=rules.parent, check=True)
    odd.write_text(FIRST.replace("avg(a) > 10", "avg(a) > 11"), encoding="utf-8")
    assert changed_lines("HEAD", lint_paths([odd]).read) == {str(odd): {5}}


def test_what_git_gives_to_its_hooks_hides_no_work_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a linked work tree git runs a hook with GIT_DIR, and without GIT_WORK_TREE."""
    file = tmp_path / "more" / "rules.yaml"
    file.parent.mkdir()
    file.write_text(FIRST, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        subprocess.run([*GIT, *words], cwd=tmp_path, check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / ".git" / "index"))
    assert changed_lines("HEAD", lint_paths([file]).read) == {str(file): set()}
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert changed_lines("HEAD", lint_paths([file]).read) == {str(file): set()}
