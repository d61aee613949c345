"""What docs/lint.md tells people to put into CI and hooks works as it stands there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.cli.main import run
from regobs.lint import Severity, lint_text
from regobs.lint.report import as_text, without_notes

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
BAD = "groups: [{name: a, rules: [{record: 'a:b:c', expr: 'sum(rate(a_total{code=\"5..\"}[5m]))'}]}]\n"
GOOD = BAD.replace("code=", "code=~")


def snippet(key: str) -> Any:
    """The one that has this key at its top."""
    (found,) = [one for one in SNIPPETS if isinstance(one, dict) and key in one]
    return found[key]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with rules and a dashboard on `origin/main`."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "rules" / "a.yaml").write_text(GOOD)
    (tmp_path / "dashboards" / "a.json").write_text('{"title": "A", "panels": []}')
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "a"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        subprocess.run([*git, *words], check=True)
    return tmp_path


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_steps_for_github_annotate_what_a_change_brings(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_BASE_REF", "main")
    steps = snippet("jobs")["lint"]["steps"]
    (command,) = [step["run"] for step in steps if "regobs lint" in step.get("run", "")]
    assert shell(command, repository).returncode == 0
    (repository / "rules" / "a.yaml").write_text(BAD)
    done = shell(command, repository)
    assert done.returncode == 1
    assert done.stdout.startswith("::warning file=rules/a.yaml,line=1,")


def test_the_job_for_gitlab_writes_the_report_that_it_names(repository: Path) -> None:
    job = snippet("lint")
    command = next(one for one in job["script"] if "regobs lint" in one)
    (repository / "rules" / "a.yaml").write_text(BAD)
    assert shell(command, repository).returncode == 1
    report = repository / job["artifacts"]["reports"]["codequality"]
    (one,) = json.loads(report.read_text())
    assert (one["check_name"], one["location"]["path"]) == ("regex-under-equal", "rules/a.yaml")
    assert job["artifacts"]["when"] == "always"  # the job fails where there is something to show


LOCAL = next(one for one in SNIPPETS if isinstance(one, dict) and one.get("repos", [{}])[0].get("repo") == "local")
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("hook", [*HOOKS, *LOCAL["repos"][0]["hooks"]], ids=lambda one: str(one["entry"]))
def test_a_hook_takes_the_files_that_lint_reads(hook: dict[str, Any], repository: Path) -> None:
    # Source: pre-commit.com, "Creating new hooks": the keys that must be there, and how files are matched.
    assert {"id", "name", "entry", "language"} <= hook.keys()
    names = ["rules/a.yaml", "a.yml", "x.rules", "q.promql", "grafana/dashboards/b.json", "package.json", "README.md"]
    taken = [name for name in names if re.search(hook["files"], name)]
    assert taken == ["rules/a.yaml", "a.yml", "x.rules", "q.promql", "grafana/dashboards/b.json"]
    (repository / "rules" / "a.yaml").write_text(BAD)
    done = shell(f"{hook['entry']} rules/a.yaml dashboards/a.json", repository)
    assert done.returncode == (0 if "--fix" in hook["entry"] else 1)
    assert (repository / "rules" / "a.yaml").read_text() == (GOOD if "--fix" in hook["entry"] else BAD)


def test_the_finding_that_the_page_shows_is_what_lint_says() -> None:
    shown = next(text for text in re.findall(r"```\n(.*?)```", TEXT, re.DOTALL) if text.startswith("error["))
    (expr,) = re.findall(r"^7 \| (.*)$", shown, re.MULTILINE)
    rule = "groups:\n- name: pool\n  rules:\n\n  - alert: PoolFull\n    for: 5m\n" + expr + "\n"
    report = lint_text(rule, "rules/database.yaml", ".yaml")
    report.findings = [one for one in report.findings if one.severity is Severity.ERROR]
    assert as_text(report).startswith(shown)


def test_what_the_page_allows_would_be_found() -> None:
    (allowed,) = [text for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL) if "regobs: allow" in text]
    report = lint_text(allowed, "a.yaml", ".yaml")
    assert (without_notes(report.findings), report.allowed) == ([], 1)


def test_the_page_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lint", "--help"]) == 0
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    of_servers = set(re.findall(r"--[a-z-]+", (ROOT / "docs" / "servers.md").read_text(encoding="utf-8")))
    assert {one for one in options - of_servers if one not in TEXT} <= {"--help", "--registry-version", "--flavor"}
