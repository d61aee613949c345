"""Give a KQL tree the types of the log fields: names are looked up, values read, nonsense refused at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from regobs.common.closest import did_you_mean
from regobs.errors import LogQueryError
from regobs.logs.fields import ALIASES, FIELDS, Field
from regobs.logs.kql.condition import All, Any, Anywhere, Condition, Fixed, No, Present
from regobs.logs.kql.nodes import And, Everything, Is, Literal, Nested, Node, Not, Or, Pattern, Range, Word
from regobs.logs.kql.parse import parse
from regobs.logs.kql.tokens import Text
from regobs.logs.kql.values import Unfit, alike, alike_words, equal, ordered

_NOTHING = Fixed(holds=False)
_EVERYTHING = Fixed(holds=True)


def condition(
    text: str, *, file: str = "", now: datetime | None = None, fields: Mapping[str, Field] = FIELDS
) -> Condition:
    """Parse and bind a KQL text. Raises LogQueryError with line and column in it."""
    return bind(parse(text, file=file), text, file=file, now=now, fields=fields)


def bind(
    node: Node, text: str, *, file: str = "", now: datetime | None = None, fields: Mapping[str, Field] = FIELDS
) -> Condition:
    """The typed form of a tree that was parsed from `text`; `now` is what date math counts from.

    Raises LogQueryError for a field that is not in `fields`, and for a value that its field cannot have.
    """
    return _Binder(Text(text, file), now or datetime.now(UTC), fields).node(node)


class _Binder:
    def __init__(self, source: Text, now: datetime, fields: Mapping[str, Field]) -> None:
        self._source = source
        self._now = now
        self._fields = fields

    def node(self, node: Node) -> Condition:
        if isinstance(node, Everything):
            return _EVERYTHING
        if isinstance(node, And):
            return All(tuple(self.node(part) for part in node.of))
        if isinstance(node, Or):
            return Any(tuple(self.node(part) for part in node.of))
        if isinstance(node, Not):
            return No(self.node(node.of))
        if isinstance(node, Range):
            return self._range(node)
        return self._nested(node) if isinstance(node, Nested) else self._is(node)

    def _nested(self, node: Nested) -> Condition:
        fields = self._named(node.path)
        raise self._source.error(
            f"{fields[0].name} is no list of structures, so nothing is nested in it",
            node.path.at,
            "a field without braces; no field of the log schema is nested",
            "write the conditions without { }",
        )

    def _is(self, node: Is) -> Condition:
        if isinstance(node.value, Literal) and node.value.value is None:
            raise self._source.error(
                "null is no value that can be looked for", node.value.at, "a value", "write not field: *"
            )
        if node.field is None:
            return self._anywhere(node.value)
        fields = self._named(node.field)
        everything = isinstance(node.field, Pattern) and node.field.is_any
        if isinstance(node.value, Pattern) and node.value.is_any:
            return _EVERYTHING if everything else _any([Present(field) for field in fields])
        if len(fields) == 1:
            return self._one(fields[0], node.value)
        return _any(self._possible(fields, node.value))

    def _anywhere(self, value: Word) -> Condition:
        if isinstance(value, Pattern) and value.is_any:
            return _EVERYTHING
        return Anywhere(value, tuple(self._possible(list(self._fields.values()), value)))

    def _possible(self, fields: list[Field], value: Word) -> list[Condition]:
        """What those of the fields ask that can have the value, as Elasticsearch does when it is lenient."""
        found: list[Condition] = []
        for field in fields:
            try:
                if isinstance(value, Pattern):
                    found.append(alike_words(field, value))
                else:
                    found.append(equal(field, _text(value), self._now, quoted=value.quoted))
            except Unfit:
                continue
        return [one for one in found if one != _NOTHING]

    def _one(self, field: Field, value: Word) -> Condition:
        try:
            if isinstance(value, Pattern):
                return alike(field, value)
            return equal(field, _text(value), self._now, quoted=value.quoted)
        except Unfit as unfit:
            raise self._unfit(unfit, field, value) from None

    def _range(self, node: Range) -> Condition:
        fields = self._named(node.field)
        if isinstance(node.value, Pattern) or node.value.value is None:
            raise self._source.error(
                "a range has no end that is a pattern or null",
                node.value.at,
                "a number, time or text",
                "write a value, or field: * for existence",
            )
        text = _text(node.value)
        if len(fields) > 1:
            found = []
            for field in fields:
                try:
                    found.append(ordered(field, node.op, text, self._now))
                except Unfit:
                    continue
            return _any(found)
        try:
            return ordered(fields[0], node.op, text, self._now)
        except Unfit as unfit:
            raise self._unfit(unfit, fields[0], node.value) from None

    def _unfit(self, unfit: Unfit, field: Field, value: Word) -> LogQueryError:
        return self._source.error(f"{field.name}: {unfit.message}", value.at, unfit.expected, unfit.next_step)

    def _named(self, name: Word) -> list[Field]:
        """The fields of a name or of a pattern of names, at least one."""
        if isinstance(name, Literal):
            text = _text(name)
            if text in self._fields:
                return [self._fields[text]]
            raise self._unknown(text, name.at)
        pattern = re.compile(".*".join(re.escape(part) for part in name.parts), re.DOTALL)
        found = [field for field in self._fields.values() if pattern.fullmatch(field.name)]
        if not found:
            raise self._unknown("*".join(name.parts), name.at)
        return found

    def _unknown(self, name: str, at: int) -> LogQueryError:
        if name in ALIASES and ALIASES[name].field in self._fields:
            step = f"write {ALIASES[name].field}, which stands for both"
        elif name == "_exists_":  # of Lucene
            step = "write field: *"
        else:
            step = did_you_mean(name, self._fields, "see the reference of log fields")
        return self._source.error(f"no log field is called {name!r}", at, "a field of the log schema", step)


def _text(literal: Literal) -> str:
    """The text of a value: true and false are written as they stand."""
    return literal.value if isinstance(literal.value, str) else str(literal.value).lower()


def _any(found: list[Condition]) -> Condition:
    if not found:
        return _NOTHING
    return found[0] if len(found) == 1 else Any(tuple(found))
