"""The page about instrumentation: its code runs, and does what it says."""

from __future__ import annotations

import logging
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import METRICS, instrument
from tests.instrument.test_asgi import answer, scope, serve
from tests.instrument.test_storage import Memory

PAGE = Path(__file__).parents[1] / "docs" / "instrument.md"


@pytest.fixture
def page(tmp_path: Path) -> Any:
    logger = logging.getLogger("registry")
    before = list(logger.handlers)
    names: dict[str, Any] = {"app": answer(200, b"x"), "driver": Memory(), "sqlite3": sqlite3}
    names["shared"] = tmp_path
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 (it is ours)
    yield names
    names["connection"].close()
    names["engine"].dispose()
    logger.handlers = before


def test_the_code_of_the_page_runs_and_records_what_it_shows(page: dict[str, Any]) -> None:
    serve(page["app"], scope())
    shown = {family.name for family in page["instruments"].families() if family.children()}
    components = {METRICS[name].component for name in shown}
    assert components >= {"http", "storage", "database", "sql_pool", "redis", "gc", "background_migrations"}
    assert "notifications" in components
    assert not shown & {instrument.REFUSED.name, instrument.ERRORS.name}  # nothing was refused or wrong


def test_the_page_is_linked() -> None:
    readme = (PAGE.parents[1] / "README.md").read_text(encoding="utf-8")
    assert "(docs/instrument.md)" in readme
