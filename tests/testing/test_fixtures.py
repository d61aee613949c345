"""The fixtures, as another project's tests use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CONFTEST = 'pytest_plugins = ["regobs.testing.fixtures"]\n'
SERVED = """
from regobs.catalog import http
from regobs.instrument import LogASGI, ObserveASGI
from regobs.testing import assert_moved
from tests.instrument.test_asgi import answer, scope, serve


def test_a_request(instruments, access_lines):
    app = ObserveASGI(LogASGI(answer(200, b"x"), access_lines), instruments)
    with assert_moved(instruments, http.REQUESTS, by=1, code="200"):
        serve(app, scope())
    assert access_lines.only(msg="access")["status"] == 200


def test_another_request(instruments, access_lines):
    with assert_moved(instruments, http.REQUESTS, by=0):
        pass
    assert access_lines == []
"""
LOGGED = """
import logging


def test_a_run(application_lines):
    logging.getLogger("registry.gc.worker.BlobWorker").info({message!r}, extra={{"correlation_id": {correlation!r}}})
    assert len(application_lines) == 1
"""
OTHER_FLAVOR = """
import pytest


@pytest.fixture
def registry_flavor():
    return "distribution"


def test_the_flavor(instruments):
    assert instruments.flavor == "distribution"
"""


def passed(folder: Path, text: str) -> tuple[bool, str]:
    """Whether the tests of a project with this one file pass, and what was printed."""
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_mine.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    return run.returncode == 0, run.stdout


def test_each_test_has_new_instruments_and_its_own_access_lines(tmp_path: Path) -> None:
    fine, shown = passed(tmp_path, SERVED)
    assert fine, shown
    assert "2 passed" in shown


def test_what_is_logged_is_held_to_its_schema_at_the_end(tmp_path: Path) -> None:
    fine, shown = passed(tmp_path, LOGGED.format(message="no task available", correlation="01ABC"))
    assert fine, shown
    fine, shown = passed(tmp_path, LOGGED.format(message="no task available", correlation=7))
    assert not fine
    assert "correlation_id" in shown


def test_a_project_chooses_the_flavor(tmp_path: Path) -> None:
    fine, shown = passed(tmp_path, OTHER_FLAVOR)
    assert fine, shown
