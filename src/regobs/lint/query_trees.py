"""What follows from the text of a query alone: its tree, the types and values of its parts.

Rules and panels repeat each other, so equal texts share one of these; each part is worked out when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from regobs.errors import PromqlError
from regobs.lint.bounds import Records, Values, compared_with_number
from regobs.promql.inferred_parts import InferredParts, infer_parts
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.parse import parse
from regobs.promql.series import Lookup
from regobs.promql.walk import children, strip_parens, walk

if TYPE_CHECKING:
    from regobs.lint.pinned import Pins


@dataclass(eq=False)
class QueryTree:
    """The tree of a text, beside what the catalog and the rules of all files say about it."""

    text: str
    lookup: Lookup
    records: Records
    pins: dict[int, Pins] = field(default_factory=dict)  # by the `id` of the part, as far as they were asked for

    @cached_property
    def parsed(self) -> Expr | PromqlError:
        """The tree, or why there is none."""
        try:
            return parse(self.text)
        except PromqlError as error:
            return error

    @cached_property
    def stripped(self) -> Expr | None:
        """The tree without its parentheses; None for a text that is no PromQL."""
        return strip_parens(self.parsed) if isinstance(self.parsed, Expr) else None

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """Every part of the tree, parents first."""
        return tuple(walk(self.parsed)) if isinstance(self.parsed, Expr) else ()

    @cached_property
    def selectors(self) -> tuple[Selector, ...]:
        """Every selector of the tree."""
        return tuple(node for node in self.nodes if isinstance(node, Selector))

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """Every call of a function."""
        return tuple(node for node in self.nodes if isinstance(node, Call))

    @cached_property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """Every aggregation."""
        return tuple(node for node in self.nodes if isinstance(node, Aggregate))

    @cached_property
    def binaries(self) -> tuple[Binary, ...]:
        """Every operation on two sides."""
        return tuple(node for node in self.nodes if isinstance(node, Binary))

    @cached_property
    def compared(self) -> tuple[tuple[Binary, Expr, str, Decimal], ...]:
        """Each comparison of a value with a number, as the comparison, its value, operator and number."""
        return tuple(compared_with_number(self.binaries))

    @cached_property
    def parents(self) -> dict[int, Expr]:
        """What each part stands in, by the part's `id`."""
        return {id(child): node for node in self.nodes for child in children(node)}

    @cached_property
    def parts(self) -> InferredParts:
        """The types of the parts."""
        assert isinstance(self.parsed, Expr)  # noqa: S101 - checks of queries only see those that could be read
        return infer_parts(self.parsed, lookup=self.lookup, recorded=self.records.type)

    @cached_property
    def values(self) -> Values:
        """What values the parts may have."""
        return Values(self.parts, self.lookup, self.records)

    @cached_property
    def likely_values(self) -> Values:
        """What values the parts most likely have, by their names too."""
        return Values(self.parts, self.lookup, self.records, named=True)
