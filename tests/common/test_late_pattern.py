"""Patterns that are compiled when they are first used."""

from __future__ import annotations

import re
import subprocess
import sys

from regobs.common.late_pattern import LatePattern


def test_a_late_pattern_finds_what_the_pattern_finds() -> None:
    late, pattern = LatePattern(r"a(b)?", re.IGNORECASE), re.compile(r"a(b)?", re.IGNORECASE)
    for text in ("ab", "AB x", "xab", "", "b"):
        for name in ("match", "fullmatch", "search"):
            found, expected = getattr(late, name)(text), getattr(pattern, name)(text)
            assert (found and found.span()) == (expected and expected.span())
        assert late.sub("-", text) == pattern.sub("-", text)
    assert (found := late.match("xab", 1)) is not None
    assert found.span() == (1, 3)
    assert late.compiled is late.compiled


def test_a_query_needs_no_signals_and_compiles_no_pattern_of_a_table_that_is_not_cut() -> None:
    asked = "import sys, regobs.cli.main, regobs.cli.query_expr; print('signal' in sys.modules, re._made is None)"
    code = asked.replace("re._made", "regobs.common.table._SHARE._made")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"]
