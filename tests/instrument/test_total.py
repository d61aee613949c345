"""Processes of one server that count together."""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regobs.catalog import build_info, gc, go_runtime, http, load_balancing, process, python_runtime, redis, sql_pool
from regobs.catalog.model import Metric
from regobs.errors import InstrumentError, MachineError
from regobs.instrument import Instruments
from regobs.instrument.adapters.process import observe_process

WORKER = """
    import os, signal, sys
    from regobs.catalog import build_info, gc, http, load_balancing, redis
    from regobs.instrument import Instruments
    instruments = Instruments("gitlab", directory=sys.argv[1])
    observer = instruments.http
    def count(times):
        for _ in range(times):
            observer.begin("manifest")
            observer.finish("manifest", "GET", 200, 0.2, 100, 1000, 0.1)
    for line in sys.stdin:
        exec(line)
        print("done", flush=True)
"""


class Worker:
    """Another process of the server; it does what it is told, one line of Python after the other."""

    def __init__(self, directory: Path) -> None:
        command = [sys.executable, "-c", textwrap.dedent(WORKER), str(directory)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.do("pass")

    def do(self, line: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def instruments(tmp_path: Path) -> Instruments:
    return Instruments("gitlab", directory=tmp_path / "shared")


def requests(instruments: Instruments) -> dict[str, float]:
    """The requests and what is in their histograms, as a scrape is told."""
    lines = instruments.render().decode().splitlines()
    names = ("registry_http_requests_total{", "registry_http_response_size_bytes_sum{")
    return {name: float(line.split()[-1]) for name in names for line in lines if line.startswith(name)}


def shown(instruments: Instruments, start: str) -> float | None:
    found = [line for line in instruments.render().decode().splitlines() if line.startswith(start)]
    return float(found[0].split()[-1]) if found else None


def count(instruments: Instruments, times: int) -> None:
    for _ in range(times):
        instruments.http.begin("manifest")
        instruments.http.finish("manifest", "GET", 200, 0.2, 100, 1000, 0.1)


@pytest.fixture
def worker(instruments: Instruments, tmp_path: Path) -> Iterator[Worker]:
    other = Worker(tmp_path / "shared")
    yield other
    other.kill()


def ledgers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.suffix == ".numbers")


def test_whichever_process_is_asked_tells_the_sums_of_all(
    instruments: Instruments, worker: Worker, tmp_path: Path
) -> None:
    count(instruments, 2)
    worker.do("count(3)")
    assert list(requests(instruments).values()) == [5, 5000]
    worker.do(f"open({str(tmp_path / 'answer')!r}, 'wb').write(instruments.render())")
    assert (tmp_path / "answer").read_bytes() == instruments.render()


def test_what_a_killed_process_counted_stays_and_its_file_goes(
    instruments: Instruments, worker: Worker, tmp_path: Path
) -> None:
    count(instruments, 2)
    worker.do("count(3)")
    worker.do("observer.begin('manifest')")
    assert shown(instruments, "registry_http_in_flight_requests") == 1
    assert len(ledgers(tmp_path / "shared")) == 2
    worker.kill()
    assert list(requests(instruments).values()) == [5, 5000]
    assert shown(instruments, "registry_http_in_flight_requests") == 0, "nobody is in a handler of a dead process"
    assert len(ledgers(tmp_path / "shared")) == 1


def test_many_generations_of_workers_leave_one_file_that_does_not_grow(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    instruments = Instruments("gitlab", directory=directory)
    sizes = []
    for generation in range(1, 5):
        worker = Worker(directory)
        worker.do("count(10)")
        worker.kill()
        assert requests(instruments)["registry_http_requests_total{"] == 10 * generation
        sizes.append(sum(path.stat().st_size for path in directory.glob("*.json")))
    assert len(list(directory.iterdir())) == 3, "its own ledger, what is retired, and the lock"
    assert sizes[-1] <= sizes[0] + 40


def test_a_death_while_the_counts_move_counts_nothing_twice(
    instruments: Instruments, worker: Worker, tmp_path: Path
) -> None:
    worker.do("count(3)")
    directory = tmp_path / "shared"
    (other,) = (path for path in directory.glob("*.numbers") if path.name.startswith(f"{worker.process.pid}."))
    content = other.read_bytes()
    worker.kill()
    assert requests(instruments)["registry_http_requests_total{"] == 3
    other.write_bytes(content)  # as if whoever moved them had been killed before the file was removed
    assert requests(instruments)["registry_http_requests_total{"] == 3
    assert not other.exists()


def test_a_server_goes_on_from_what_the_one_before_it_counted_and_an_empty_directory_begins_from_0(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "shared"
    worker = Worker(directory)
    worker.do("count(3)")
    worker.do("instruments[redis.POOL_TOTAL].child(instance='cache').set(3)")
    worker.kill()
    again = Worker(directory)
    again.do("count(1)")
    again.kill()
    kept = Instruments("gitlab", directory=directory)
    assert requests(kept)["registry_http_requests_total{"] == 4
    assert shown(kept, f"{redis.POOL_TOTAL}{{") is None, "nobody has these connections"
    assert requests(Instruments("gitlab", directory=tmp_path / "another")) == {}


def test_gauges_add_up_unless_all_processes_say_the_same(instruments: Instruments, worker: Worker) -> None:
    build = {"built": "", "package": "p", "revision": "r", "version": "v"}
    for gauge, value in ((load_balancing.LAG_BYTES, 5.0), (redis.POOL_TOTAL, 2.0), (redis.POOL_HITS, 4.0)):
        (label,) = gauge.form(instruments.flavor).labels  # type: ignore[union-attr]
        instruments.gauge(gauge).child(**{label.name: "cache"}).set(value)
    instruments.gauge(build_info.BUILD).child(**build).set(1)
    worker.do("instruments[load_balancing.LAG_BYTES].child(replica='cache').set(9)")
    worker.do("instruments[redis.POOL_TOTAL].child(instance='cache').set(3)")
    worker.do("instruments[redis.POOL_HITS].child(instance='cache').set(6)")
    worker.do(f"instruments[build_info.BUILD].child(**{build}).set(1)")
    assert shown(instruments, f"{load_balancing.LAG_BYTES}{{") == 9, "all look at the same replica"
    assert shown(instruments, f"{redis.POOL_TOTAL}{{") == 5, "each has connections of its own"
    assert shown(instruments, f"{build_info.BUILD}{{") == 1
    worker.kill()
    assert shown(instruments, f"{load_balancing.LAG_BYTES}{{") == 5
    assert shown(instruments, f"{redis.POOL_TOTAL}{{") == 2
    assert shown(instruments, f"{redis.POOL_HITS}{{") == 10, "a gauge that only grows is a counter"


def test_what_is_read_from_a_function_reaches_the_others_within_seconds(
    instruments: Instruments, worker: Worker
) -> None:
    family = instruments.gauge(redis.POOL_IDLE)
    family.child(instance="cache").read_from(lambda: 2)
    worker.do("instruments[redis.POOL_IDLE].child(instance='cache').read_from(lambda: 5)")
    deadline = time.monotonic() + 10
    while shown(instruments, f"{redis.POOL_IDLE}{{") != 7:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    family.child(instance="cache").read_from(lambda: 1 / 0)
    assert shown(instruments, f"{redis.POOL_IDLE}{{") == 5, "a function that fails adds nothing"


def test_the_processes_of_a_server_are_shown_as_one(instruments: Instruments, worker: Worker) -> None:
    def now(metric: Metric) -> float:
        return shown(instruments, f"{metric} ") or 0

    observe_process(instruments)
    files, sent, start = now(process.MAX_FDS), now(process.NETWORK_SENT), now(process.START_TIME)
    worker.do("from regobs.instrument.adapters.process import observe_process; observe_process(instruments)")
    worker.do("instruments.render()")
    assert now(process.MAX_FDS) == 2 * files > 0, "each may open as many"
    assert sent <= now(process.NETWORK_SENT) < 1.5 * sent + 1e6, "they share the network"
    assert now(process.START_TIME) >= start > 0
    assert shown(instruments, str(python_runtime.INFO)) == 1


def test_a_series_that_one_process_removes_is_gone(instruments: Instruments, worker: Worker) -> None:
    family = instruments.gauge(load_balancing.LAG_BYTES)
    family.child(replica="r1").set(4)
    family.child(replica="r2").set(1)
    family.remove(replica="r1")
    assert shown(instruments, f'{load_balancing.LAG_BYTES}{{replica="r1"') is None
    family.child(replica="r1").inc()
    assert shown(instruments, f'{load_balancing.LAG_BYTES}{{replica="r1"') == 1


def test_a_family_that_only_another_process_has_is_shown(instruments: Instruments, worker: Worker) -> None:
    worker.do("instruments[gc.BYTES].child(media_type='m').inc(7)")
    assert shown(instruments, str(gc.BYTES)) == 7


def test_threads_and_processes_at_once_lose_no_count(instruments: Instruments, worker: Worker) -> None:
    threads = [threading.Thread(target=count, args=(instruments, 2000)) for _ in range(4)]
    for thread in threads:
        thread.start()
    worker.do("count(2000)")
    for thread in threads:
        thread.join()
    assert list(requests(instruments).values()) == [10_000, 10_000_000]


def test_a_forked_child_counts_in_its_own_file_from_0(tmp_path: Path) -> None:
    # In a process of its own, because this one may have threads, which a fork would not carry over.
    code = f"""
        import os
        from regobs.catalog import build_info
        from regobs.instrument import Instruments
        instruments = Instruments("gitlab", directory={str(tmp_path / "shared")!r})
        build = instruments.gauge(build_info.BUILD).child(built="", package="p", revision="r", version="v")
        build.set(1)
        observer = instruments.http
        def count():
            observer.begin("manifest")
            observer.finish("manifest", "GET", 200, 0.2, 100, 1000, 0.1)
        count()
        for _ in range(2):
            if os.fork() == 0:
                count()
                count()
                assert build.value == 1
                os._exit(0)
            os.wait()
        lines = instruments.render().decode().splitlines()
        assert [line[-2:] for line in lines if line.startswith("registry_http_requests_total")] == [" 5"], lines
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert len(ledgers(tmp_path / "shared")) == 1


def test_quantiles_are_refused_because_they_cannot_be_put_together(instruments: Instruments, tmp_path: Path) -> None:
    strict = Instruments("gitlab", directory=tmp_path / "strict", strict=True)
    with pytest.raises(InstrumentError, match="quantiles"):
        strict.summary(go_runtime.GC_PAUSE)
    instruments.summary(go_runtime.GC_PAUSE).child().set({0.5: 1}, total=1, count=1)
    assert shown(instruments, str(go_runtime.GC_PAUSE)) is None
    assert shown(instruments, "regobs_instrument_errors_total") == 1


def test_a_place_that_others_may_write_is_refused(tmp_path: Path) -> None:
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(MachineError, match="no safe place"):
        Instruments("gitlab", directory=open_to_all)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(MachineError, match="no safe place"):
        Instruments("gitlab", directory=tmp_path / "link")


def test_the_numbers_of_a_pool_keep_their_names_and_types(instruments: Instruments, tmp_path: Path) -> None:
    alone = Instruments("gitlab")
    for one in (alone, instruments):
        one.gauge(sql_pool.IN_USE).child(db_name="d", host_addr="h", host_type="primary").set(3)
        count(one, 1)
    assert instruments.render() == alone.render()
    assert instruments.render(openmetrics=True) == alone.render(openmetrics=True)
    retired = tmp_path / "shared" / "retired.json"
    assert not retired.exists() or json.loads(retired.read_text())["series"] == []


def test_counts_of_another_version_break_no_scrape(instruments: Instruments, tmp_path: Path) -> None:
    count(instruments, 1)
    directory = tmp_path / "shared"
    series = [
        ["registry_http_requests_total", ["200", "get", "/v2/"], [4, 0]],
        ["registry_http_requests_total", ["one label"], [4, 0]],
        ["registry_http_request_duration_seconds", ["200", "get", "/v2/"], [1, 1, 1]],
        ["registry_no_longer_there_total", [], [7, 0]],
    ]
    (directory / "retired.json").write_text(json.dumps({"ledgers": [], "series": series}))
    text = instruments.render().decode()
    assert shown(instruments, 'registry_http_requests_total{code="200",method="get",route="/v2/"}') == 4
    assert "one label" not in text
    assert "no_longer" not in text


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"ledgers": [], "series": [[1]]}', "\0" * 100, "[" * 100_000]
)
def test_a_file_that_a_loss_of_power_spoiled_is_set_aside(
    content: str, instruments: Instruments, tmp_path: Path
) -> None:
    count(instruments, 1)
    (tmp_path / "shared" / "retired.json").write_text(content)
    assert requests(instruments)["registry_http_requests_total{"] == 1
    assert len(list((tmp_path / "shared").glob("*.unreadable"))) == 1
    assert requests(instruments)["registry_http_requests_total{"] == 1


def test_numbers_that_a_loss_of_power_spoiled_break_no_scrape(tmp_path: Path, worker: Worker) -> None:
    """In the file of a worker that has ended, word by word, and in what ended workers had counted."""
    worker.do("count(1)")
    worker.kill()
    (source,) = (tmp_path / "shared").glob(f"{worker.process.pid}.*")
    content = source.read_bytes()
    used = len(content.rstrip(b"\0"))
    spoils = [struct.pack("d", value) for value in (math.nan, math.inf, -1)] + [b"\xff" * 8, b"[" * 8, b"12345678"]
    for place in range(0, used, 24):
        directory = tmp_path / str(place)
        directory.mkdir(mode=0o700)
        spoiled = bytearray(content)
        spoiled[place : place + 8] = spoils[place // 24 % len(spoils)]
        (directory / source.name).write_bytes(spoiled)
        instruments = Instruments("gitlab", directory=directory)
        count(instruments, 1)
        for _ in range(2):  # the second reads what the first has put together
            assert list(text_string_to_metric_families(instruments.render().decode()))
    assert used > 1000


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1"])
def test_counts_that_cannot_be_are_left_out(number: str, instruments: Instruments, tmp_path: Path) -> None:
    count(instruments, 1)
    name, labels = "registry_http_time_to_write_header_seconds", ["200", "get", "/v2/"]
    numbers = f"[{number}{', 0' * (len(instruments.histogram(http.TIME_TO_HEADER).edges) + 1)}]"
    series = f'[["{name}", {json.dumps(labels)}, {numbers}]]'
    (tmp_path / "shared" / "retired.json").write_text(f'{{"ledgers": [], "series": {series}}}')
    text = instruments.render().decode()
    assert 'route="/v2/",le' not in text
    assert requests(instruments)["registry_http_requests_total{"] == 1


def test_a_directory_that_somebody_removes_breaks_no_scrape(instruments: Instruments, tmp_path: Path) -> None:
    count(instruments, 2)
    shutil.rmtree(tmp_path / "shared")
    assert requests(instruments)["registry_http_requests_total{"] == 2, "those of this process"


def test_generations_of_workers_that_meet_new_values_keep_to_the_ceiling_of_a_family(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    instruments = Instruments("gitlab", directory=directory, ceiling=10)
    for generation in range(4):
        worker = Worker(directory)
        worker.do(f"[instruments[gc.BYTES].child(media_type=f'm{generation}-{{n}}').inc(1) for n in range(5)]")
        worker.kill()
        instruments.render()
    lines = [line for line in instruments.render().decode().splitlines() if line.startswith(f"{gc.BYTES}{{")]
    assert len(lines) == 11
    assert sum(float(line.split()[-1]) for line in lines) == 20
