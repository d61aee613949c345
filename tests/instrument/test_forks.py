"""A process with threads forks while they count: no child hangs, and no count is lost or doubled."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# In a process of its own: this one may have threads, which a fork would not carry over.
FORKING = """
    import os, sys, threading, time
    from regobs.catalog import http
    from regobs.instrument import Instruments
    instruments = Instruments("gitlab", directory=sys.argv[1] or None)
    durations = instruments.histogram(http.DURATION).child(route="blob", method="get", code="200")
    ends = threading.Event()
    def count():
        while not ends.is_set():
            durations.observe_many([0.1] * 2000)
    def scrape():
        while not ends.is_set():
            instruments.render()
    def label():
        number = 0
        while not ends.is_set():
            instruments.counter(http.REQUESTS).child(route="blob", method="get", code=str(100 + number % 500)).inc()
            number += 1
    threads = [threading.Thread(target=target) for target in (count, count, scrape, label)]
    for thread in threads:
        thread.start()
    hung = 0
    for _ in range(12):
        time.sleep(0.01)
        child = os.fork()
        if child == 0:
            durations.observe(0.1)
            instruments.counter(http.REQUESTS).child(route="blob", method="get", code="404").inc()
            instruments.http.begin("manifest")
            instruments.http.finish("manifest", "GET", 200, 0.2, 100, 1000, 0.1)
            assert instruments.render()
            os._exit(0)
        deadline = time.monotonic() + 20
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if time.monotonic() > deadline:
                hung += 1
                os.kill(child, 9)
                os.waitpid(child, 0)
                break
            time.sleep(0.01)
        else:
            assert ended[1] == 0, ended
    ends.set()
    for thread in threads:
        thread.join()
    assert hung == 0, f"{hung} of 12 children hang"
    lines = instruments.render().decode().splitlines()
    if sys.argv[1]:
        (found,) = (line for line in lines if line.startswith("registry_http_requests_total") and "manifest" in line)
        assert found.endswith(" 12"), found
"""


@pytest.mark.parametrize("shared", [True, False], ids=["shared directory", "alone"])
def test_no_child_hangs_on_a_lock_that_a_thread_held_at_the_fork(shared: bool, tmp_path: Path) -> None:
    directory = str(tmp_path / "shared") if shared else ""
    command = [sys.executable, "-c", textwrap.dedent(FORKING), directory]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=250)
    assert ended.returncode == 0, ended.stderr


# What waits to be counted at a fork: five requests and one in flight, of which no family has been read yet.
WAITING = """
    import multiprocessing, os, sys
    from regobs.catalog import http
    from regobs.instrument import Instruments
    instruments = Instruments("gitlab")
    labels = {"route": "blob", "method": "get", "code": "200"}
    def requests(count):
        for _ in range(count):
            instruments.http.begin("blob")
            instruments.http.finish("blob", "GET", 200, 0.25, 100, 1000, 0.125)
    def seen():
        count = instruments.counter(http.REQUESTS).child(**labels).value
        *counts, total = instruments.histogram(http.DURATION).child(**labels).numbers()
        return [count, counts[-1], total, instruments.gauge(http.IN_FLIGHT).child().value]
    def child(pipe):
        requests(2)
        pipe.send(seen())
        pipe.close()
    if __name__ == "__main__":
        requests(5)
        instruments.http.begin("blob")
        if sys.argv[1] == "os.fork":
            reading, writing = multiprocessing.Pipe(duplex=False)
            number = os.fork()
            if number == 0:
                child(writing)
                os._exit(0)
            assert reading.poll(60), "the child says nothing"
            found = reading.recv()
            assert os.waitpid(number, 0)[1] == 0
        else:
            context = multiprocessing.get_context(sys.argv[1])
            reading, writing = context.Pipe(duplex=False)
            process = context.Process(target=child, args=(writing,))
            process.start()
            assert reading.poll(60), "the child says nothing"
            found = reading.recv()
            process.join()
            assert process.exitcode == 0
        requests(1)
        print(found, seen())
"""


@pytest.mark.parametrize("method", ["os.fork", "fork", "spawn", "forkserver"])
def test_what_waits_to_be_counted_at_a_fork_is_counted_once_on_both_sides(method: str, tmp_path: Path) -> None:
    script = tmp_path / "forking.py"
    script.write_text(textwrap.dedent(WAITING), encoding="utf-8")
    ended = subprocess.run([sys.executable, script, method], check=False, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    begun = 5 if method in {"os.fork", "fork"} else 0  # a child that is not forked begins from nothing
    child = [begun + 2.0, begun + 2, 0.25 * (begun + 2), 0.0]
    assert ended.stdout.strip() == f"{child} {[6.0, 6, 1.5, 1.0]}"
