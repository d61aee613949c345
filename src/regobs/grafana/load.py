"""Execute `*.dashboard.py` files: each is Python with one `dashboard` object.

Whatever goes wrong in one, from a syntax error to a metric that does not exist, becomes one DashboardError with file,
line, column, value, expectation and next step.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from regobs.errors import DashboardError, Location, RegobsError
from regobs.grafana.panels import location_in
from regobs.grafana.words import Dashboard
from regobs.pack import bundled

SUFFIX = ".dashboard.py"
MEASURES = "measures"  # the module of expressions that several dashboards show


def slug_of(path: Path) -> str:
    """`dashboards/storage-detail.dashboard.py` is `storage-detail`: the file name of the JSON and part of its uid."""
    return path.name.removesuffix(SUFFIX)


def load_dashboard(path: Path, text: str | None = None) -> Dashboard:
    """The `dashboard` of a file; `text` takes the place of the file's content. Raises DashboardError."""
    name = str(path)
    if text is None:
        text = _read(path)
    namespace: dict[str, object] = {
        "__name__": f"regobs_dashboard_{slug_of(path).replace('-', '_')}",
        "__file__": name,
        "__builtins__": {**vars(builtins), "__import__": _import_beside(path)},
    }
    try:
        code = compile(text, name, "exec", dont_inherit=True)
    except SyntaxError as error:
        raise _syntax(error, name) from error
    except ValueError as error:  # a null byte in the text
        raise DashboardError(f"this is no Python: {error}", location=Location(name)) from error
    try:
        exec(code, namespace)  # noqa: S102 - a dashboard file is Python by design, and comes from the caller's own pack
    except (Exception, SystemExit) as error:
        raise _failure(error, name) from error
    return _the_dashboard(namespace, name)


def _import_beside(path: Path) -> Callable[..., ModuleType]:
    """`import` for a file at `path`: `measures` is the module of the bundled pack that dashboards share.

    A file of the same name beside the dashboard takes its place.
    """

    def find(name: str, *rest: Any) -> ModuleType:
        if name != MEASURES:
            return builtins.__import__(name, *rest)
        own = path.parent / f"{MEASURES}.py"
        return _measures(own if own.is_file() else bundled() / "dashboards" / f"{MEASURES}.py")

    return find


@cache
def _measures(path: Path) -> ModuleType:
    spec = spec_from_file_location(MEASURES, path)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a path that ends in .py has both
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise DashboardError(
            "this file is not UTF-8",
            location=Location(str(path), line),
            value=repr(error.object[error.start : error.start + 1]),
            expected="UTF-8 text",
            next_step="save the file as UTF-8",
        ) from error
    except OSError as error:
        raise DashboardError(
            f"this file cannot be read: {error.strerror}",
            location=Location(str(path)),
            expected="a readable file",
            next_step="check the path and its permissions",
        ) from error


def _the_dashboard(namespace: dict[str, object], name: str) -> Dashboard:
    found = namespace.get("dashboard")
    if isinstance(found, Dashboard):
        return found
    raise DashboardError(
        "this file has no `dashboard`" if found is None else "`dashboard` is no Dashboard",
        location=Location(name, 1),
        value=None if found is None else type(found).__name__,
        expected='dashboard = Dashboard("A title", Row(...))',
        next_step="assign the dashboard to the name `dashboard`",
    )


def _syntax(error: SyntaxError, name: str) -> DashboardError:
    line = (error.text or "").strip()
    return DashboardError(
        f"Python does not understand this: {error.msg}",
        location=Location(name, error.lineno, error.offset or None),
        value=line or None,
        expected="Python 3.11 syntax",
        next_step="look at this line and the one before it for a missing bracket, comma or quote",
    )


def _failure(error: BaseException, name: str) -> RegobsError:
    """An exception of the file as one error at the place in the file that caused it."""
    place = _place(error.__traceback__, name)
    if isinstance(error, DashboardError):
        return error.at(place)
    if isinstance(error, RegobsError):
        return DashboardError(
            error.message, location=place, value=error.value, expected=error.expected, next_step=error.next_step
        )
    value, expected, next_step = _advice(error)
    return DashboardError(
        f"{type(error).__name__}: {error}", location=place, value=value, expected=expected, next_step=next_step
    )


def _advice(error: BaseException) -> tuple[str | None, str, str]:
    if isinstance(error, NameError):
        return error.name, "a name that the file imports or defines", "import it, or correct its spelling"
    if isinstance(error, ImportError):
        return error.name, "a module or word that exists", "`regobs catalog list` shows the components and metrics"
    if isinstance(error, AttributeError):
        return error.name, "an entry of the catalog", "`regobs catalog list` shows the components and metrics"
    if isinstance(error, TypeError):
        return None, "arguments as the word's documentation has them", "compare with a dashboard of the bundled pack"
    return None, "a file that runs", "correct this line"


def _place(traceback: TracebackType | None, name: str) -> Location:
    """The deepest place of a traceback that lies in this file."""
    place = Location(name)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == name:
            place = location_in(code, traceback.tb_lasti, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
