"""`regobs export logs --once` and `--backfill`: what is refused is said, and each content counts once."""

from __future__ import annotations

import errno
import gzip
import json
import os
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regobs.cli.main import regobs
from regobs.common.counts import counted
from regobs.errors import ExitCode, InputError, MachineError
from tests.exporters.distribution_lines import APACHE, combined, failed, own

SETTINGS = "metrics: [{name: registry_log_own_total, help: h, labels: {repository: vars_name}, most: 10000}]"


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(regobs, ["export", "logs", *arguments], env={"HOME": str(tmp_path)})


def lines(tmp_path: Path, number: int) -> Path:
    file = tmp_path / "r.log"
    with file.open("w", encoding="utf-8") as out:
        for one in range(number):
            record = {"time": "2026-11-25T10:00:00.000Z", "level": "info", "msg": "blob uploaded"}
            out.write(json.dumps({**record, "vars_name": f"n{one:05}"}) + "\n")
    return file


def series(result: Result) -> set[str]:
    return {row.rpartition("}")[0] for row in result.stdout.splitlines() if row.startswith("registry_log_own_total{")}


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
@pytest.mark.parametrize(("names", "shown"), [(4_999, 4_999), (5_000, 5_000), (5_001, 5_000), (6_000, 5_000)])
def test_no_more_than_the_ceiling_of_series_comes_out_and_what_was_refused_is_named(
    tmp_path: Path, mode: list[str], names: int, shown: int
) -> None:
    (tmp_path / "m.yaml").write_text(SETTINGS, encoding="utf-8")
    result = run(tmp_path, *mode, "--metrics", str(tmp_path / "m.yaml"), str(lines(tmp_path, names)))
    assert result.exit_code == 0
    assert len(series(result)) == shown
    told = [row for row in result.stderr.splitlines() if "registry_log_own_total" in row]
    if names < 5_000:
        assert told == []
    else:
        (warning,) = told
        assert warning.startswith("Warning: registry_log_own_total: the ceiling of 5,000 series is reached")
        assert f"`other` {counted(names - 4_999, 'time')}, first" in warning
        assert "repository=n04999" in warning


def access(number: int) -> str:
    record = {"time": f"2026-11-25T10:{number // 60:02}:{number % 60:02}.000Z", "level": "info", "msg": "access"}
    record |= {"method": "GET", "uri": "/v2/a/b/tags/list"}
    return json.dumps({**record, "status": 200, "duration_ms": 1, "read_bytes": 0, "written_bytes": 5}) + "\n"


def requests_of(result: Result) -> int:
    """What the last sample of the access lines says."""
    assert result.exit_code == 0, result.output
    rows = [row for row in result.stdout.splitlines() if row.startswith('registry_log_lines_total{kind="access"}')]
    return int(float(rows[-1].split()[1]))


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
def test_what_a_shell_hands_over_twice_counts_once_and_is_named(tmp_path: Path, mode: list[str]) -> None:
    log, old, other = tmp_path / "r.log", tmp_path / "r.log.1", tmp_path / "z.log"
    old.write_text("".join(map(access, range(100))), encoding="utf-8")
    log.write_text("".join(map(access, range(100, 150))), encoding="utf-8")
    other.write_text("".join(map(access, range(1000, 1007))), encoding="utf-8")
    (tmp_path / "r.log.1.gz").write_bytes(gzip.compress(old.read_bytes()))  # a packed copy
    (tmp_path / "current.log").symlink_to(log)
    os.link(log, tmp_path / "hard.log")
    shutil.copy(old, tmp_path / "copy.log")  # the same content
    (tmp_path / "moved.log.gz").write_bytes(gzip.compress(old.read_bytes()))
    (tmp_path / "begun.log").write_bytes(log.read_bytes()[:500])  # a copy that was made earlier
    (tmp_path / "empty.log").touch()
    result = run(tmp_path, *mode, *sorted(map(str, tmp_path.glob("*.log*"))))
    assert requests_of(result) == 157
    told = [row for row in result.stderr.splitlines() if row.startswith("Warning: ")]
    assert len(told) == 6
    assert all("left out" in row for row in told)


