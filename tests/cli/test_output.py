"""What a command does and its exit code where what it prints has no reader, no room or no stream."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from regobs.errors import ExitCode

# Prints more than a pipe holds, and only then does what it is for; the exit code says that it found something.
TALKS = """
import sys, time
from pathlib import Path
import click
from regobs.cli import main
from regobs.common.output import end_with_reader

@click.command()
def talk():
    click.echo("first")  # of which nothing is heard before it is known that it prints without end
    if sys.argv[2] == "endless":
        end_with_reader()
    for number in range(500):
        click.echo("out" * 1000)
        click.echo("err" * 1000, err=True)
    while sys.argv[2] == "endless":
        click.echo("more")
        time.sleep(0.01)
    Path(sys.argv[1]).write_text("done")
    return 1

main.regobs.get_command = lambda context, name: talk
sys.exit(main.run(["talk"]))
"""


def talked(tmp_path: Path, how: str, *, kind: str = "finite", options: str = "") -> tuple[int, bool]:
    """The exit code of such a command in bash, and whether it did what it is for."""
    work = tmp_path / "work"
    python = f"env -u PYTHONUNBUFFERED {sys.executable} {options}"
    line = f"{python} -c \"$1\" '{work}' {kind} {how}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line, "bash", TALKS], capture_output=True, text=True, timeout=30, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, work.exists()


@pytest.mark.parametrize("options", ["", "-u"])
@pytest.mark.parametrize(
    "how", ["| true", "2>&1 | true", "2>&1 | head -c 5", "2>/dev/full", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]
)
def test_who_reads_changes_neither_what_is_done_nor_the_exit_code(tmp_path: Path, how: str, options: str) -> None:
    assert talked(tmp_path, how, options=options) == (ExitCode.DIFFERENCE, True)


@pytest.mark.parametrize("how", [">/dev/full", ">/dev/full 2>&1"])
def test_what_has_no_room_is_done_and_is_an_error(tmp_path: Path, how: str) -> None:
    assert talked(tmp_path, how) == (ExitCode.MACHINE, True)


@pytest.mark.parametrize("options", ["", "-u"])
@pytest.mark.parametrize(("how", "code"), [("| true", ExitCode.OK), (">/dev/full", ExitCode.MACHINE)])
def test_what_prints_without_end_ends_when_that_goes_nowhere(tmp_path: Path, how: str, code: int, options: str) -> None:
    assert talked(tmp_path, how, kind="endless", options=options) == (code, False)


def test_a_file_that_is_opened_does_not_become_a_stream_that_was_closed(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom regobs.common.output import occupy_closed_streams\noccupy_closed_streams()\n"
        "with open(sys.argv[1], 'w') as file:\n    assert file.fileno() > 2\n"
        "print('out')\nprint('err', file=sys.stderr)\nassert sys.stdin.read() == ''\n"
    )
    file = tmp_path / "file"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", script, str(file)]
    assert subprocess.run(command, check=False).returncode == 0
    assert file.read_text(encoding="utf-8") == ""
