"""The house rules that a program can check: packages import downward only, a class name means one thing."""

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path

import pytest
from pytest_rerunfailures import ClientStatusDB

import regobs

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "regobs"


@cache
def layers() -> dict[str, int]:
    """The line that each package stands in, counted from the lowest."""
    text = (ROOT / "docs" / "develop.md").read_text().partition("```layers\n")[2].partition("```")[0]
    return {name: number for number, line in enumerate(text.splitlines()) for name in line.split()}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path, parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def package(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imported(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The packages of regobs that a module imports anywhere in it, with the lines."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            module = node.module or ""
            names = [f"{module}.{alias.name}" for alias in node.names] if module == "regobs" else [module]
        else:
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("regobs."):
                yield node.lineno, name.split(".")[1]


def test_every_package_has_its_place_in_the_map() -> None:
    found = {package(path) for path, _ in modules()} - {"__init__"}
    assert found == set(layers()), "docs/develop.md, Who may import whom"


def test_packages_import_downward_only() -> None:
    upward = [
        f"{path.relative_to(ROOT)}:{line}: {package(path)} imports {other}"
        for path, tree in modules()
        for line, other in imported(tree)
        if other not in {package(path), "__version__"} and layers()[other] >= layers()[package(path)]
    ]
    assert upward == []


def classes() -> dict[str, list[str]]:
    found = defaultdict(list)
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_a_class_name_means_one_thing() -> None:
    twice = {name: paths for name, paths in classes().items() if len(paths) > 1}
    assert twice == {}, "call yours what it is"


def asks(function: ast.AST) -> tuple[bool, frozenset[str]]:
    """Whether a function asserts or expects an error itself, and the names that it calls, without what they are of."""
    called = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True, frozenset()
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in {"pytest.raises", "pytest.warns", "pytest.fail"}:
                return True, frozenset()
            called.add(name.split(".")[-1])
    return False, frozenset(called)


def test_every_test_asserts_something() -> None:
    functions = [
        (path, node)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    asked = {id(node): asks(node) for _, node in functions}
    helpers = {"check_alerts", "assert_moved"}  # of regobs itself: they raise AssertionError

    def checks(node: ast.AST) -> bool:
        itself, called = asked[id(node)]
        return itself or not called.isdisjoint(helpers)

    for _ in range(3):  # helpers of helpers
        helpers |= {node.name for _, node in functions if checks(node)}
    silent = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path, node in functions
        if node.name.startswith("test_") and not checks(node)
    ]
    assert silent == []


def test_every_file_of_the_repository_is_text_but_the_recorded_answers_of_registries() -> None:
    """A wheel that a test had downloaded was committed once."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    names = [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    assert "tests/test_architecture.py" in names
    packed = {name for name in names if name.startswith("tests/data/") and name.endswith(".gz")}
    assert [name for name in names if name not in packed and not is_text((ROOT / name).read_bytes())] == []


def is_text(content: bytes) -> bool:
    try:
        return "\0" not in content.decode("utf-8")
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize(
    ("content", "text"), [(b"", True), ("ä\n".encode(), True), (b"PK\3\4\0", False), (b"\xff", False)]
)
def test_text_is_utf_8_without_a_null(content: bytes, text: bool) -> None:
    assert is_text(content) is text


def test_no_worker_asks_over_a_socket_how_often_a_test_has_run(pytestconfig: pytest.Config) -> None:
    assert not isinstance(getattr(pytestconfig, "failures_db", None), ClientStatusDB)


def test_bytecode_is_kept_in_a_run_of_tests_whatever_the_environment_says() -> None:
    assert not sys.dont_write_bytecode
    assert "PYTHONDONTWRITEBYTECODE" not in os.environ
    assert Path(cache_from_source(regobs.__file__)).is_file()


def test_stand_in_servers_are_made_of_the_one_that_the_tests_share() -> None:
    """One that keeps connections and sends head and body apart answers after 40 ms: a delayed acknowledgement."""
    files = (ROOT / "tests").rglob("*.py")
    found = [path for path in files if re.search(r"^from http\.server import", path.read_text("utf-8"), re.MULTILINE)]
    assert found == [ROOT / "tests" / "stub_server.py"]
