"""PostgreSQL, PgBouncer and Redis from the distribution's packages, and their exporters.

Each runs on 127.0.0.1 and a free port with an empty directory of its own. PostgreSQL and PgBouncer refuse to be root:
where we are, they run as the user that Debian's package makes for them. Who connects to them needs no password.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from regobs.common.programs import Process, Supervisor, free_port
from regobs.demo.servers import LocalServer
from regobs.errors import MachineError
from tests.e2e.conftest import require

USER = "postgres"  # of the system, made by Debian's postgresql-common, and of the database
READY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """A running database on 127.0.0.1; `directory` is its own, `url` what a client connects to."""

    process: Process
    port: int
    directory: Path
    url: str


def postgresql(supervisor: Supervisor, **settings: str) -> DatabaseServer:
    """Start PostgreSQL with a new cluster, whose database and superuser are called postgres.

    `settings` are those of postgresql.conf. What is committed may be lost with the machine: nothing waits for a disk.
    """
    directory = _directory(supervisor, "postgresql")
    options = ("-D", directory / "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
    _run(directory, _program("initdb"), *options)
    return _serve(supervisor, directory, settings)


def standby(supervisor: Supervisor, primary: DatabaseServer, slot: str, **settings: str) -> DatabaseServer:
    """Start a copy of a PostgreSQL that follows it over a new replication slot, and answers queries meanwhile."""
    directory = _directory(supervisor, "standby")
    source = ("-h", "127.0.0.1", "-p", str(primary.port), "-U", USER)
    follow = ("--write-recovery-conf", "--create-slot", f"--slot={slot}", "--wal-method=stream")
    _run(directory, _program("pg_basebackup"), *source, "-D", directory / "data", *follow, "--checkpoint=fast")
    return _serve(supervisor, directory, settings)


def restarted(supervisor: Supervisor, server: DatabaseServer, **settings: str) -> DatabaseServer:
    """Stop a PostgreSQL and start it again, on another port."""
    server.process.stop(READY_SECONDS)
    return _serve(supervisor, server.directory, settings)


def _program(name: str) -> Path:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return folders[0] / name if folders else require(name, package="postgresql")


def _serve(supervisor: Supervisor, directory: Path, settings: Mapping[str, str]) -> DatabaseServer:
    port = free_port()
    chosen = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": str(directory)}
    chosen |= {"fsync": "off", "shared_buffers": "32MB", "max_connections": "50", **settings}
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    process = supervisor.start(directory.name, _unprivileged(_program("postgres"), "-D", directory / "data", *options))
    server = DatabaseServer(process, port, directory, f"postgresql://{USER}@127.0.0.1:{port}/postgres")
    _wait(process, lambda: _answers(server.url))
    return server


def _run(directory: Path, program: Path, *options: str | Path) -> None:
    """Run a tool of PostgreSQL to its end, as the user that owns the directory."""
    command = _unprivileged(program, *options)
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MachineError(f"{program.name} failed", value=done.stderr.strip())


def pgbouncer(supervisor: Supervisor, database: DatabaseServer, *, pool_size: int = 5) -> DatabaseServer:
    """Start PgBouncer before a PostgreSQL: a transaction pool of `pool_size` connections for each database."""
    program = require("pgbouncer", package="pgbouncer")
    directory, port = _directory(supervisor, "pgbouncer"), free_port()
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": "",
        "auth_type": "any",  # whoever comes is the user below
        "admin_users": USER,
        "pool_mode": "transaction",
        "default_pool_size": str(pool_size),
        "ignore_startup_parameters": "extra_float_digits",  # the exporter written in Go sends it
    }
    lines = ["[databases]", f"postgres = host=127.0.0.1 port={database.port} user={USER}", "[pgbouncer]"]
    config = directory / "pgbouncer.ini"
    config.write_text("\n".join([*lines, *(f"{name} = {value}" for name, value in settings.items()), ""]))
    process = supervisor.start("pgbouncer", _unprivileged(program, config))
    server = DatabaseServer(process, port, directory, f"postgresql://{USER}@127.0.0.1:{port}/postgres")
    _wait(process, lambda: _answers(server.url))
    return server


def redis(supervisor: Supervisor, *arguments: str) -> DatabaseServer:
    """Start Redis without persistence; `arguments` are further ones of redis-server."""
    program = require("redis-server", package="redis-server")
    directory, port = _directory(supervisor, "redis"), free_port()
    fixed = ("--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(directory))
    process = supervisor.start("redis", _unprivileged(program, *fixed, *arguments))
    _wait(process, lambda: _pongs(port))
    return DatabaseServer(process, port, directory, f"redis://127.0.0.1:{port}")


def postgres_exporter(supervisor: Supervisor, database: DatabaseServer, *flags: str) -> LocalServer:
    """Start Debian's exporter of PostgreSQL."""
    program = require("prometheus-postgres-exporter", "postgres_exporter", package="prometheus-postgres-exporter")
    source = {"DATA_SOURCE_NAME": f"{database.url}?sslmode=disable"}
    return exporter(supervisor, "postgres-exporter", [program, *flags], "--web.listen-address", source)


def redis_exporter(supervisor: Supervisor, database: DatabaseServer) -> LocalServer:
    """Start Debian's exporter of Redis."""
    program = require("prometheus-redis-exporter", "redis_exporter", package="prometheus-redis-exporter")
    command: list[str | Path] = [program, f"-redis.addr={database.url}"]
    return exporter(supervisor, "redis-exporter", command, "-web.listen-address", {})


def node_exporter(supervisor: Supervisor) -> LocalServer:
    """Start Debian's exporter of the machine."""
    program = require("prometheus-node-exporter", "node_exporter", package="prometheus-node-exporter")
    return exporter(supervisor, "node-exporter", [program], "--web.listen-address", {})


def exporter(
    supervisor: Supervisor, name: str, command: list[str | Path], listen: str, environment: dict[str, str]
) -> LocalServer:
    """Start an exporter whose flag `listen` takes its address, and wait until it shows metrics."""
    port = free_port()
    full = [*command, f"{listen}=127.0.0.1:{port}"]
    process = supervisor.start(name, full, environment=environment)
    url = f"http://127.0.0.1:{port}"
    supervisor.wait_until_ready(process, f"{url}/metrics")
    return LocalServer(process, url, supervisor.directory, supervisor.directory)


def _directory(supervisor: Supervisor, name: str) -> Path:
    """A new directory that the unprivileged user owns, and can reach."""
    number = len(list(supervisor.directory.glob(f"{name}.*"))) + 1
    directory = supervisor.directory / f"{name}.{number}"
    directory.mkdir(mode=0o700)
    if os.geteuid() == 0:
        supervisor.directory.chmod(0o711)
        shutil.chown(directory, _user().pw_uid, _user().pw_gid)
    return directory


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return pwd.getpwnam("nobody")


def _unprivileged(*command: str | Path) -> list[str | Path]:
    """The command as another user where we are root. It keeps the signal that it gets when we die."""
    if os.geteuid() != 0:
        return list(command)
    user = _user()
    changed = (f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=SIGKILL")
    return [require("setpriv", package="util-linux"), *changed, "--", *command]


def _wait(process: Process, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        process.check()
        if time.monotonic() > deadline:
            raise MachineError(f"{process.name} was not ready after {READY_SECONDS:.0f} s", value=process.tail())
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _pongs(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
