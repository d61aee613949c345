"""Our parser beside promql-parser: random texts, the texts of our printer, and every expression of a build."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from hypothesis import given, settings

from regobs.build import build_files
from regobs.config import Config
from regobs.config.model import capabilities_of
from regobs.pack import find_pack
from regobs.promql import parse, to_text
from regobs.promql.nodes import Expr
from regobs.promql.walk import walk
from tests.examples import examples
from tests.promql.oracle import differs, ours, random_text
from tests.promql.strategies import expressions

VARIABLE = re.compile(r"\$\w+|\$\{[^}]*\}")


def test_random_texts_are_read_as_the_library_reads_them() -> None:
    rng = random.Random(7)  # noqa: S311
    texts = [random_text(rng) for _ in range(4_000)]
    assert sum(ours(text) is not None for text in texts) > 400
    assert [text for text in texts if differs(text)] == []


@settings(max_examples=examples(200), deadline=None)
@given(expressions)
def test_what_the_printer_writes_is_read_as_the_library_reads_it(expr: Expr) -> None:
    text = to_text(expr)
    assert not differs(text)


def expressions_of(value: Any) -> list[str]:
    """Every text under a key `expr`, at any depth."""
    if isinstance(value, dict):
        own = [value["expr"]] if isinstance(value.get("expr"), str) else []
        return own + [text for part in value.values() for text in expressions_of(part)]
    return [text for part in value for text in expressions_of(part)] if isinstance(value, list) else []


def test_every_expression_of_a_build_is_read_as_the_library_reads_it() -> None:
    config = Config(capabilities=capabilities_of(Config().flavor))
    files = build_files(config, find_pack())
    boards = [json.loads(text) for name, text in files.items() if name.endswith(".json") and "dashboards/" in name]
    found = {re.sub(r"\[\$\w+", "[7m", text) for board in boards for text in expressions_of(board)}
    plain = {VARIABLE.sub("5", text) for text in found}
    assert len(plain) > 300
    assert [text for text in plain if differs(text)] == []


def test_every_part_stands_where_its_span_says() -> None:
    rng = random.Random(11)  # noqa: S311
    checked = 0
    for _ in range(8_000):
        text = random_text(rng)
        tree = ours(text)
        for node in [] if tree is None else list(walk(tree)):
            start, end = node.span or (0, 0)
            checked += 1
            assert to_text(parse(text[start:end])) == to_text(node), text
    assert checked > 1_800
