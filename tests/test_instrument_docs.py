"""The page about instrumentation: its code runs, and does what it says."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import requests
from opentelemetry.sdk._logs import LoggerProvider
from sqlalchemy import create_engine, text

from regobs.catalog import METRICS, instrument
from regobs.catalog.check import check
from regobs.catalog.exposition import parse
from regobs.instrument.adapters.sql_alchemy import ObservedQueuePool
from tests.instrument.test_asgi import answer, scope, serve
from tests.instrument.test_otel import Kept
from tests.instrument.test_storage import Memory
from tests.instrument.test_web_config import basic, hashed

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
    (tmp_path / "web.yaml").write_text(f"basic_auth_users: {{ann: {hashed('right')}}}\n")
    names |= {"metric_exporter": Kept(), "logger_provider": LoggerProvider()}
    run(PAGE, names)
    yield names
    names["bridge"].stop()
    names["metrics_server"].stop()
    names["connection"].close()
    names["engine"].dispose()
    logger.handlers = before


def test_the_code_of_the_page_runs_and_records_what_it_shows(page: dict[str, Any]) -> None:
    serve(page["app"], scope())
    shown = {family.name for family in page["instruments"].families() if family.children()}
    assert "mirror_pulls_total" in shown
    components = {METRICS[name].component for name in shown if name in METRICS}
    assert components >= {"http", "storage", "database", "sql_pool", "redis", "gc", "background_migrations"}
    assert "notifications" in components
    assert not shown & {instrument.REFUSED.name, instrument.ERRORS.name}  # nothing was refused or wrong


def test_the_metrics_server_of_the_page_asks_for_a_user(page: dict[str, Any]) -> None:
    url = f"{page['metrics_server'].url}/metrics"
    assert requests.get(url, timeout=5).status_code == 401
    answered = requests.get(url, headers={"Authorization": basic("ann", "right")}, timeout=5)
    assert answered.status_code == 200
    assert "gitlab_build_info" in answered.text


def test_the_first_example_shows_what_a_real_registry_shows_before_any_request() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(blocks[0], str(PAGE), "exec"), names)  # noqa: S102 (it is ours)
    report = check(parse(names["instruments"].render()))
    assert report.families > 40
    assert report.differences == ()


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


FRAMEWORKS = PAGE.with_name("frameworks.md")


def blocks(path: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def asked(app: Any, path: str) -> tuple[str, bytes]:
    """Status and body of a request."""
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    environ["PATH_INFO"] = path
    seen: list[str] = []
    body = app(environ, lambda status, *_: seen.append(status))
    content = b"".join(body)
    getattr(body, "close", bool)()
    return seen[0][:3], content


def held_to_what_was_asked(app: Any) -> None:
    """A served manifest, one that raises, and the scrape that tells of both."""
    assert asked(app, "/v2/a/manifests/good")[0] == "200"
    assert asked(app, "/v2/a/manifests/bad")[0] == "500"
    status, exposition = asked(app, "/metrics")
    assert status == "200"
    for code in ("200", "500"):
        labels = f'code="{code}",method="get",route="/v2/{{name}}/manifests/{{reference}}"'
        row = f"registry_http_requests_total{{{labels}}} 1"
        assert row.encode() in exposition
    assert check(parse(exposition)).differences == ()


def said_by(code: str, directory: Path) -> list[dict[str, Any]]:
    """The lines on standard error of a process of its own: loggers and Django's settings are made once in each."""
    start = f"import sys; sys.path[:0] = [{str(directory)!r}, {str(PAGE.parents[1])!r}]\n"
    done = subprocess.run(
        [sys.executable, "-c", start + code], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stderr.splitlines()]


def held_to_both_logs(lines: list[dict[str, Any]], component: str) -> None:
    """An access line of each request; what the framework says of an error once, with that request's id."""
    access = [line for line in lines if line["msg"] == "access"]
    assert [line["status"] for line in access] == [200, 500]
    (error,) = [line for line in lines if line.get("component") == component]
    assert error["correlation_id"] == access[1]["correlation_id"]
    assert "ZeroDivisionError" in error["stack"]


def test_flask_as_the_page_shows_it(tmp_path: Path) -> None:
    (tmp_path / "registry.py").write_text(
        f"{blocks(FRAMEWORKS)[2]}\n@app.route('/v2/<path:name>/manifests/<reference>')\n"
        "def manifest(name, reference):\n    return name if reference == 'good' else 1 // 0\n"
    )
    code = "import registry\nfrom tests.test_instrument_docs import held_to_what_was_asked as held\nheld(registry.app)"
    held_to_both_logs(said_by(code, tmp_path), "registry")


def test_django_as_the_page_shows_it(tmp_path: Path) -> None:
    wsgi, settings = blocks(FRAMEWORKS)[:2]
    (tmp_path / "settings.py").write_text(f"SECRET_KEY = 'x'\nALLOWED_HOSTS = ['*']\nROOT_URLCONF = 'urls'\n{settings}")
    (tmp_path / "urls.py").write_text(
        "from django.http import HttpResponse\nfrom django.urls import path\n"
        "def manifest(request, name, reference):\n    return HttpResponse(name if reference == 'good' else 1 // 0)\n"
        "urlpatterns = [path('v2/<path:name>/manifests/<reference>', manifest)]\n"
    )
    (tmp_path / "wsgi.py").write_text(f"import os\nos.environ['DJANGO_SETTINGS_MODULE'] = 'settings'\n{wsgi}")
    code = "import wsgi\nfrom tests.test_instrument_docs import held_to_what_was_asked as held\nheld(wsgi.application)"
    held_to_both_logs(said_by(code, tmp_path), "django.request")


def test_the_lines_of_the_page_reach_standard_error(tmp_path: Path) -> None:
    """A block of its own for each log; together they write what one request says."""
    http, application = (
        next(block for block in blocks(PAGE) if wanted in block) for wanted in ("access_writer(", "basicConfig(")
    )
    (tmp_path / "page.py").write_text(f"{blocks(PAGE)[0]}\n{http}\n{application}")
    code = (
        "import builtins\nfrom tests.instrument.test_asgi import answer, scope, serve\n"
        "builtins.app = answer(200, b'x')\nimport page\nserve(page.app, scope())\n"
    )
    shown, access = said_by(code, tmp_path)
    assert (shown["msg"], shown["worker"]) == ("run complete", "w")
    assert (access["msg"], access["status"]) == ("access", 200)
