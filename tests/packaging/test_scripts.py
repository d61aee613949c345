"""The scripts behind `make install`, on machines that lack something."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

ROOT = Path(__file__).parents[2]
BASICS = ("sh", "sort", "tr", "id", "dirname")
OTHERS = (
    "chromium",
    "postgres",
    "pgbouncer",
    "redis-server",
    "postgres_exporter",
    "redis_exporter",
    "node_exporter",
    "lnav",
    "skopeo",
    "zsh",
    "fish",
    "mandoc",
    "rsync",
    "mtail",
    "nginx",
    "jq",
    "blackbox_exporter",
)


def run(
    script: str, path: Path, *, programs: tuple[str, ...] = (), environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """Run a script with nothing on PATH but a few basics and the named programs, which do nothing."""
    for name in BASICS:
        (path / name).symlink_to(str(shutil.which(name)))
    for name in programs:
        (path / name).write_text("#!/bin/sh\n")
        (path / name).chmod(0o755)
    command = [str(path / "sh"), str(ROOT / "scripts" / script)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PATH": str(path)} | dict(environment)
    )


def test_without_apt_one_message_names_the_missing_servers(tmp_path: Path) -> None:
    done = run("install-servers", tmp_path, programs=("prometheus", "promtool", "amtool", *OTHERS))
    assert done.returncode == 0
    assert "Missing servers: docker-registry prometheus-alertmanager\n" in done.stderr
    assert "next:" in done.stderr


@pytest.mark.parametrize("wish", ["CI", "REGOBS_REQUIRE_SERVERS"])
def test_where_servers_are_required_a_missing_one_is_a_failure(tmp_path: Path, wish: str) -> None:
    assert run("install-servers", tmp_path, environment={wish: "1"}).returncode == 4


def test_with_every_server_on_the_path_nothing_is_said_or_done(tmp_path: Path) -> None:
    servers = ("prometheus", "promtool", "alertmanager", "amtool", "docker-registry", *OTHERS)
    done = run("install-servers", tmp_path, programs=servers, environment={"CI": "1"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_a_new_enough_python_one_message_says_so(tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "python3").chmod(0o755)
    done = run("make-venv", tmp_path)
    assert done.returncode == 4
    assert "No Python of 3.11 or later" in done.stderr
    assert "make install PYTHON=" in done.stderr


def test_a_python_that_cannot_make_environments_names_its_package(tmp_path: Path) -> None:
    fake = '#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; *venv*) echo python3.11-venv;; esac\n'
    (tmp_path / "python3").write_text(fake)
    (tmp_path / "python3").chmod(0o755)
    done = run("make-venv", tmp_path)
    assert done.returncode == 4
    assert "apt-get install python3.11-venv" in done.stderr
