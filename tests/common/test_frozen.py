"""`frozen` makes the classes that `dataclass(frozen=True, slots=True)` makes, in a third of the time."""

from __future__ import annotations

import copy
import pickle
import time
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from math import nan
from typing import Any

import pytest

from regobs.common.frozen import frozen


@frozen
class Base:
    """A base with a part that is not compared."""

    span: tuple[int, int] | None = field(default=None, kw_only=True, compare=False, repr=False)


@frozen
class Node(Base):
    """A node."""

    name: str
    parts: tuple[Base, ...] = ()
    more: list[int] = field(default_factory=list, compare=False)


@frozen
class Even:
    """A number that has to be even."""

    value: float

    def __post_init__(self) -> None:
        if self.value % 2 == 1:
            raise ValueError(self.value)


@frozen
class Empty:
    """Nothing."""


@frozen
class Own:
    """A class with its own equality."""

    value: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.value.lower() == other.value.lower()

    def __hash__(self) -> int:
        return hash(self.value.lower())

    def __repr__(self) -> str:
        return "mine"


@dataclass(frozen=True, slots=True)
class UsualBase:
    """The same as Base."""

    span: tuple[int, int] | None = field(default=None, kw_only=True, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class UsualNode(UsualBase):
    """The same as Node."""

    name: str
    parts: tuple[Base, ...] = ()
    more: list[int] = field(default_factory=list, compare=False)


def _again(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))  # noqa: S301 - our own


@pytest.mark.parametrize("make", [Node, UsualNode])
def test_both_kinds_are_made_compared_and_shown_in_the_same_way(make: Any) -> None:
    one = make("a", (Base(),), span=(1, 2))
    assert (one.name, one.parts, one.more, one.span) == ("a", (Base(),), [], (1, 2))
    assert one == make("a", (Base(span=(3, 4)),)) != make("b", (Base(),))
    assert hash(one) == hash(make(name="a", parts=(Base(),), more=[1]))
    assert repr(one).removeprefix("Usual") == "Node(name='a', parts=(Base(),), more=[])"
    assert one.more is not make("a").more
    assert [part.name for part in fields(make)] == ["span", "name", "parts", "more"]
    assert replace(one, name="c") == make("c", (Base(),))
    assert asdict(make("a"))["name"] == "a"
    assert make.__match_args__ == ("name", "parts", "more")
    with pytest.raises(TypeError):
        make()
    with pytest.raises(TypeError):
        make("a", (), [], None)
    with pytest.raises(TypeError):
        make("a", other=1)


@pytest.mark.parametrize(
    "one", [Node("a", span=(1, 2)), Even(2), Empty(), Own("x")], ids=lambda one: type(one).__name__
)
def test_a_value_is_copied_and_pickled_and_never_changed(one: Any) -> None:
    assert copy.copy(one) == copy.deepcopy(one) == _again(one) == one
    assert _again(Node("a", span=(1, 2))).span == (1, 2)
    with pytest.raises(FrozenInstanceError):
        one.value = 3
    with pytest.raises(FrozenInstanceError):
        one.other = 3
    with pytest.raises(FrozenInstanceError):
        del one.value
    assert not hasattr(one, "__dict__")


def test_values_of_different_classes_are_not_equal() -> None:
    node: Any = Node("a")
    empty: Any = Empty()
    assert node != UsualNode("a")
    assert empty == Empty()
    assert empty != Base()
    assert Even(nan) == Even(nan)  # the same object, as in a tuple
    assert Own("A") == Own("a")
    assert (repr(Own("A")), repr(Empty()), repr(Even(2))) == ("mine", "Empty()", "Even(value=2)")
    with pytest.raises(ValueError, match="3"):
        Even(3)


def test_parts_can_be_matched() -> None:
    match Node("a", (Empty(),)):  # type: ignore[arg-type]
        case Node("a", (Empty(),)):
            return
    pytest.fail("it does not match")


def test_a_class_is_defined_in_two_thirds_of_the_time_at_most() -> None:
    def seconds(decorator: Any) -> float:
        begin = time.process_time()
        for _ in range(40):
            names = {"__annotations__": dict.fromkeys("abcdef", "int"), "__module__": __name__, "__doc__": "A class."}
            decorator(type("Made", (), names))
        return time.process_time() - begin

    usual = dataclass(frozen=True, slots=True)
    assert min(seconds(frozen) for _ in range(5)) < min(seconds(usual) for _ in range(5)) * 2 / 3
