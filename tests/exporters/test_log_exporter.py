"""The log exporter: its state, faults that it lives through, faults that end it, and its commands."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.catalog import logs as metrics
from regobs.catalog.model import Flavor
from regobs.cli.main import regobs
from regobs.errors import InputError, MachineError
from regobs.exporters import followed_path, logs
from regobs.exporters.declared import read_declared
from regobs.exporters.log_counts import LogCounter
from regobs.exporters.log_files import LogFiles
from regobs.exporters.logs import LogExporter, count_once
from regobs.exporters.totals import ExporterInstruments
from regobs.instrument import Instruments
from tests.exporters.crash_logs import crash
from tests.exporters.test_log_counts import access


def _broken(*_: object) -> bytes:
    raise OSError(5, "Input/output error")


pytestmark = pytest.mark.usefixtures("settled")


def test_counts_and_places_are_stored_together_and_gone_on_from(tmp_path: Path) -> None:
    log, state = tmp_path / "r.log", tmp_path / "state" / "s.json"
    log.write_bytes(access() + b"\n")
    for _ in range(3):
        exporter = LogExporter([str(log)], Flavor.GITLAB, state=state)
        exporter.restore()
        exporter.read()
        exporter._store()
        exporter._files.close()
        with log.open("ab") as file:
            file.write(access() + b"\n")
    last = LogExporter([str(log)], Flavor.GITLAB, state=state)
    last.restore()
    assert last.totals.total(metrics.REQUESTS) == 4
    last.read()
    assert last.totals.total(metrics.REQUESTS) == 4
    last._files.close()


def _cri() -> list[bytes]:
    line, time = access(), b"2026-11-23T11:05:00.1Z"
    return [time + b" stdout P " + line[:40], time + b" stderr F panic: x", time + b" stdout F " + line[40:]]


def _docker() -> list[bytes]:
    parts = [access()[:40].decode(), access()[40:].decode() + "\n"]
    return [json.dumps({"log": part, "stream": "stdout", "time": "2026-11-23T11:05:00Z"}).encode() for part in parts]


def _journal() -> list[bytes]:
    line = access()
    binary = [b"MESSAGE", len(line).to_bytes(8, "little") + line]
    return [b"__CURSOR=1", b"_HOSTNAME=a", *binary, b"", b"__CURSOR=2", b"MESSAGE=" + line, b"_PID=1"]


def _document() -> list[bytes]:
    return json.dumps(json.loads(access()), indent=1).encode().split(b"\n")


@pytest.mark.parametrize("rotated", [False, True], ids=["in place", "rotated"])
@pytest.mark.parametrize("form", [_cri, _docker, _journal, _document])
def test_a_line_of_several_parts_counts_once_wherever_a_restart_falls(
    form: Callable[[], list[bytes]], rotated: bool, tmp_path: Path
) -> None:
    parts = form()
    whole = tmp_path / "whole.log"
    whole.write_bytes(b"\n".join(parts) + b"\n")
    expected = count_once([str(whole)], Flavor.GITLAB, 10)[0]
    assert f'{metrics.LINES.name}{{kind="access"}}' in expected
    for cut in range(1, len(parts)):
        log, state = tmp_path / f"{cut}.log", tmp_path / f"{cut}.json"
        for lines in (parts[:cut], parts[cut:]):
            with log.open("ab") as file:
                file.write(b"\n".join(lines) + b"\n")
            exporter = LogExporter([str(log)], Flavor.GITLAB, namespaces=10, state=state)
            exporter.restore()
            exporter.read()
            exporter._store()
            exporter._files.close()
            if rotated and lines == parts[:cut]:
                log.rename(log.with_name(f"{cut}.log.1"))
        shown = ExporterInstruments(exporter.all_totals).render(openmetrics=True).decode()
        assert shown == expected, cut


def test_the_age_of_the_checkpoint_is_shown_before_the_first_one_of_a_process(tmp_path: Path) -> None:
    """Or an alert on its age would be quiet after a restart while the disk is full."""
    log, state = tmp_path / "r.log", tmp_path / "s.json"
    log.write_bytes(access() + b"\n")
    first = LogExporter([str(log)], Flavor.GITLAB, state=state)
    first.read()
    first._store()
    first._files.close()
    os.utime(state, (1000, 1000))
    second = LogExporter([str(log)], Flavor.GITLAB, state=state)
    second.instruments = Instruments("gitlab")
    second.restore()
    second._files.close()
    assert f"\n{metrics.CHECKPOINT.name} 1000\n" in second.instruments.render().decode()


@pytest.mark.parametrize(
    "words", [["--once", "--backfill", "1m"], ["--once", "--state", "s"], ["--backfill", "1m", "--state", "s"]]
)
def test_what_would_be_left_out_is_refused(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "r.log").write_bytes(access() + b"\n")
    answer = CliRunner().invoke(regobs, ["export", "logs", *words, str(tmp_path / "r.log")])
    assert isinstance(answer.exception, InputError)
    assert answer.stdout == ""


def test_a_full_disk_for_the_state_is_logged_and_counting_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    log = tmp_path / "r.log"
    log.write_bytes(access() + b"\n")
    exporter = LogExporter([str(log)], Flavor.GITLAB, state=tmp_path / "file" / "state.json")
    exporter.read()
    exporter._store()
    exporter._store()
    exporter._files.close()
    assert exporter.totals.total(metrics.REQUESTS) == 1
    assert caplog.text.count("the state cannot be stored") == 1
    (tmp_path / "file").unlink()
    caplog.set_level("INFO")
    for _ in range(2):
        exporter._store()
    assert caplog.text.count("no longer: the state cannot be stored") == 1


@pytest.mark.parametrize("content", [b"", b"{}", b'{"form": 7}', b"\xff"])
def test_a_state_that_cannot_be_read_is_an_error(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_bytes(content)
    exporter = LogExporter([str(tmp_path / "r.log")], Flavor.GITLAB, state=tmp_path / "s.json")
    with pytest.raises(MachineError, match="state"):
        exporter.restore()


def test_a_state_that_cannot_be_read_ends_the_exporter_and_stays_as_it_is(tmp_path: Path) -> None:
    state = tmp_path / "s.json"
    state.write_bytes(b"half a st")
    ended = threading.Event()
    exporter = LogExporter([str(tmp_path / "r.log")], Flavor.GITLAB, state=state, ended=ended.set)
    exporter.start()
    assert ended.wait(10)
    exporter.stop()
    assert "state file" in str(exporter.fault)
    assert (exporter.ready, state.read_bytes()) == (False, b"half a st")


@pytest.mark.parametrize("content", [b"half a st", access() + b"\n", b"[]"])
def test_the_command_reads_the_state_before_it_shows_an_address(content: bytes, tmp_path: Path) -> None:
    state = tmp_path / "s.json"
    state.write_bytes(content)
    words = ["export", "logs", str(tmp_path / "r.log"), "--state", str(state), "--listen", "127.0.0.1:0"]
    done = subprocess.run([sys.executable, "-m", "regobs", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, state.read_bytes()) == (4, "", content)
    assert "the state file cannot be read" in done.stderr


def test_a_changed_definition_is_one_line_of_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log, state, settings = tmp_path / "r.log", tmp_path / "s.json", tmp_path / "m.yaml"
    log.write_bytes(access() + b"\n")
    for labels in ("{m: method}", "{m: status}", "{m: status}"):
        settings.write_text(f"metrics: [{{name: registry_log_own_total, help: h, labels: {labels}}}]", encoding="utf-8")
        declared = read_declared(settings)
        exporter = LogExporter([str(log)], Flavor.GITLAB, declared=declared, state=state)
        exporter.restore()
        exporter.read()
        exporter._store()
        exporter._files.close()
    told = [one for one in caplog.records if "begins anew" in one.message]
    assert [(vars(one)["metric"], vars(one)["changed"]) for one in told] == [("registry_log_own_total", "labels")]


def test_a_disk_that_cannot_be_read_for_a_while_is_told_once_and_counting_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "r.log"
    log.write_bytes(access() + b"\n")
    exporter = LogExporter([str(log)], Flavor.GITLAB)
    monkeypatch.setattr(LogFiles, "blocks", _broken)
    assert [exporter._read_on() for _ in range(3)] == [False] * 3
    assert caplog.text.count("files cannot be read") == 1
    assert not exporter.ready
    monkeypatch.undo()
    assert exporter._read_on()
    exporter._files.close()
    assert (exporter.totals.total(metrics.REQUESTS), exporter.ready) == (1, True)


def test_how_far_behind_a_file_is_shows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "r.log"
    log.write_bytes((access() + b"\n") * 20_000)
    monkeypatch.setattr(logs, "_SHOW", 0.0)
    exporter = LogExporter([str(log)], Flavor.GITLAB)
    exporter.instruments = instruments = Instruments(Flavor.GITLAB)
    shown: list[tuple[float, float]] = []
    count = LogCounter.count

    def watched(counter: LogCounter, *block: Any) -> None:
        behind = [value for _, _, value in instruments.gauge(metrics.BEHIND).samples()]
        last = [value for _, _, value in instruments.gauge(metrics.LAST_LINE).samples()]
        shown.append((sum(behind), sum(last)))
        count(counter, *block)

    monkeypatch.setattr(LogCounter, "count", watched)
    assert exporter.read()
    exporter._files.close()
    behind = [value for value, _ in shown[1:]]
    assert len(behind) > 2
    assert behind == sorted(behind, reverse=True)
    assert log.stat().st_size > behind[0] > behind[-1] > 0
    assert all(last > 0 for _, last in shown[1:])
    assert [value for _, _, value in instruments.gauge(metrics.BEHIND).samples()] == [0]


def test_a_writer_that_is_faster_keeps_no_other_file_waiting(tmp_path: Path) -> None:
    fast, other = tmp_path / "a.log", tmp_path / "b.log"
    line = b"x" * 99 + b"\n"
    fast.write_bytes(line * 1000)
    other.write_bytes(b"1\n")
    files = LogFiles([str(fast), str(other)])
    lines: list[bytes] = []

    def read(*, writing: bool = False) -> list[str]:
        found = []
        for path, block in files.blocks():
            found.append(path)
            lines.extend(block)
            if writing and len(found) < 8:
                with fast.open("ab") as more:
                    more.write(line * 30_000)
        return found

    assert str(other) in read(writing=True)
    other.write_bytes(b"1\n2\n")
    written = fast.stat().st_size
    found = read(writing=True)
    assert str(other) in found
    assert found.index(str(other)) <= written // (1 << 20) + 2
    while read():
        pass
    files.close()
    assert lines.count(b"2") == 1
    assert len(lines) == fast.stat().st_size // len(line) + 2


def test_a_fault_that_nobody_knows_ends_the_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    exporter = LogExporter([str(tmp_path / "r.log")], Flavor.GITLAB, ended=ended.set)
    monkeypatch.setattr(LogFiles, "blocks", lambda *_: 1 // 0)
    exporter.start()
    assert ended.wait(10)
    assert "ZeroDivisionError" in str(exporter.fault)
    assert not exporter.ready


def test_a_file_of_a_pattern_that_was_deleted_is_closed_and_forgotten_once_it_is_quiet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = LogFiles([str(tmp_path / "*.log")])
    log = tmp_path / "pod.log"
    log.write_bytes(b"1\n2\nunended")
    lines: list[bytes] = []

    def read() -> None:
        files._looked = -100.0
        lines.extend(line for _, block in files.blocks() for line in block)

    read()
    log.unlink()
    read()
    assert list(files.behind()) == [str(log)], "its writer may have it open"
    monkeypatch.setattr(followed_path, "_QUIET", 0.0)
    read()
    read()
    assert (lines, files.behind()) == ([b"1", b"2", b"unended"], {})
    assert files.settled


def test_once_reads_packed_files_and_refuses_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "r.log.1.gz").write_bytes(gzip.compress(access() + b"\n"))
    (tmp_path / "r.log").write_bytes(access() + b" \n")  # another line, or it would be a copy
    text = count_once([str(tmp_path / "r.log*")], Flavor.GITLAB, 10)[0]
    assert 'registry_log_requests_total{method="get",route="/v2/{name}/manifests/{reference}",status="2xx"} 2' in text
    assert text.endswith("# EOF\n")
    (tmp_path / "no.log").write_bytes(b"nothing of a registry\n")
    with pytest.raises(InputError, match="no line can be read as one of a registry"):
        count_once([str(tmp_path / "no.log")], Flavor.GITLAB, 10)


def test_a_textfile_is_in_the_format_of_the_collector_and_whole_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "r.log").write_bytes(access() + b"\n")
    out = tmp_path / "registry.prom"
    words = ["export", "logs", str(tmp_path / "r.log"), "--textfile"]
    wrong = ([out], [tmp_path / "registry.txt", "--once"], [tmp_path / "r.log" / "a.prom", "--once"])
    faults = [CliRunner().invoke(regobs, [*words, *map(str, more)]).exception for more in wrong]
    assert [type(fault) for fault in faults] == [InputError, InputError, InputError]
    answer = CliRunner().invoke(regobs, [*words, str(out), "--once"])
    assert (answer.exit_code, answer.stdout) == (0, "")
    text = out.read_text()
    assert "# TYPE registry_log_requests_total counter\n" in text  # OpenMetrics leaves `_total` out here
    assert "# EOF" not in text
    assert [one.name for one in tmp_path.iterdir() if "registry" in one.name] == ["registry.prom"]


def test_the_settings_of_the_receiver_can_be_judged_alone(tmp_path: Path) -> None:
    words = ["export", "notifications", "--state", str(tmp_path / "state"), "--check-config", "--token-file"]
    (tmp_path / "token").write_text("secret\n")
    assert CliRunner().invoke(regobs, [*words, str(tmp_path / "token")]).exit_code == 0
    assert isinstance(CliRunner().invoke(regobs, [*words, str(tmp_path / "none")]).exception, InputError)
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("linked", [False, True], ids=["file", "link"])
def test_kill_9_while_the_log_is_rotated_loses_no_line_and_counts_none_twice(linked: bool) -> None:
    written, counted, rotations = crash(25, seed=3, linked=linked)
    assert written == counted > 100
    assert rotations > 1


def test_a_file_whose_name_is_not_utf8_is_counted_stored_and_shown(tmp_path: Path) -> None:
    log, state = os.fsencode(tmp_path) + b"/caf\xe9.log", tmp_path / "s.json"
    with open(log, "ab") as file:  # noqa: PTH123 - a name of bytes
        file.write(access() + b"\n")
    for expected in (1, 2):
        exporter = LogExporter([str(tmp_path / "*.log")], Flavor.GITLAB, state=state)
        exporter.instruments = Instruments("gitlab")
        exporter.restore()
        exporter.read()
        exporter._store()
        exporter._files.close()
        assert exporter.totals.total(metrics.REQUESTS) == expected
        assert "caf\\\\xe9.log" in exporter.instruments.render().decode()
        with open(log, "ab") as file:  # noqa: PTH123 - a name of bytes
            file.write(access() + b"\n")


def test_files_that_come_and_go_have_series_of_their_own_as_long_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("regobs.exporters.logs.MOST_FILES", 2)
    monkeypatch.setattr(followed_path, "_QUIET", 0.0)
    exporter = LogExporter([str(tmp_path / "*.log")], Flavor.GITLAB)
    exporter.instruments = Instruments("gitlab", caps={"file": 3})
    seen = []
    for names in ("ab", "abcd", "cd", "ef", "e"):
        for one in tmp_path.glob("*.log"):
            if one.stem not in names:
                one.unlink()
        for name in names:
            (tmp_path / f"{name}.log").write_bytes(b"unended")
        for _ in range(3):
            exporter._files._looked = -100.0  # type: ignore[union-attr]
            exporter.read()
        series = exporter.instruments.gauge(metrics.BEHIND).samples()
        seen.append({Path(labels["file"]).stem: value for _, labels, value in series})
    exporter._files.close()
    assert seen == [
        {"a": 7, "b": 7},
        {"a": 7, "b": 7, "other": 14},
        {"c": 7, "d": 7},
        {"e": 7, "f": 7},
        {"e": 7},
    ]
    assert caplog.text.count("more files than have series") == 2, "of abcd; and of ef while cd are still open"
