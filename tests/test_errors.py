"""The error tree: every class of it can leave a process, and says the same afterwards."""

import importlib
import inspect
import pickle
import pkgutil
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import pytest

import regobs
from regobs.catalog.http import REQUESTS
from regobs.errors import ExitCode, Location, QueryError, RegobsError

FOR_PARAMETER: dict[str, Any] = {"metric": REQUESTS, "reason": "label", "query": "up"}


@cache
def classes() -> list[type[RegobsError]]:
    """Every class of the tree, wherever in the sources it stands."""
    for module in pkgutil.walk_packages(regobs.__path__, "regobs."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found, todo = [], [RegobsError]
    while todo:
        found.append(todo.pop())
        todo += found[-1].__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("regobs.")]


def made(kind: type[RegobsError]) -> RegobsError:
    """An error of the class, with something in each of its parts."""
    required = {
        name: FOR_PARAMETER[name]
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
    }
    error = kind("it is wrong", value=3, expected="four", next_step="correct it", **required)
    return error.at(Location("file.toml", 2, 5))


def test_every_class_of_the_tree_can_be_pickled_and_says_the_same_afterwards() -> None:
    assert len(classes()) >= 14
    for kind in classes():
        error = made(kind)
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(copy) is kind
        assert str(copy) == str(error)
        assert vars(copy) == vars(error)
        assert copy.args == error.args
        assert copy.exit_code is error.exit_code


@pytest.mark.parametrize("value", [lambda: 0, open(__file__, "rb"), object])  # noqa: PTH123, SIM115
def test_a_value_that_cannot_be_pickled_goes_along_as_its_text(value: object) -> None:
    error = RegobsError("it is wrong", value=value)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert str(copy) == str(error)


def fail() -> None:
    raise QueryError("the server refuses", query="up", value="bad_data")


def test_an_error_leaves_the_process_of_a_pool_as_it_is() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool, pytest.raises(QueryError) as caught:
        pool.submit(fail).result()
    assert (caught.value.query, caught.value.value, caught.value.exit_code) == ("up", "bad_data", ExitCode.SERVER)
