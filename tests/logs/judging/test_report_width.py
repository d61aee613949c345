"""Reports about logs fit a terminal; in a pipe their lines stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect
import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs

LINES = (
    '{"level":"info","msg":"an image was signed by somebody, with a message of more than eighty columns","a":7}\n'
    '{"level":"info","msg":"access","time":"2026-11-23T11:05:00Z","duration_ms":"7"}\n'
)


@pytest.mark.parametrize(
    "arguments",
    [("validate", "a.log"), ("diff-schema", "gitlab.access", "gitlab-labkit.access")],
    ids=lambda one: one[0],
)
def test_a_report_is_no_wider_than_the_terminal(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COLUMNS", raising=False)
    (tmp_path / "a.log").write_text(LINES, encoding="utf-8")
    piped = CliRunner().invoke(regobs, ["logs", *arguments]).output
    assert max(map(len, piped.splitlines())) > 80
    shown = pexpect.run(
        f"{sys.executable} -m regobs logs {' '.join(arguments)}",
        dimensions=(24, 80),
        timeout=60,
        encoding="utf-8",
        use_poll=True,  # select() takes no file of a number beyond 1,023
    )
    assert isinstance(shown, str)
    assert max(map(len, shown.splitlines())) <= 80
    assert shown.split() == piped.split()
