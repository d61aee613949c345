"""YAML documents that know where every value stands, exact numbers included.

Reading goes through libyaml's `compose`: a document is a tree of nodes with positions before it is data. Numbers with
a fraction or an exponent become `Decimal`, so that an objective of 0.999 is 0.999. Only `true` and `false` are
booleans and only `null`, `~` and nothing are null, as in YAML 1.2 and in what Prometheus reads; `on`, `yes`,
`12:30:00` and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from regobs.common.bounded_reading import PATIENCE, read_file
from regobs.errors import InputError, Location, RulesError

_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_EXPONENT = re.compile(r"[-+]?[0-9.]+[eE][0-9]+")  # a number in YAML 1.2, text to PyYAML, which wants `1.0e+3`
_BOOLS = {text: word == "true" for word in ("true", "false") for text in (word, word.capitalize(), word.upper())}
_NULLS = ("", "~", "null", "Null", "NULL")
_TAG = "tag:yaml.org,2002:"
_MERGE = _TAG + "merge"

TOO_LONG = "a number that is too long"
FOREIGN_TAG = "a tag of its own"
Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain `data` (dict with text keys, list, str, int, Decimal, bool, None) and its positions."""

    data: Any
    file: str
    _root: yaml.Node | None = field(default=None, repr=False, compare=False)

    def locate(self, path: Steps = (), *, key: bool = False) -> Location:
        """Where the value at `path` begins, or with `key` its key; of a path that is not there, the nearest parent."""
        node = self._root
        mark = node.start_mark if node is not None else None
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            named, node = found
            mark = named.start_mark if key else node.start_mark
        return _location(self.file, mark) if mark is not None else Location(self.file)

    def at(self, path: Steps) -> Any:
        """The value at a path that is there."""
        data = self.data
        for step in path:
            data = data[step]
        return data

    def extent(self, path: Steps = (), *, key: bool = False) -> tuple[int, int]:
        """The offsets in the text where the value at `path`, or with `key` its key, begins and ends.

        Of a path that is not there, those of the nearest parent.
        """
        node = named = self._root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            named, node = found
        shown = named if key else node
        return (shown.start_mark.index, shown.end_mark.index) if shown is not None else (0, 0)

    def part(self, step: str | int) -> Document:
        """What is under a key or at an index, as a document of its own with the same places."""
        found = None if self._root is None else _child(self._root, step)
        return Document(self.data[step], self.file, found[1] if found else None)


def load_yaml(text: str | bytes, file: str, *, error: type[InputError] = RulesError) -> Document:
    """Read the one document of a YAML text; `file` names it in errors, which are of class `error`."""
    documents = load_yaml_all(text, file, error=error)
    if len(documents) > 1:
        raise error(
            "more than one document",
            location=documents[1].locate(),
            expected="a file with one YAML document",
            next_step="move each document into a file of its own",
        )
    return documents[0] if documents else Document(None, file)


def load_yaml_all(text: str | bytes, file: str, *, error: type[InputError] = RulesError) -> list[Document]:
    """Read every document of a YAML text, in order; an empty text has none."""
    reader = _Reader(file, error)
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        nodes = list(yaml.compose_all(text, Loader=_Loader))
    except UnicodeDecodeError as fault:
        raise error(
            "not UTF-8 text", location=Location(file), value=f"byte {fault.object[fault.start]:#04x} at {fault.start}"
        ) from None
    except yaml.MarkedYAMLError as fault:
        raise reader.syntax(fault) from None
    except yaml.YAMLError as fault:  # a control character: no mark
        raise error("not YAML", location=Location(file), value=" ".join(str(fault).split())) from None
    return [Document(reader.value(node), file, node) for node in nodes]


def read_yaml(path: Path, *, error: type[InputError] = RulesError, patience: float = PATIENCE) -> Document:
    """`load_yaml` of a file, or of a pipe that gives something within so many seconds. Raises OSError too."""
    return load_yaml(read_file(path, patience), str(path), error=error)


