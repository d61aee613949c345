"""Time until `regobs export notifications` has answered, by how many registries send at once.

    python benchmarks/notifications.py [--directory DIR] [--events 2000]

Each sender posts one event after the other over its connection, as a registry does; the next follows when the last is
answered. An answer waits until the event is on the disk, so the time of a sync of that disk, measured in the same run,
stands beside it, and the time in which another process sends back what it got. `--directory /dev/shm` shows what is
left without a disk.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

PROMISED = 10.0  # milliseconds
SENDERS = (1, 4, 16)
_SYNCS = 500
_ECHO = "import socket\nline = socket.socket(fileno={})\nwhile True: line.sendall(line.recv(65536))"


class Sender:
    """One registry: a connection, and an event that is on its way."""

    def __init__(self, number: int, address: tuple[str, int]) -> None:
        self._number, self._address = number, address
        self._sent, self._began = 0, 0.0
        self._connection: socket.socket | None = None
        self._answer = b""

    def send(self) -> int:
        """Post the next event, over a new connection where the last one was closed; the descriptor to wait for."""
        target = {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 1370,
            "digest": "sha256:" + "5f" * 32,
            "repository": f"group{self._sent % 50}/app",
            "url": "https://registry.example.com/v2/group/app/manifests/v1",
        }
        event = {
            "id": f"{self._number}-{self._sent}-{time.time()}",
            "timestamp": datetime.now(UTC).isoformat(),
            "action": "pull",
            "target": target,
            "request": {"addr": "10.0.0.1:44276", "method": "GET", "useragent": "docker/27.1.1 go/go1.22"},
            "actor": {"name": "bob"},
        }
        body = json.dumps({"events": [event]}).encode()
        head = f"POST /events HTTP/1.1\r\nHost: {self._address[0]}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._sent += 1
        self._answer = b""
        self._began = time.perf_counter()
        if self._connection is None:
            self._connection = socket.create_connection(self._address)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.sendall(head.encode() + body)
        return self._connection.fileno()

    def receive(self) -> float | None:
        """Milliseconds since the event was posted, once it is answered."""
        assert self._connection is not None
        part = self._connection.recv(65536)
        self._answer += part
        head, end, body = self._answer.partition(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower()[:15] == b"content-length:"), 0)
        if not end or len(body) < length:
            if not part:
                raise SystemExit(f"the exporter hung up: {self._answer!r}")
            return None
        took = (time.perf_counter() - self._began) * 1000
        if not head.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
            raise SystemExit(f"not kept: {head!r}")
        if head.startswith(b"HTTP/1.0") or b"connection: close" in head.lower():
            self.close()
        return took

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def answers(address: tuple[str, int], senders: int, events: int) -> list[float]:
    """Milliseconds of each answer, shortest first."""
    poll = select.epoll()
    waiting: dict[int, Sender] = {}

    def send(sender: Sender) -> None:
        descriptor = sender.send()
        waiting[descriptor] = sender
        poll.register(descriptor, select.EPOLLIN)

    for number in range(senders):
        send(Sender(number, address))
    took: list[float] = []
    while len(took) < events:
        for descriptor, _ in poll.poll():
            sender = waiting[descriptor]
            milliseconds = sender.receive()
            if milliseconds is not None:
                took.append(milliseconds)
                del waiting[descriptor]
                with contextlib.suppress(OSError):  # it was closed with its connection
                    poll.unregister(descriptor)
                send(sender)
    for sender in waiting.values():
        sender.close()
    return sorted(took)


def syncs(directory: Path) -> list[float]:
    """Milliseconds of a sync of a line of this disk, shortest first."""
    took = []
    with (directory / "sync").open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            start = time.perf_counter()
            file.write(b"x" * 100)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - start) * 1000)
    return sorted(took)


def echoes() -> list[float]:
    """Milliseconds until another process has sent back what it got, shortest first: what this machine takes anyway."""
    near, far = socket.socketpair()
    with (
        near,
        far,
        subprocess.Popen([sys.executable, "-c", _ECHO.format(far.fileno())], pass_fds=[far.fileno()]) as echo,
    ):
        took = []
        for _ in range(_SYNCS):
            start = time.perf_counter()
            near.sendall(b"x" * 500)
            near.recv(65536)
            took.append((time.perf_counter() - start) * 1000)
        echo.kill()
    return sorted(took[10:])


def cpu(process: int) -> float:
    """Milliseconds of user and system time of a process so far."""
    words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def show(what: str, took: list[float], more: str = "") -> None:
    """A line: the middle, the slowest of a hundred, the slowest."""
    shares = " ".join(f"{name} {took[int(len(took) * share)]:6.1f}" for name, share in (("p50", 0.5), ("p99", 0.99)))
    print(f"{what:<12} {shares} max {took[-1]:6.1f} ms{more}", flush=True)


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path)
    parser.add_argument("--events", type=int, default=2000)
    chosen = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory(dir=chosen.directory) as name:
        directory = Path(name)
        command = [sys.executable, "-m", "regobs", "export", "notifications", "--state", str(directory / "state")]
        with subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            host, _, port = process.stdout.readline().strip().split("/")[2].rpartition(":")
            answers((host, int(port)), 4, 200)
            for senders in SENDERS:
                show("an echo", echoes())
                show("a sync", syncs(directory))
                start, before = time.perf_counter(), cpu(process.pid)
                took = answers((host, int(port)), senders, chosen.events)
                pace = len(took) / (time.perf_counter() - start)
                cost = (cpu(process.pid) - before) / len(took)
                show(f"{senders} senders", took, f", {pace:,.0f} events/s, {cost:.2f} ms of a core each")
                if senders < SENDERS[-1]:  # those send as fast as one process can answer
                    worst = max(worst, took[int(len(took) * 0.99)])
            process.send_signal(signal.SIGTERM)
    print(f"99 of 100 answers within {worst:.1f} ms with up to {SENDERS[-2]} senders; promised: {PROMISED:.0f}")
    return int(worst > PROMISED)


if __name__ == "__main__":
    sys.exit(main())
