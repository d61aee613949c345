"""The lower bounds of the dependencies: the oldest versions that pyproject.toml allows do work."""

import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
# The tests that reach every dependency without a server and without development tools.
TESTS = (
    "tests/test_documents.py",
    "tests/test_config.py",
    "tests/promql",
    "tests/prometheus",
    "tests/cli/test_build.py",
    "--ignore=tests/promql/test_parse_oracle.py",  # compares our parser with a package of the development tools
    "--ignore=tests/prometheus/test_frame.py",  # reads answers with pandas, which is in an extra
)


def run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the oldest versions are for the oldest Python")
def test_the_oldest_allowed_dependencies_work(tmp_path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest = [re.sub(">=", "==", requirement) for requirement in project["dependencies"]]
    assert all("==" in requirement for requirement in oldest), oldest
    venv.create(tmp_path, with_pip=True)
    python = tmp_path / "bin" / "python"
    pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    run(*pip, *oldest, "pytest", "pytest-rerunfailures", "pytest-timeout", "hypothesis")
    run(*pip, "--no-deps", "--editable", ROOT)
    run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not server and not peer", *TESTS)
