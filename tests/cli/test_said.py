"""Sentences on a terminal of 80 columns, and in a pipe."""

from __future__ import annotations

import pytest

from regobs.cli import said
from regobs.common.screen import PIPE, Screen

LONG = "Warning: " + "a word " * 30 + "end"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "screen", lambda _: Screen(width=80))


@pytest.mark.usefixtures("narrow")
def test_sentences_fit_a_terminal_and_no_word_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    said.say(f"{LONG}\n  next:     {LONG}", err=True)
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()) == " ".join(f"{LONG} next: {LONG}".split())
    assert lines[-1].startswith("    ")


@pytest.mark.usefixtures("narrow")
def test_a_mark_stays_under_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    marked = f"Error: wrong\n  sum({'a' * 50} + {'b' * 50})\n{' ' * 6}^^^"
    said.say(marked)
    assert capsys.readouterr().out == f"{marked}\n"


def test_in_a_pipe_nothing_is_folded(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "screen", lambda _: PIPE)
    said.warn(LONG)
    assert capsys.readouterr().err == f"Warning: {LONG}\n"
