"""Kibana's KQL parser and Grafana's grammar of LogQL as npm has them, for the tests that judge ours by them.

Both need Node.js 18 or later with npm. package-lock.json in `kql/` and `logql/` pins each package by content. No script
of a package runs.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.peers import KQL_ORACLE, LOGQL_ORACLE, cache
from tests.peers.peer import InstallError, Peer

_FILES = Path(__file__).with_name("kql")
_LOGQL_FILES = Path(__file__).with_name("logql")
PROGRAM = "oracle.js"


def peer() -> Peer:
    """The parser as a peer."""
    return Peer("Kibana's KQL parser", cache() / f"kql-oracle-{KQL_ORACLE}", (PROGRAM,), make)


def logql_peer() -> Peer:
    """The grammar as a peer."""
    folder = cache() / f"logql-oracle-{LOGQL_ORACLE}"
    return Peer("Grafana's grammar of LogQL", folder, (PROGRAM,), partial(make, files=_LOGQL_FILES))


def make(target: Path, files: Path = _FILES) -> None:
    """Fill `target` with the packages and the program. Raises InstallError."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise InstallError(f"{program} is not installed: apt-get install --no-install-recommends nodejs npm")
    for name in ("package.json", "package-lock.json", PROGRAM):
        shutil.copy(files / name, target / name)
    (target / PROGRAM).chmod(0o755)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=target, check=False)
    if done.returncode != 0:
        raise InstallError(f"npm ci failed with exit code {done.returncode}; its messages are above")
