"""Why an expression is empty: the part that removes everything, and what there is instead.

From the root downwards: a node with an empty part is empty because of that part; a node whose parts all have data
removes it itself. At a selector its matchers are taken apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from regobs.common.closest import closest, closest_first
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Paren,
    Selector,
    Subquery,
    Unary,
)
from regobs.promql.printer import to_text
from regobs.query.times import moment_text

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_PAST = Duration(7 * 86_400_000)  # how far back is looked for series that ended
_WEEK = "7 days"
_TOLD = 8  # values or names of a list
Series = list[tuple[dict[str, str], float]]
Evaluate = Callable[[str], Series]


@dataclass(frozen=True, slots=True)
class Cause:
    """What removes everything. `kind` is a word for programs, `part` the text of the node, `instead` what exists."""

    kind: str
    part: str
    text: str
    instead: str = ""


class EmptyQuery:
    """The search for the cause. `evaluate` gives the series of an instant query, `names` all metric names.

    `begins` gives the time of the first sample of a selector behind the moment that is asked about, where there is one.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        names: Callable[[], Sequence[str]],
        begins: Callable[[str], float | None] = lambda _: None,
    ) -> None:
        self._evaluate = evaluate
        self._names = names
        self._begins = begins
        self._known: dict[str, Series] = {}

    def series(self, expr: Expr) -> Series:
        """The series of a node at the moment that is asked about; those of a range selector are its last points."""
        if isinstance(expr, Selector | Subquery) and expr.range is not None:
            expr = Call("last_over_time", (expr,))
        text = to_text(expr)
        if text not in self._known:
            self._known[text] = self._evaluate(text)
        return self._known[text]

    def causes(self, node: Expr) -> list[Cause]:  # noqa: PLR0911  (one case a node)
        """Why the node is empty, the first reason first; none when it is not."""
        if self.series(node):
            return []
        match node:
            case Paren(inner) | Unary(_, inner):
                return self.causes(inner)
            case Selector():
                return [self._selector(node)]
            case Subquery():
                found = self.causes(node.expr)
                return found or [
                    Cause("time", to_text(node), "its inner expression has data now, but had none in its range")
                ]
            case Call():
                return self._call(node)
            case Aggregate():
                return self.causes(node.expr) or [self._aggregate(node)]
            case Binary():
                return self._binary(node)
        return []

    # Selectors

    def _selector(self, node: Selector) -> Cause:
        text, now = to_text(node), replace(node, offset=None, at=None)
        if (node.offset or node.at) and self.series(now):
            return self._before_data(node, now)
        if node.range is not None and self.series(replace(now, range=None)):
            return Cause(
                "range", text, f"no sample was taken in the last {to_text_duration(node.range)}", "a longer range"
            )
        plain = replace(now, range=None)
        past = self.series(Call("timestamp", (Call("last_over_time", (replace(plain, range=_PAST),)),)))
        ended = [] if not past else self._last_seen(plain)
        if ended:
            return Cause("ended", text, f"its series ended: the last sample is of {moment_text(max(ended))}",
                         self._alive(plain))  # fmt: skip
        bare = replace(plain, matchers=()) if node.metric else plain
        if not past and not self.series(replace(bare, range=_PAST)):
            return self._nothing(node, bare)
        return self._matchers(plain)

    def _nothing(self, node: Selector, bare: Selector) -> Cause:
        """Why neither now nor in the past there is anything of a metric, or of all that matchers take."""
        name, known = str(node.metric or ""), list(self._names()) if node.metric else []
        if node.metric and name not in known:
            like = closest(name, known, 3)
            instead = f"did you mean {', '.join(like)}?" if like else ""
            missing = f"the server has no series {name}, in the last {_WEEK} neither"
            return Cause("metric", to_text(node), missing, instead)
        if (first := self._begins(to_text(bare))) is not None:
            begun = f"at that time there was no data of {to_text(bare)} yet"
            return Cause("before", to_text(node), begun, f"its data begins at {moment_text(first)}")
        if not node.metric:
            return self._matchers(bare)
        none = f"there is no data of {name} at that time, nor in the {_WEEK} before"
        return Cause("metric", to_text(node), none, "the server has some of another time")

    def _last_seen(self, plain: Selector) -> list[float]:
        last = Call("max_over_time", (Subquery(Call("timestamp", (plain,)), _PAST, Duration(300_000)),))
        return [value for _, value in self.series(last)]

    def _alive(self, plain: Selector) -> str:
        """What the series of the metric have now in the place of the values that are asked for."""
        for matcher in plain.matchers:
            rest = replace(plain, matchers=tuple(other for other in plain.matchers if other != matcher))
            if values := self._values(rest, matcher.label):
                return f"{matcher.label} is now {_listed(matcher.value, values)}"
        return ""

    def _before_data(self, node: Selector, now: Selector) -> Cause:
        shift = to_text(node)[len(to_text(now)) :].strip() or "its time"
        return Cause(
            "before", to_text(node), f"{shift} is before its data begins, or after it ends", "data at the moment itself"
        )

    def _values(self, plain: Selector, label: str) -> list[str]:
        return sorted({labels[label] for labels, _ in self.series(plain) if label in labels})

    def _matchers(self, plain: Selector) -> Cause:
        """The first matcher that alone removes everything, or that does so together with those before it."""
        bare = replace(plain, matchers=())
        anchored = bool(plain.metric)
        if not anchored:
            return Cause("matchers", to_text(plain), "no series matches all of its matchers")
        for matcher in plain.matchers:
            if not self.series(replace(bare, matchers=(matcher,))):
                return self._matcher(bare, matcher, to_text(plain))
        kept: tuple[Matcher, ...] = ()
        for matcher in plain.matchers:
            if not self.series(replace(bare, matchers=(*kept, matcher))):
                values = self._values(replace(bare, matchers=kept), matcher.label)
                shown = f"with the others, {matcher.label} is {_listed(matcher.value, values)}"
                return Cause(
                    "together",
                    to_text(plain),
                    f"no series matches {_matcher_text(matcher)} and the others at once",
                    shown,
                )
            kept = (*kept, matcher)
        return Cause("unknown", to_text(plain), "it is empty, and no matcher alone explains it")

    def _matcher(self, bare: Selector, matcher: Matcher, part: str) -> Cause:
        values, text = self._values(bare, matcher.label), _matcher_text(matcher)
        if not values:
            names = sorted({name for labels, _ in self.series(bare) for name in labels if name != "__name__"})
            return Cause("label", part, f"no series of {bare.metric} has a label {matcher.label}: {text} removes all",
                         f"its labels are {closest_first(matcher.label, names, _TOLD)}")  # fmt: skip
        if matcher.op is MatchOp.REGEX and any(matcher.value in value for value in values):
            return Cause("anchored", part, f"{text} has to match whole values, and matches none",
                         f'{matcher.label}=~".*{matcher.value}.*"')  # fmt: skip
        return Cause("value", part, f"{text} matches no series", f"{matcher.label} is {_listed(matcher.value, values)}")

    # What has data below, and none itself

    def _call(self, node: Call) -> list[Cause]:
        below = [cause for arg in node.args for cause in (self.causes(arg) if _has_series(arg) else [])]
        if below and node.function not in {"absent", "absent_over_time"}:
            return below
        text = to_text(node)
        if node.function in {"absent", "absent_over_time"}:
            return [Cause("absent", text, f"{node.function} is empty because what it looks for is there")]
        ranged = next((arg for arg in node.args if isinstance(arg, Selector) and arg.range is not None), None)
        if ranged is not None:
            counts = [value for _, value in self.series(Call("count_over_time", (ranged,)))]
            most = int(max(counts, default=0))
            return [Cause("range", text, f"{node.function} needs two samples, and its range holds {most}",
                          "a range of four scrape intervals")]  # fmt: skip
        if node.function == "histogram_quantile":
            return [Cause("histogram", text, "its argument has no buckets: no label le is left", "le in the by list")]
        return [Cause("function", text, f"{node.function} removes everything")]

    def _aggregate(self, node: Aggregate) -> Cause:
        return Cause("aggregation", to_text(node), f"{node.op} keeps nothing of what it is given")

    def _binary(self, node: Binary) -> list[Cause]:
        sides = [side for side in (node.left, node.right) if _has_series(side)]
        left = self.causes(node.left) if _has_series(node.left) else []
        right = self.causes(node.right) if _has_series(node.right) else []
        if node.op == "or":
            return left + right
        if node.op == "unless":
            full = f"each series of the left side is on its right side too: {to_text(node.right)}"
            return left or [Cause("unless", to_text(node), full)]
        if left or right:
            return left + right
        if len(sides) == 2 and (joined := self._join(node)) is not None:
            return [joined]
        return [self._compared(node)]

    def _join(self, node: Binary) -> Cause | None:
        """Why no series of the two sides fit together; None when some do."""
        plain = replace(node, op="and", group="", include=(), bool=False)
        if self.series(plain):
            return None
        here, there = ([labels for labels, _ in self.series(side)] for side in (node.left, node.right))
        names = {name for labels in (*here, *there) for name in labels} - {"__name__"} - set(node.ignoring or ())
        for name in sorted(node.on if node.on is not None else names):
            left, right = ({labels.get(name, "") for labels in side} for side in (here, there))
            if left & right:
                continue
            if left == {""} or right == {""}:
                which = "right" if left == {""} else "left"
                instead = f"on({', '.join(_shared(here, there)) or 'a label of both'})"
                return Cause("join", to_text(node), f"only the {which} side has the label {name}", instead)
            told = f"left {_listed('', sorted(left))}; right {_listed('', sorted(right))}"
            return Cause("join", to_text(node), f"the sides have no value of {name} in common", told)
        return Cause("join", to_text(node), "no two series of the sides have the same labels")

    def _compared(self, node: Binary) -> Cause:
        side = node.left if _has_series(node.left) else node.right
        values = [value for _, value in self.series(side)]
        if node.op not in _COMPARISONS or not values:
            return Cause("unknown", to_text(node), f"both sides of {node.op} have data, and the result is empty")
        low, high = min(values), max(values)
        shown = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        return Cause("comparison", to_text(node), f"no series is {node.op} {to_text(node.right)}",
                     f"{to_text(side)} is {shown}")  # fmt: skip


def _has_series(node: Expr) -> bool:
    """Whether a part can be empty: it is no number and no text."""
    if isinstance(node, Paren | Unary):
        return _has_series(node.expr)
    if isinstance(node, Call):
        return node.function not in {"time", "scalar", "pi"}
    if isinstance(node, Binary):
        return _has_series(node.left) or _has_series(node.right)
    return isinstance(node, Selector | Subquery | Aggregate)


def _shared(here: Sequence[dict[str, str]], there: Sequence[dict[str, str]]) -> list[str]:
    """Labels that have a value on both sides."""
    left, right = ({pair for labels in side for pair in labels.items()} for side in (here, there))
    return sorted({name for name, _ in left & right} - {"__name__"})


def _listed(word: str, values: Sequence[str]) -> str:
    return closest_first(word, values, _TOLD)


def _matcher_text(matcher: Matcher) -> str:
    return to_text(Selector(None, matchers=(matcher,))).strip("{}")


def to_text_duration(duration: Duration) -> str:
    """A duration as Prometheus prints it."""
    from regobs.promql.durations import duration_text  # noqa: PLC0415

    return duration_text(duration)
