"""An expression that a person typed: read and checked before it is sent, with the place of what is wrong under it."""

from __future__ import annotations

from collections.abc import Iterable

from regobs.common.frozen import frozen
from regobs.errors import PromqlError
from regobs.promql.infer import infer
from regobs.promql.nodes import Aggregate, Binary, Duration, Expr, Selector
from regobs.promql.parse import ParsedQuery, parse_located
from regobs.promql.types import Type
from regobs.promql.walk import walk

_WIDEST = 100  # characters of the text that stand before and behind a caret


@frozen
class CheckedQuery:
    """A query as it is sent. `expr` and `type` are None when it was not checked; `notes` are doubts about it."""

    text: str
    expr: Expr | None = None
    type: Type | None = None
    notes: tuple[str, ...] = ()


def check_query(text: str, window: Duration | None = None, span: Duration | None = None) -> CheckedQuery:
    """Parse and infer a query. Raises PromqlError with the text and a caret under what is wrong in it.

    A label that the catalog does not know is a note only: a scrape can add labels to all series. `window` and `span`
    stand in for Grafana's `$__rate_interval` and `$__range`.
    """
    try:
        parsed = parse_located(text)
        kind, notes = _type(parsed)
    except PromqlError as error:
        raise _with_caret(error, text) from None
    if "$__" not in text or window is None:
        return CheckedQuery(text, parsed.expr, kind, notes)
    from regobs.promql.printer import to_text  # noqa: PLC0415 - for Grafana's variables only
    from regobs.promql.walk import fill_durations  # noqa: PLC0415

    expr = fill_durations(parsed.expr, window, span or Duration(3_600_000))
    return CheckedQuery(to_text(expr), expr, kind, notes)


def parse_query(text: str) -> ParsedQuery:
    """Parse a query, whatever it asks. Raises PromqlError with the text and a caret under what is wrong in it."""
    try:
        return parse_located(text)
    except PromqlError as error:
        raise _with_caret(error, text) from None


def empty_notes(query: CheckedQuery, command: str = "") -> tuple[str, ...]:
    """What may explain that an expression has no data: a name that no registry has, and the command for the rest."""
    from regobs.promql.series import check_known  # noqa: PLC0415 - loads the whole catalog

    asks = command or "`regobs query why` with this expression"
    why = f"{asks} says which part of it removes everything"
    try:
        if query.expr is not None:
            check_known(query.expr)
    except PromqlError as doubt:
        return f"{doubt.message}; the nearest are {doubt.expected}", why
    return (why,)


def _type(parsed: ParsedQuery) -> tuple[Type, tuple[str, ...]]:
    try:
        return infer(parsed.expr, locate=parsed.locate, exact=True), ()
    except PromqlError as doubt:
        kind = infer(parsed.expr, extra_labels=_named_labels(parsed.expr), locate=parsed.locate, exact=True)
        return kind, (f"{doubt.message}, as far as the catalog knows; the scrape may add it",)


def _named_labels(expr: Expr) -> Iterable[str]:
    """The labels that matchers and clauses of the expression name."""
    for node in walk(expr):
        if isinstance(node, Selector):
            yield from (matcher.label for matcher in node.matchers)
        if isinstance(node, Aggregate):
            yield from node.labels or ()
        elif isinstance(node, Binary):
            yield from (*(node.on or ()), *(node.ignoring or ()), *node.include)


def _with_caret(error: PromqlError, text: str) -> PromqlError:
    """The same error, whose value shows the line of the text with a caret under the place."""
    place = error.location
    lines = text.splitlines() or [""]
    if place is None or place.line is None or place.line > len(lines):
        return error
    line, column = lines[place.line - 1], max((place.column or 1) - 1, 0)
    begin = max(column - _WIDEST, 0)
    shown = "".join(char if char.isprintable() else " " for char in line[begin : column + _WIDEST])
    value = f"{shown}\n{' ' * (12 + column - begin)}^"
    found = PromqlError(
        error.message, value=value, expected=error.expected, next_step=error.next_step, check=error.check
    )
    found.location = None if place.line == 1 else place
    return found
