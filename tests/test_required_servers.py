"""A missing server is a visible skip, and where servers are required a failure."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.fixture
def docker_registry():
    pytest.skip("docker-registry is missing; install it")

@pytest.mark.{marker}
def test_it():
    pytest.skip("docker-registry is missing; install it")

def test_by_fixture(docker_registry):
    pass

def test_of_something_else():
    pytest.skip("not here")
"""


def outcomes(directory: Path, marker: str, **environment: str) -> tuple[int, str]:
    shutil.copy(Path(__file__).with_name("conftest.py"), directory)
    (directory / "test_it.py").write_text(TESTS.format(marker=marker))
    (directory / "pytest.ini").write_text("[pytest]\nmarkers =\n  server\n  peer\n")
    clean = {name: value for name, value in os.environ.items() if name not in {"CI", "REGOBS_REQUIRE_SERVERS"}}
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(directory)]
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=clean | environment)
    return run.returncode, run.stdout


@pytest.mark.parametrize("marker", ["server", "peer"])
def test_without_the_wish_a_missing_server_is_a_skip_that_says_what_to_install(tmp_path: Path, marker: str) -> None:
    code, said = outcomes(tmp_path, marker)
    assert code == 0
    assert "3 skipped" in said
    assert "docker-registry is missing; install it" in said


@pytest.mark.parametrize("marker", ["server", "peer"])
@pytest.mark.parametrize("wish", ["CI", "REGOBS_REQUIRE_SERVERS"])
def test_with_the_wish_it_is_a_failure_and_other_skips_stay_skips(tmp_path: Path, marker: str, wish: str) -> None:
    code, said = outcomes(tmp_path, marker, **{wish: "1"})
    assert code == 1
    assert "1 failed, 1 skipped, 1 error" in said  # an error, because a fixture failed
    assert "a server is required here" in said


def test_a_server_that_takes_long_to_build_is_a_skip_here_too(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import pytest\nfrom tests.peers import required_cortex\n\n\n@pytest.mark.peer\n"
        "def test_it():\n    required_cortex()\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  server\n  peer\n")
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", str(tmp_path)]
    none = {"CI": "1", "REGOBS_PEERS": str(tmp_path / "none")}
    clean = {name: value for name, value in os.environ.items() if name != "REGOBS_REQUIRE_ALL"} | none
    for wish, code, said in (({}, 0, "1 skipped"), ({"REGOBS_REQUIRE_ALL": "1"}, 1, "1 failed")):
        run = subprocess.run(command, check=False, capture_output=True, text=True, env=clean | wish)
        assert (run.returncode, said in run.stdout) == (code, True), run.stdout
