"""The page about instrumentation: its code runs, and does what it says."""

from __future__ import annotations

import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from regobs.catalog import METRICS, instrument
from regobs.instrument.sql_alchemy import ObservedQueuePool
from tests.instrument.test_asgi import answer, scope, serve
from tests.instrument.test_storage import Memory

PAGE = Path(__file__).parents[1] / "docs" / "instrument.md"
README = PAGE.parents[1] / "README.md"


def run(path: Path, names: dict[str, Any]) -> None:
    """The Python blocks of a page, one after the other."""
    for block in re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(path), "exec"), names)  # noqa: S102 (it is ours)


@pytest.fixture
def page(tmp_path: Path) -> Any:
    logger = logging.getLogger("registry")
    before = list(logger.handlers)
    names: dict[str, Any] = {"app": answer(200, b"x"), "driver": Memory(), "sqlite3": sqlite3}
    names["shared"] = tmp_path
    run(PAGE, names)
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


def test_the_readme_shows_each_part_in_lines_that_run() -> None:
    engine = create_engine("sqlite://", poolclass=ObservedQueuePool)
    with closing(sqlite3.connect(":memory:")) as connection:
        names: dict[str, Any] = {
            "app": answer(200, b"x"),
            "driver": Memory(),
            "connection": connection,
            "engine": engine,
        }
        run(README, names)
        serve(names["app"], scope())
        names["driver"].put("/docker/a", b"content")
        names["connection"].execute("/* name: tag_count */ SELECT 1")
    with engine.connect() as session:
        session.execute(text("SELECT 1").execution_options(query_name="blob_count"))
    engine.dispose()
    shown = {METRICS[family.name].component for family in names["instruments"].families() if family.children()}
    assert shown >= {"http", "storage", "database", "sql_pool", "gc", "background_migrations", "notifications"}


def test_the_page_is_linked() -> None:
    assert "(docs/instrument.md)" in README.read_text(encoding="utf-8")