def _location(file: str, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1)


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key node and value node one step down; an item of a list is its own key."""
    if isinstance(node, yaml.SequenceNode):
        return (node.value[step], node.value[step]) if isinstance(step, int) and step < len(node.value) else None
    if not isinstance(node, yaml.MappingNode):
        return None
    for name, value in node.value:
        if name.value == str(step) and name.tag != _MERGE:
            return name, value
    merged = (value for name, value in node.value if name.tag == _MERGE)
    parents = (parent for value in merged for parent in _merge_parents(value))
    return next((found for parent in parents if (found := _child(parent, step)) is not None), None)


def _merge_parents(value: yaml.Node) -> list[yaml.Node]:
    return list(value.value) if isinstance(value, yaml.SequenceNode) else [value]


class _Reader:
    """Turns nodes into data. An anchored node is read once, so that aliases of aliases cost nothing."""

    def __init__(self, file: str, error: type[InputError]) -> None:
        self._file = file
        self._error = error
        self._done: dict[int, Any] = {}
        self._open: set[int] = set()

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._done:
            return self._done[id(node)]
        if id(node) in self._open:
            raise self._fail(node, "an alias of something that contains it", "a document without cycles")
        self._open.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            self._plain_tag(node, "seq")
            result: Any = [self.value(item) for item in node.value]
        else:
            self._plain_tag(node, "map")
            result = self._mapping(node)
        self._open.discard(id(node))
        self._done[id(node)] = result
        return result

    def _mapping(self, node: yaml.Node) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        seen: dict[Hashable, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._fail(key, "a key that is a list or a mapping", "a key that is text")
            if key.value in seen:
                raise self._fail(
                    key,
                    f"the key {key.value!r} stands twice",
                    f"each key once; the first is in line {seen[key.value].start_mark.line + 1}",
                    next_step="remove one of the two",
                )
            seen[key.value] = key
            if key.tag == _MERGE:
                merged = self._merged(value)
            else:
                own[key.value] = self.value(value)
        return {**merged, **own}

    def _merged(self, node: yaml.Node) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for parent in _merge_parents(node):
            if not isinstance(parent, yaml.MappingNode):
                raise self._fail(parent, "`<<` of something that is not a mapping", "`<<: *anchor` of a mapping")
            result = {**self.value(parent), **result}
        return result

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        self._plain_tag(node, "")
        if node.style or (node.tag == _TAG + "str" and not _EXPONENT.fullmatch(text)):
            return text
        if text in _BOOLS:
            return _BOOLS[text]
        if text in _NULLS:
            return None
        try:
            if _INTEGER.fullmatch(text):
                return int(text)
            if _FRACTION.fullmatch(text):
                return Decimal(text)
        except (ValueError, InvalidOperation):  # thousands of digits, or an exponent of as many
            raise self._fail(node, TOO_LONG, f"fewer than its {len(text)} characters") from None
        return text

    def _plain_tag(self, node: yaml.Node, kind: str) -> None:
        if not node.tag.startswith(_TAG + kind):
            raise self._fail(node, FOREIGN_TAG, "plain YAML", value=node.tag)

    def _fail(self, node: yaml.Node, message: str, expected: str, **details: Any) -> InputError:
        return self._error(message, location=_location(self._file, node.start_mark), expected=expected, **details)

    def syntax(self, fault: yaml.MarkedYAMLError) -> InputError:
        mark = fault.problem_mark or fault.context_mark
        context = f" ({fault.context}, line {fault.context_mark.line + 1})" if fault.context_mark else ""
        return self._error(
            "not YAML",
            location=_location(self._file, mark) if mark else Location(self._file),
            value=f"{fault.problem}{context}",
            expected="a YAML document",
            next_step="look for a missing colon, quote or indentation at or above this line",
        )
