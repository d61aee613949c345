"""Kill the receiver of notifications again and again while a sender repeats what was not confirmed.

    python -m tests.exporters.crash_notifications 200

prints how many events were sent, how many were counted, and how many came twice. Both first numbers must be equal.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from regobs.catalog import events as metrics
from regobs.common.programs import free_port
from regobs.exporters.journal import Journal
from regobs.exporters.notifications import NotificationApp, Receiver
from regobs.exporters.serving import ExporterApp, ExporterServer, exporter_instruments

SENDERS = 3


def serve(directory: str, port: int) -> None:
    """The exporter, in a process that is killed."""
    receiver = Receiver(Journal(Path(directory)), namespaces=5)
    receiver._checkpointed -= 59.95  # the first checkpoint comes soon: kills shall meet some
    instruments = exporter_instruments(receiver.totals)
    receiver.start()
    ExporterServer(
        ExporterApp(instruments, lambda: True, {"/events": NotificationApp(receiver, instruments, lambda: "")}),
        "127.0.0.1",
        port,
    )
    signal.pause()


class Sender(threading.Thread):
    """Sends events one after the other, each until it is confirmed."""

    def __init__(self, number: int, url: str, end: threading.Event) -> None:
        super().__init__()
        self._number, self._url, self._end = number, url, end
        self.confirmed = 0

    def run(self) -> None:
        """Send until the end."""
        while not self._end.is_set():
            name = f"{self._number}-{self.confirmed}"
            target = {
                "mediaType": "x.manifest",
                "digest": "sha256:1",
                "size": 1,
                "repository": f"g{self.confirmed % 9}/a",
            }
            event = {"id": name, "timestamp": datetime.now(UTC).isoformat(), "action": "push", "target": target}
            request = urllib.request.Request(self._url, json.dumps({"events": [event]}).encode(), method="POST")  # noqa: S310
            while True:
                try:
                    with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                        break
                except (OSError, urllib.error.HTTPError, ConnectionError):
                    time.sleep(0.005)
            self.confirmed += 1


def crash(kills: int, seed: int = 1) -> tuple[int, int, int]:
    """Events that were confirmed, events that were counted, and how often one came again."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    os.environ["PYTHONWARNINGS"] = "ignore::RuntimeWarning:runpy"  # of each process: this module is there already
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.exporters.crash_notifications"])
    with tempfile.TemporaryDirectory() as directory:
        port, end = free_port(), threading.Event()
        senders = [Sender(number, f"http://127.0.0.1:{port}/events", end) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        for _ in range(kills):
            process = context.Process(target=serve, args=(directory, port), daemon=True)
            process.start()
            before = sum(sender.confirmed for sender in senders)
            limit = time.monotonic() + 30
            while sum(sender.confirmed for sender in senders) <= before and time.monotonic() < limit:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.15)
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        process = context.Process(target=serve, args=(directory, port), daemon=True)
        process.start()
        end.set()
        for sender in senders:
            sender.join()
        process.kill()
        process.join()
        receiver = Receiver(Journal(Path(directory)), namespaces=5)
        confirmed = sum(sender.confirmed for sender in senders)
        return confirmed, receiver.totals.total(metrics.RECEIVED), receiver.totals.value(metrics.DUPLICATES, ())


if __name__ == "__main__":
    sent, counted, again = crash(int(sys.argv[1]))
    print(f"{sys.argv[1]} kills: {sent} events confirmed, {counted} counted, {again} came again")
    sys.exit(sent != counted)