def test_files_that_begin_alike_and_go_on_differently_are_all_counted(tmp_path: Path) -> None:
    """As of two instances that were started in the same second."""
    for name, last in (("a.log", 900), ("b.log", 901)):
        lines = [*map(access, range(500)), access(last)]
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    result = run(tmp_path, "--once", str(tmp_path / "a.log"), str(tmp_path / "b.log"))
    assert (requests_of(result), result.stderr) == (1002, "")


def test_the_time_of_finding_copies_grows_with_the_bytes_and_no_faster(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.log").write_text(
            "".join(access(number * 10 + one) for one in range(10)), encoding="utf-8"
        )
    result = run(tmp_path, "--once", str(tmp_path / "*.log"))
    assert (requests_of(result), result.stderr) == (2000, "")


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
@pytest.mark.parametrize("option", [["--listen", "127.0.0.1:9520"], ["--web-config-file", "web.yml"]])
def test_what_is_printed_once_is_not_served_too(tmp_path: Path, mode: list[str], option: list[str]) -> None:
    result = run(tmp_path, *mode, *option, str(lines(tmp_path, 1)))
    assert isinstance(result.exception, InputError)
    assert result.exception.value == f"{mode[0]} {option[0]}"


def test_a_probe_that_runs_once_is_not_served_too(tmp_path: Path) -> None:
    words = ["export", "probe", "--url", "http://127.0.0.1:1", "--once", "--listen", "127.0.0.1:0"]
    result = CliRunner().invoke(regobs, words, env={"HOME": str(tmp_path)})
    assert isinstance(result.exception, InputError)
    assert result.exception.value == "--once --listen"


def test_a_second_exporter_on_one_state_file_is_refused_and_another_may_follow_the_first(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "regobs", "export", "logs", str(lines(tmp_path, 1)), "--listen", "127.0.0.1:0"]
    state = tmp_path / "new" / "folder" / "state.json"
    words += ["--state", str(state)]
    for _ in range(2):
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
            try:
                assert running.stdout is not None
                assert running.stdout.readline().startswith("http")
                second = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
            finally:
                running.kill()
        told = json.loads(second.stderr.splitlines()[-1])
        assert told["msg"] == "another process keeps its counts in this state file"
        assert told["value"] == str(state)
        assert second.returncode == ExitCode.MACHINE


@pytest.mark.parametrize("check", [["--check-config"], []])
def test_a_file_that_envelopes_cannot_be_appended_to_is_refused_before_the_start(
    tmp_path: Path, check: list[str]
) -> None:
    file = tmp_path / "gone" / "e.ndjson"
    words = ["export", "notifications", "--state", str(tmp_path / "s"), "--append", str(file), *check]
    result = CliRunner().invoke(regobs, words, env={"HOME": str(tmp_path)})
    assert isinstance(result.exception, InputError)
    assert result.exception.message == "envelopes cannot be appended"
    assert result.exception.value == f"{file}: there is no folder {file.parent}"
    assert not (tmp_path / "s").exists()


def test_a_file_without_permission_is_refused_for_appending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "e.ndjson"
    file.touch()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != file or mode != os.W_OK)
    words = ["export", "notifications", "--state", str(tmp_path / "s"), "--append", str(file), "--check-config"]
    result = CliRunner().invoke(regobs, words, env={"HOME": str(tmp_path)})
    assert isinstance(result.exception, InputError)
    assert "may not write" in str(result.exception.value)


