"""The types of all parts of a query that somebody else wrote, and all that makes no sense in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from regobs.common.frozen import frozen
from regobs.errors import PromqlError
from regobs.promql.infer import Locate, TypeInference
from regobs.promql.nodes import Aggregate, Binary, Expr
from regobs.promql.selected import Recorded, SelectorTypes
from regobs.promql.series import Lookup, catalog_lookup
from regobs.promql.types import Type

_UNKNOWN = Type("vector")


@frozen
class InferredParts:
    """What is known of every part of a tree, by its node's `id`, and what makes no sense in it and where."""

    types: Mapping[int, Type]
    faults: tuple[tuple[Expr, PromqlError], ...]

    def of(self, node: Expr) -> Type:
        """The type of a part; one of which nothing is known where it makes no sense."""
        return self.types.get(id(node), _UNKNOWN)


def infer_parts(expr: Expr, *, lookup: Lookup = catalog_lookup, recorded: Recorded | None = None) -> InferredParts:
    """The types of all parts of a query that somebody else wrote, in any flavor; raises nothing.

    Labels and values of selectors are not judged: a scrape may add and rename labels. `recorded` gives the types of
    what rules record.
    """
    inference = _TolerantInference(SelectorTypes(None, (), lookup, judged=False, recorded=recorded), None)
    inference.visit(expr)
    return InferredParts(inference.types, tuple(inference.faults))


class _TolerantInference(TypeInference):
    """Goes on behind what makes no sense. Labels count as lost only where an aggregation left a list of them."""

    def __init__(self, selected: SelectorTypes, locate: Locate | None) -> None:
        super().__init__(selected, locate)
        self.types: dict[int, Type] = {}
        self.faults: list[tuple[Expr, PromqlError]] = []

    def visit(self, node: Expr) -> Type:
        try:
            found = self._type(node)
        except PromqlError as error:
            self.faults.append((node, error))
            found = _UNKNOWN
        self.types[id(node)] = found
        return found

    def _check_threshold(self, value: Type, threshold: Decimal | None, node: Binary) -> None:
        self._noted(node, lambda: super(_TolerantInference, self)._check_threshold(value, threshold, node))

    def _check_buckets(self, node: Aggregate, inner: Type, result: Type) -> None:
        self._noted(node, lambda: super(_TolerantInference, self)._check_buckets(node, inner, result))

    def _check_matching(self, node: Binary, left: Type, right: Type) -> None:
        self._noted(node, lambda: super(_TolerantInference, self)._check_matching(node, left, right))

    def _noted(self, node: Expr, judge: Callable[[], None]) -> None:
        """Keep what is wrong here, and go on: it says nothing against what is known of the result."""
        try:
            judge()
        except PromqlError as error:
            self.faults.append((node, error))

    def _known(self, value: Type) -> frozenset[str] | None:
        labels = value.possible_labels
        return None if labels is None or any(name.startswith("$") for name in labels) else labels
