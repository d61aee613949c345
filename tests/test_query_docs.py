"""What docs/query.md says: commands, times, words and numbers."""

import re
from pathlib import Path

import pytest

from regobs.cli.query_asking import Asking
from regobs.cli.query_shell import HELP, ShellSession
from regobs.cli.server_options import ServerOptions
from regobs.config import Config, Context
from regobs.query import cache, pieces, server_names
from regobs.query.times import read_moment
from tests.test_docs import check_command

TEXT = (Path(__file__).parents[1] / "docs" / "query.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^\$ (regobs .*)$", TEXT, re.MULTILINE)))
TIMES = re.findall(r"`([^`]*)`", TEXT.partition("## Times")[2].partition("Times that name")[0])


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_page_exists_with_its_options(line: str) -> None:
    check_command(f"$ {line}")


@pytest.mark.parametrize("text", TIMES)
def test_a_time_of_the_page_is_read(text: str) -> None:
    assert read_moment("--at", text, 1_781_710_200) > 0


def test_the_page_says_how_long_ranges_are_asked() -> None:
    assert f"more than {pieces.MOST_POINTS:,} points" in TEXT
    assert {pieces.AT_ONCE: "four at a time"}[pieces.AT_ONCE] in TEXT
    assert {pieces.ATTEMPTS: "up to twice"}[pieces.ATTEMPTS] in TEXT
    assert f"more than {pieces.LONGEST_WAIT:.0f} seconds" in TEXT


def test_the_page_says_what_is_kept_on_disk() -> None:
    assert f"({pieces.MOST_POINTS:,} points, or {pieces.STREAMED_POINTS:,} of a range that is written out)" in TEXT
    assert {3600.0: "more than an hour ago"}[cache.MARGIN] in TEXT
    assert f"up to {cache.LIMIT >> 20} MiB" in TEXT
    assert f"`{cache.VARIABLE}`" in TEXT


def test_the_page_has_every_command_of_the_shell() -> None:
    table = TEXT.partition("## The shell")[2].partition("\n## ")[0]
    named = set(re.findall(r"`\\(\w+)", table))
    config = Config(contexts={"a": Context("http://127.0.0.1:1")}, context="a")
    session = ShellSession(ServerOptions(), config, Asking())
    assert named == set(session.commands) == set(re.findall(r"\\(\w+)", HELP))
    session.close()


def test_the_page_says_how_long_a_completion_waits_and_lasts() -> None:
    assert {2.0: "a patience of two seconds"}[server_names.PATIENCE] in TEXT
    assert {300.0: "kept for five minutes"}[server_names.KEPT] in " ".join(TEXT.split())
