"""Writing the output: all or nothing, whatever happens."""

import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regobs.build.write import SHOWN_LINES, compare, write_atomically
from regobs.common import directories as swapping
from regobs.errors import ExitCode, InputError, MachineError

LAUNCH = Path(swapping.__file__).with_name("launch.py")


def output(word: str, count: int = 3) -> dict[str, bytes]:
    files = {f"part{n % 3}/file{n}.json": f"{word} {n}\n".encode() * 50 for n in range(count)}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, "manifest.json": json.dumps({"generator": "regobs", "files": sums}).encode()}


def content_of(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_an_absent_directory_is_made_with_its_parents(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b", output("one"))
    assert content_of(tmp_path / "a" / "b") == output("one")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    write_atomically(tmp_path / "out", output("one"))
    assert content_of(tmp_path / "out") == output("one")


def test_a_built_directory_is_replaced_and_what_is_no_longer_built_goes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_atomically(out, output("one", 6))
    out.chmod(0o750)
    write_atomically(out, output("two", 2))
    assert content_of(out) == output("two", 2)
    assert out.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_to_a_directory_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    write_atomically(tmp_path / "out", output("one"))
    assert (tmp_path / "out").is_symlink()
    assert content_of(tmp_path / "real") == output("one")


@pytest.mark.parametrize("name", ["notes.txt", "part0/notes.txt", ".git/HEAD"])
def test_a_directory_with_a_file_that_no_build_wrote_is_refused(tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    write_atomically(out, output("one"))
    (out / name).parent.mkdir(exist_ok=True)
    (out / name).write_text("mine")
    with pytest.raises(InputError) as caught:
        write_atomically(out, output("two"))
    assert caught.value.value == name
    assert caught.value.exit_code is ExitCode.INPUT
    assert content_of(out) == {**output("one"), name: b"mine"}


@pytest.mark.parametrize("manifest", ["{}", "[]", "no json", '{"generator": "other", "files": {"a": ""}}'])
def test_a_directory_of_someone_else_is_refused_even_with_a_manifest(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(InputError, match="no build of regobs wrote it"):
        write_atomically(tmp_path, output("one"))
    assert content_of(tmp_path) == {"manifest.json": manifest.encode()}


def test_a_file_and_the_current_directory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="this is a file"):
        write_atomically(tmp_path / "file", output("one"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="current directory"):
        write_atomically(Path(), output("one"))


def without_exchange(one: Path, other: Path) -> bool:
    return False


def test_without_the_exchange_of_names_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "exchange", without_exchange)
    write_atomically(tmp_path / "out", output("one"))
    write_atomically(tmp_path / "out", output("two"))
    assert content_of(tmp_path / "out") == output("two")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_run_killed_between_the_two_renames_is_recovered(tmp_path: Path) -> None:
    out, old, new = tmp_path / "out", tmp_path / ".out.regobs-old", tmp_path / ".out.regobs-new"
    write_atomically(out, output("one"))
    out.rename(old)
    new.mkdir()
    swapping.recover(out, old, new)
    assert content_of(out) == output("one")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_second_rename_puts_the_old_directory_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "exchange", without_exchange)
    out = tmp_path / "out"
    write_atomically(out, output("one"))
    with pytest.raises(FileNotFoundError):
        swapping.swap(tmp_path / "missing", out, tmp_path / "old")
    assert content_of(out) == output("one")


def test_leftovers_of_a_killed_build_are_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_atomically(out, output("one"))
    for name in (".out.regobs-old", ".out.regobs-new"):
        (tmp_path / name / "part").mkdir(parents=True)
        (tmp_path / name / "part" / "half").write_text("ha")
    write_atomically(out, output("two"))
    assert content_of(out) == output("two")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.build.test_write import output
from regobs.build.write import write_atomically
print("ready", flush=True)
turn = 0
while True:
    turn += 1
    write_atomically(Path(sys.argv[1]), output(f"turn{turn}", 30))
"""


def assert_whole(out: Path) -> None:
    files = content_of(out)
    sums = json.loads(files.pop("manifest.json"))["files"]
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == sums
    assert len({content.split()[0] for content in files.values()}) == 1


def test_kill_9_at_any_moment_leaves_one_whole_output(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_atomically(out, output("first", 30))
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    root = str(Path(__file__).parents[2])
    for _ in range(12):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(out), root], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        with child, child.stdout:
            assert child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.002, 0.08))
            child.send_signal(signal.SIGKILL)
        assert_whole(out)
    write_atomically(out, output("last"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_two_builds_at_once_take_turns(tmp_path: Path) -> None:
    out = tmp_path / "out"
    once = WRITER.replace("while True:", "for _ in range(15):")
    root = str(Path(__file__).parents[2])
    children = [subprocess.Popen([sys.executable, "-c", once, str(out), root], stdout=subprocess.DEVNULL) for _ in "ab"]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert_whole(out)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_that_may_not_grow_leaves_the_old_output_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_atomically(out, output("one"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(MachineError) as caught:
            write_atomically(out, {**output("two"), "big": b"x" * 8192})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.exit_code is ExitCode.MACHINE
    assert "as it was before" in str(caught.value.next_step)
    assert content_of(out) == output("one")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


FULL_DISK = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from tests.build.test_write import content_of, output
from regobs.build.write import write_atomically
from regobs.errors import MachineError
out = Path(sys.argv[1]) / "out"
write_atomically(out, output("one"))
try:
    write_atomically(out, {**output("two"), "big": b"x" * 400_000})
except MachineError as error:
    print(error)
assert content_of(out) == output("one")
assert [path.name for path in out.parent.iterdir()] == ["out"]
write_atomically(out, output("three"))
assert content_of(out) == output("three")
"""


def test_a_full_disk_leaves_the_old_output_whole(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    launch = [sys.executable, "-I", "-S", str(LAUNCH), "0", "--tmpfs", str(tmp_path), "262144", "--"]
    probe = subprocess.run([*launch, "true"], check=False, capture_output=True)
    if probe.returncode != 0:
        pytest.skip("this machine allows no mount of our own, not even in a namespace")
    run = subprocess.run(
        [*launch, sys.executable, "-c", FULL_DISK, str(tmp_path), root], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "No space left on device" in run.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_one_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(MachineError, match="cannot be written"):
            write_atomically(tmp_path / "out", output("one"))
    finally:
        tmp_path.chmod(0o700)


def test_equal_directories_have_no_difference(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x\n")
    assert compare(tmp_path, {"a/b": b"x\n"}) == []


def test_each_difference_is_named_by_its_state(tmp_path: Path) -> None:
    (tmp_path / "changed").write_text("one\ntwo\n")
    (tmp_path / "foreign").write_text("x")
    found = compare(tmp_path, {"changed": b"one\n2\n", "missing": b""})
    assert [(one.name, one.state) for one in found] == [
        ("changed", "changed"),
        ("foreign", "foreign"),
        ("missing", "missing"),
    ]
    assert found[0].lines[2:] == ("@@ -1,2 +1,2 @@", " one", "-two", "+2")


def test_an_absent_directory_lacks_every_file(tmp_path: Path) -> None:
    assert [one.state for one in compare(tmp_path / "none", {"a": b"", "b": b""})] == ["missing", "missing"]


def test_a_long_diff_is_cut_and_says_how_much_is_not_shown(tmp_path: Path) -> None:
    lines = SHOWN_LINES * 2
    (tmp_path / "long").write_text("a\n" * lines)
    (found,) = compare(tmp_path, {"long": b"b\n" * lines})
    assert len(found.lines) == SHOWN_LINES + 1
    # two file names and one range stand before the lines that differ
    assert found.lines[-1] == f"... {2 * lines + 3 - SHOWN_LINES} more lines of this file"


def test_a_difference_in_bytes_that_are_no_text_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xff")
    assert [one.state for one in compare(tmp_path, {"a": b"\xfe"})] == ["changed"]