@pytest.fixture(params=["logs", "notifications"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[list[str], Path]:
    """The words of an exporter without its --state, and a place for that."""
    if request.param == "notifications":
        return ["export", "notifications", "--listen", "127.0.0.1:0"], tmp_path / "new" / "state"
    words = ["export", "logs", str(lines(tmp_path, 1)), "--listen", "127.0.0.1:0"]
    return words, tmp_path / "new" / "state" / "logs.json"


def checked(kept: tuple[list[str], Path]) -> Result:
    return CliRunner().invoke(regobs, [*kept[0], "--state", str(kept[1]), "--check-config"])


def test_check_config_judges_the_place_of_the_state_and_makes_nothing(
    tmp_path: Path, kept: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert checked(kept).stdout == "settings are right\n"
    assert not (tmp_path / "new").exists()
    (tmp_path / "new").write_text("")
    result = checked(kept)
    assert isinstance(result.exception, MachineError)
    assert str(result.exception.value).endswith(f": {tmp_path / 'new'} is no folder")
    (tmp_path / "new").unlink()
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path)
    result = checked(kept)
    assert isinstance(result.exception, MachineError)
    assert str(result.exception.value).endswith(f": this user may not write to {tmp_path}")
    assert not (tmp_path / "new").exists()


def test_check_config_refuses_a_state_that_points_to_what_is_not_there(
    tmp_path: Path, kept: tuple[list[str], Path]
) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "gone" / "state")
    result = checked((kept[0], link))
    assert isinstance(result.exception, MachineError)
    assert str(tmp_path / "gone") in str(result.exception.value).partition(": there is no folder ")[2]
    result = checked((kept[0], link / "below" / "state"))
    assert isinstance(result.exception, MachineError)
    (tmp_path / "gone").mkdir()
    if kept[0][1] == "logs":
        assert checked((kept[0], link)).stdout == "settings are right\n"
    assert not list((tmp_path / "gone").iterdir())


@pytest.mark.parametrize("place", ["/proc/new", "/proc/new/state", "/sys/new/state"])
def test_check_config_refuses_a_state_where_no_file_can_be_made_whatever_permissions_say(
    place: str, kept: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: True)
    result = checked((kept[0], Path(place)))
    assert isinstance(result.exception, MachineError)
    assert "no file can be made" in str(result.exception.value)


def test_where_files_without_names_are_not_known_one_is_made_and_removed(
    tmp_path: Path, kept: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.open

    def without(path: str | Path, flags: int, *more: int, **by_name: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not supported")
        return really(path, flags, *more, **by_name)

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr("os.open", without)
    assert checked(kept).stdout == "settings are right\n"
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_is_not_there_is_made_for_neither_a_textfile_nor_a_link_to_append_to(tmp_path: Path) -> None:
    log, gone, link = lines(tmp_path, 1), tmp_path / "gone", tmp_path / "link.prom"
    link.symlink_to(gone / "x.prom")
    for file in (gone / "x.prom", link):
        result = CliRunner().invoke(regobs, ["export", "logs", str(log), "--once", "--textfile", str(file)])
        assert isinstance(result.exception, InputError)
        assert result.exception.value == str(file)
    words = ["export", "notifications", "--state", str(tmp_path / "s"), "--append", str(link), "--check-config"]
    result = CliRunner().invoke(regobs, words)
    assert isinstance(result.exception, InputError)
    assert str(gone) in str(result.exception.value)
    assert not gone.exists()


def test_check_config_refuses_a_state_that_another_exporter_has(kept: tuple[list[str], Path]) -> None:
    words = [sys.executable, "-m", "regobs", *kept[0], "--state", str(kept[1])]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("http")
            result = checked(kept)
        finally:
            running.kill()
    assert isinstance(result.exception, MachineError)
    assert result.exception.message.startswith("another process keeps its counts in this")
    assert checked(kept).stdout == "settings are right\n"


def test_check_config_refuses_a_state_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")
    result = checked((["export", "logs", str(lines(tmp_path, 1))], tmp_path / "state.json"))
    assert isinstance(result.exception, MachineError)
    assert result.exception.message == "the state file cannot be read"


@pytest.mark.parametrize("check", [["--check-config"], []])
@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        ("*", "state.json"),
        ("../logs/*", "state"),
        ("*.json", "state.json"),
        ("*.lock", "state.json"),
        ("r.log", "r.log"),
        ("r.log", "r.log.state"),
        ("r.log", "r-state.log"),
        ("current", "current_state"),
        ("[a-z]*.log", "r.log.json"),
    ],
)
def test_a_state_file_that_would_be_read_as_a_log_is_refused(
    tmp_path: Path, pattern: str, state: str, check: list[str]
) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    words = ["export", "logs", str(folder / pattern), "--state", str(folder / state), "--listen", "127.0.0.1:0"]
    result = CliRunner().invoke(regobs, [*words, *check])
    assert isinstance(result.exception, InputError)
    assert result.exception.message == "the state file would be read as a log"
    assert not any(folder.iterdir())


@pytest.mark.parametrize(
    ("pattern", "state"),
    [
        ("*.log", "state.json"),
        ("*.log", "r.logs"),
        ("*", "../state.json"),
        ("*", "below/state.json"),
        ("*", ".state.json"),
        ("r.log", "registry.json"),
        ("r.log", "rlog.state"),
        ("current", "state"),
    ],
)
def test_a_state_file_beside_logs_that_no_pattern_means_is_right(tmp_path: Path, pattern: str, state: str) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    result = checked((["export", "logs", str(folder / pattern)], folder / state))
    assert (result.exit_code, result.stdout) == (0, "settings are right\n")


def test_a_file_that_can_be_made_or_written_is_right_for_appending(tmp_path: Path) -> None:
    (tmp_path / "there.ndjson").touch()
    for name in ("there.ndjson", "new.ndjson"):
        words = ["export", "notifications", "--state", str(tmp_path / "s"), "--append", str(tmp_path / name)]
        result = CliRunner().invoke(regobs, [*words, "--check-config"], env={"HOME": str(tmp_path)})
        assert (result.exit_code, result.stdout) == (0, "settings are right\n")
    assert not (tmp_path / "new.ndjson").exists()


LOG_NAMES = [
    ("r.log", "r.log.1", "r.log.2"),
    ("r.log", "r.log.1.gz", "r.log.2.gz"),
    ("r.log", "r.log-20260102", "r.log-20260101.gz"),
    ("r.log", "r-2026-01-02.log", "r-2026-01-01.log"),
]


@pytest.mark.parametrize("order", sorted(permutations(range(3))))
@pytest.mark.parametrize("names", LOG_NAMES, ids="-".join)
@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
def test_a_request_whose_lines_are_in_different_files_of_one_log_counts_once(
    tmp_path: Path, mode: list[str], names: tuple[str, ...], order: tuple[int, ...]
) -> None:
    parted = [own("/v2/a/b/tags/list"), combined("/v2/a/b/tags/list"), failed("one"), failed("one"), APACHE]
    old, middle, new = [own(), combined(), *parted[:1]], [parted[1], own("/v2/c/tags/list"), parted[2]], parted[3:]
    contents = dict(zip(names, ([*new, combined("/v2/c/tags/list")], middle, old), strict=True))
    for name, content in contents.items():
        data = b"\n".join([*content, b""])
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    files = [str(tmp_path / names[place]) for place in order]
    result = run(tmp_path, *mode, "--flavor", "distribution", *files)
    values = [line for line in result.stdout.splitlines() if line.startswith("registry_log_requests_total{")]
    last = {line.partition(" ")[0]: float(line.split(" ")[1]) for line in values}
    assert (sum(last.values()), result.stderr) == (4, "")


def test_files_of_two_logs_share_no_requests(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(own() + b"\n")
    (tmp_path / "b.log").write_bytes(combined() + b"\n")
    result = run(tmp_path, "--once", "--flavor", "distribution", str(tmp_path / "*.log"))
    assert requests_of(result) == 2
