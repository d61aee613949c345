"""Frozen dataclasses that cost a third to define: what a command imports is defined anew each time that it starts.

`dataclasses` writes and compiles six methods for each class, here it is one. The classes are dataclasses all the same:
`fields`, `replace`, `asdict`, `match` and mypy know them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_Class = TypeVar("_Class")
_UNSET: Any = object()  # stands for the result of a default_factory in the signature


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_Class]) -> type[_Class]:
    """What `dataclass(frozen=True, slots=True)` makes of a class: compared, hashed and shown by its fields."""
    made = dataclass(slots=True, init=False, repr=False, eq=False)(cls)
    parts = fields(made)  # type: ignore[arg-type]
    compared = _values_of([part.name for part in parts if part.compare])
    methods: dict[str, Any] = {
        "__repr__": _repr_of([part.name for part in parts if part.repr]),
        "__eq__": _eq_of(compared),
        "__hash__": lambda self: hash(compared(self)),
        "__getstate__": lambda self: [getattr(self, part.name) for part in parts],
        "__setstate__": _set_state,
    }
    own = vars(made)
    for name, method in methods.items():
        if own.get(name) is None:
            setattr(made, name, method)
    setattr(made, "__init__", _init_of(parts, prepared=hasattr(made, "__post_init__")))  # noqa: B010 - typed otherwise
    setattr(made, "__setattr__", _refuse)  # noqa: B010
    setattr(made, "__delattr__", _refuse)  # noqa: B010
    return made


def _values_of(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What gives the values of the fields, as one value to compare."""
    if len(names) > 1:
        return attrgetter(*names)
    return lambda one: tuple(getattr(one, name) for name in names)


def _eq_of(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], Any]:
    def equal(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return equal


def _repr_of(names: list[str]) -> Callable[[Any], str]:
    return lambda self: f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def _init_of(parts: tuple[Field[Any], ...], *, prepared: bool) -> Callable[..., None]:
    """The constructor, the one method that has to be compiled: its arguments are the fields."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_UNSET": _UNSET}
    signature, body, keyword_only = ["self"], [], False
    for part in sorted(parts, key=lambda one: bool(one.kw_only)):
        if part.kw_only and not keyword_only:
            keyword_only = True
            signature.append("*")
        value, name = part.name, part.name
        if part.default is not MISSING:
            known[f"_of_{name}"] = part.default
            signature.append(f"{name}=_of_{name}")
        elif part.default_factory is not MISSING:
            known[f"_of_{name}"] = part.default_factory
            signature.append(f"{name}=_UNSET")
            value = f"_of_{name}() if {name} is _UNSET else {name}"
        else:
            signature.append(name)
        body.append(f" _set(self, {name!r}, {value})")
    body.append(" self.__post_init__()" if prepared else " pass")
    exec(f"def __init__({', '.join(signature)}):\n" + "\n".join(body), known)  # noqa: S102 - of names of fields
    found: Callable[..., None] = known["__init__"]
    return found


def _set_state(self: Any, state: list[Any]) -> None:
    for part, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, part.name, value)


def _refuse(_: object, name: str, *__: object) -> None:
    raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")
