"""What docs/lint.md says of CI and pre-commit, run as it stands there in a new repository, with the built wheel."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
SNIPPETS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]
GITHUB = next(one for one in SNIPPETS if isinstance(one, dict) and "jobs" in one)["jobs"]["lint"]
GITLAB = next(one for one in SNIPPETS if isinstance(one, dict) and "lint" in one)["lint"]
PRE_COMMIT = [one for one in SNIPPETS if isinstance(one, dict) and "repos" in one]
BAD = "groups: [{name: a, rules: [{record: 'a:b:c', expr: 'sum(rate(a_total{code=\"5..\"}[5m]))'}]}]\n"
GOOD = BAD.replace("code=", "code=~")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    directory = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(directory), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture
def environment(tmp_path: Path, wheel: Path) -> dict[str, str]:
    """The variables of a job: an empty environment of Python first in PATH, `REGOBS` as the job sets it."""
    venv.create(tmp_path / "python", with_pip=True)
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON", "GIT_"))}
    path = f"{tmp_path / 'python' / 'bin'}:{os.environ['PATH']}"
    return {
        **kept,
        "PATH": path,
        "REGOBS": str(wheel),
        "GITHUB_BASE_REF": "main",
        "PRE_COMMIT_HOME": str(tmp_path / "h"),
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with correct rules and a dashboard on `origin/main`, and wrong rules that are new."""
    folder = tmp_path / "repository"
    for name, text in (("rules/a.yaml", GOOD), ("dashboards/a.json", '{"title": "A", "panels": []}')):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["commit", "-qm", "a"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        _git(folder, *words)
    return folder


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _run(lines: list[str], folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The lines of a job: the first that fails ends it."""
    return subprocess.run(
        ["bash", "-e", "-c", "\n".join(lines)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_job_of_github_installs_and_annotates(repository: Path, environment: dict[str, str]) -> None:
    assert GITHUB["env"].keys() == {"REGOBS"}
    lines = [step["run"] for step in GITHUB["steps"] if "run" in step]
    clean = _run(lines, repository, environment)
    assert clean.returncode == 0, clean.stderr
    (repository / "rules" / "a.yaml").write_text(BAD)
    done = _run(lines[-1:], repository, environment)
    assert (done.returncode, done.stdout.split(",")[0]) == (1, "::warning file=rules/a.yaml")


def test_the_job_of_gitlab_installs_and_reports(repository: Path, environment: dict[str, str]) -> None:
    assert GITLAB["variables"].keys() == {"REGOBS"}
    (repository / "rules" / "a.yaml").write_text(BAD)
    done = _run(GITLAB["script"], repository, environment)
    assert done.returncode == 1, done.stderr
    (one,) = json.loads((repository / GITLAB["artifacts"]["reports"]["codequality"]).read_text())
    assert one["check_name"] == "regex-under-equal"


@pytest.mark.parametrize("config", PRE_COMMIT, ids=["repository", "wheel"])
def test_the_hooks_run_in_pre_commit(
    config: dict[str, Any], repository: Path, environment: dict[str, str], wheel: Path
) -> None:
    _run(["pip install -q pre-commit"], repository, environment)
    assert shutil.which("pre-commit", path=environment["PATH"])
    text = json.dumps(config).replace("https://packages.example.com/regobs-0.1.0-py3-none-any.whl", wheel.as_uri())
    if config["repos"][0]["repo"] != "local":
        head = _git(ROOT, "rev-parse", "HEAD").strip()
        text = text.replace(config["repos"][0]["repo"], str(ROOT)).replace(config["repos"][0]["rev"], head)
    (repository / ".pre-commit-config.yaml").write_text(text)
    _git(repository, "add", ".")
    clean = _run(["pre-commit run --all-files"], repository, environment)
    assert clean.returncode == 0, clean.stdout + clean.stderr
    assert "Passed" in clean.stdout
    (repository / "rules" / "a.yaml").write_text(BAD)
    _git(repository, "add", ".")
    done = _run(["pre-commit run"], repository, environment)
    assert done.returncode == 1
    assert "warning[regex-under-equal]" in done.stdout
