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
from regobs.promql.selector_reader import matches_empty
from regobs.promql.walk import rebuild
from regobs.query.join_advice import join_advice
from regobs.query.times import moment_text

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OF_TWO = frozenset({"rate", "increase", "irate", "delta", "idelta", "deriv", "predict_linear"})  # samples at least
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
    """The search for the cause. `evaluate` gives the series of an instant query.

    `values` gives all values of a label, `labels` the names of all labels. `begins` gives the time of the first sample
    of a selector behind the moment that `offset` and `@` of another selector say, where there is one.
    """

    def __init__(
        self,
        evaluate: Evaluate,
        values: Callable[[str], Sequence[str]],
        labels: Callable[[], Sequence[str]] = tuple,
        begins: Callable[[str, Selector], float | None] = lambda *_: None,
    ) -> None:
        self._evaluate = evaluate
        self._known_values, self._known_labels = values, labels
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
                found = self.causes(_shifted(node.expr, node))
                return found or [self._subquery(node)]
            case Call():
                return self._call(node)
            case Aggregate():
                return self.causes(node.expr) or [self._aggregate(node)]
            case Binary():
                return self._binary(node)
        return []

    # Selectors

    def _selector(self, node: Selector) -> Cause:
        text, instant = to_text(node), replace(node, range=None)
        if node.range is not None and self.series(instant):
            return Cause(
                "range", text, f"no sample was taken in the last {to_text_duration(node.range)}", "a longer range"
            )
        past = self._any(replace(instant, range=_PAST))
        ended = self._last_seen(instant) if past else []
        if ended:
            return self._ended(node, instant, max(ended))
        bare = replace(instant, matchers=()) if node.metric else instant
        if not past and not self._any(replace(bare, range=_PAST)):
            return self._nothing(node, bare)
        return self._matchers(instant)

    def _ended(self, node: Selector, instant: Selector, last: float) -> Cause:
        now = replace(instant, offset=None, at=None)
        if now != instant and self.series(now):
            after = f"{_shift(node)} is after its last sample, of {moment_text(last)}"
            return Cause("ended", to_text(node), after, "data at the moment itself")
        return Cause("ended", to_text(node), f"its series ended: the last sample is of {moment_text(last)}",
                     self._alive(now))  # fmt: skip

    def _nothing(self, node: Selector, bare: Selector) -> Cause:
        """Why neither now nor in the past there is anything of a metric, or of all that matchers take."""
        name, known = str(node.metric or ""), list(self._known_values("__name__")) if node.metric else []
        if node.metric and name not in known:
            like = closest(name, known, 3)
            instead = f"did you mean {', '.join(like)}?" if like else ""
            missing = f"the server has no series {name}, in the last {_WEEK} neither"
            return Cause("metric", to_text(node), missing, instead)
        plain, shift = to_text(replace(bare, offset=None, at=None)), _shift(node)
        if (first := self._begins(plain, node)) is not None:
            begun = f"at that time{f' ({shift})' * bool(shift)} there was no data of {plain} yet"
            return Cause("before", to_text(node), begun, f"its data begins at {moment_text(first)}")
        if shift and self.series(replace(bare, offset=None, at=None)):
            return Cause("before", to_text(node), f"{shift} is before its data begins", "data at the moment itself")
        if not node.metric:
            return self._matchers(bare)
        none = f"there is no data of {name} at that time, nor in the {_WEEK} before"
        return Cause("metric", to_text(node), none, "the server has some of another time")

    def _last_seen(self, instant: Selector) -> list[float]:
        plain = replace(instant, offset=None, at=None)  # the subquery is moved: a selector with @ has one moment only
        window = Subquery(Call("timestamp", (plain,)), _PAST, Duration(300_000), instant.offset, instant.at)
        return [value for _, value in self.series(Call("max_over_time", (window,)))]

    def _alive(self, plain: Selector) -> str:
        """What the series of the metric have now in the place of the values that are asked for."""
        for matcher in plain.matchers:
            rest = replace(plain, matchers=tuple(other for other in plain.matchers if other != matcher))
            if values := self._values(rest, matcher.label):
                return f"{matcher.label} is now {_listed(matcher.value, values)}"
        return ""

    def _any(self, plain: Selector) -> bool:
        """Whether a selector takes anything."""
        return bool(self.series(Aggregate("count", _instant(plain))))

    def _values(self, plain: Selector, label: str) -> list[str]:
        """The values of a label among the series of a selector; of all series where nothing is left to select them."""
        if not plain.metric and all(map(matches_empty, plain.matchers)):
            return sorted(self._known_values(label))
        found = self.series(Aggregate("count", _instant(plain), (label,)))
        return sorted({labels[label] for labels, _ in found if label in labels})

    def _matchers(self, plain: Selector) -> Cause:
        """The first matcher that alone removes everything, or that does so together with those before it.

        Without a metric, a matcher that an empty value satisfies selects nothing alone, and comes after the others.
        """
        part, bare = to_text(plain), replace(plain, matchers=())
        alone = [matcher for matcher in plain.matchers if plain.metric or not matches_empty(matcher)]
        now, past = bare, replace(bare, range=_PAST)
        if (plain.metric and not self._any(now)) or any(self._only(matcher, past, now) for matcher in alone):
            bare = past
        for matcher in alone:
            if not self._any(replace(bare, matchers=(matcher,))):
                return self._matcher(plain, bare, matcher)
        kept: tuple[Matcher, ...] = ()
        for matcher in (*alone, *(other for other in plain.matchers if other not in alone)):
            if not self._any(replace(bare, matchers=(*kept, matcher))):
                values = self._values(replace(bare, matchers=kept), matcher.label)
                shown = f"with the others, {matcher.label} is {_listed(matcher.value, values)}"
                both = f"no series matches {_matcher_text(matcher)} and the others at once"
                return Cause("together", part, both, shown)
            kept = (*kept, matcher)
        return Cause("unknown", part, "it is empty, and no matcher alone explains it")

    def _only(self, matcher: Matcher, past: Selector, now: Selector) -> bool:
        """Whether what a matcher alone takes has ended."""
        return self._any(replace(past, matchers=(matcher,))) and not self._any(replace(now, matchers=(matcher,)))

    def _matcher(self, plain: Selector, bare: Selector, matcher: Matcher) -> Cause:
        """What a matcher that removes everything alone could say instead, of the series that the others leave."""
        part, text, label = to_text(plain), _matcher_text(matcher), matcher.label
        others = () if plain.metric else tuple(other for other in plain.matchers if other.label != label)
        values = self._values(replace(bare, matchers=others), label) or self._values(bare, label)
        if not values:
            found = (
                [labels for labels, _ in self.series(bare)] if plain.metric else [dict.fromkeys(self._known_labels())]
            )
            names = sorted({name for labels in found for name in labels if name != "__name__"})
            of = f"no series of {bare.metric}" if bare.metric else "no series"
            return Cause("label", part, f"{of} has a label {label}: {text} removes all",
                         f"its labels are {closest_first(label, names, _TOLD)}")  # fmt: skip
        if matcher.op is MatchOp.REGEX and (wider := self._wider(bare, matcher, values)):
            return Cause("anchored", part, f"{text} has to match whole values, and matches none", wider)
        return Cause("value", part, f"{text} matches no series", f"{label} is {_listed(matcher.value, values)}")

    def _wider(self, bare: Selector, matcher: Matcher, values: Sequence[str]) -> str:
        """The matcher with an expression that takes what only contains a match; "" where that takes nothing either."""
        whole = matcher.value if any(matcher.value in value for value in values) else f"({matcher.value})"
        wider = replace(matcher, value=f".*{whole}.*")
        return _matcher_text(wider) if self._any(replace(bare, matchers=(wider,))) else ""

    # What has data below, and none itself

    def _call(self, node: Call) -> list[Cause]:
        below = [cause for arg in node.args for cause in (self.causes(arg) if _has_series(arg) else [])]
        ranged = next(
            (arg for arg in node.args if isinstance(arg, Selector | Subquery) and arg.range is not None), None
        )
        if isinstance(ranged, Subquery) and _too_long(ranged) and node.function in _OF_TWO:
            return [self._few(node, ranged), *below]
        if below and node.function not in {"absent", "absent_over_time"}:
            return below
        text = to_text(node)
        if node.function in {"absent", "absent_over_time"}:
            return [Cause("absent", text, f"{node.function} is empty because what it looks for is there")]
        if ranged is not None:
            return [self._few(node, ranged)]
        if node.function == "histogram_quantile":
            return [Cause("histogram", text, "its argument has no buckets: no label le is left", "le in the by list")]
        return [Cause("function", text, f"{node.function} removes everything")]

    def _few(self, node: Call, ranged: Selector | Subquery) -> Cause:
        """That a function has less than two samples."""
        needs = f"{node.function} needs two samples, and"
        if isinstance(ranged, Subquery) and _too_long(ranged):
            return Cause("range", to_text(node), f"{needs} {_step_text(ranged)}", _two_steps(ranged))
        counts = [value for _, value in self.series(Call("count_over_time", (ranged,)))]
        instead = _two_steps(ranged) if isinstance(ranged, Subquery) else "a range of four scrape intervals"
        return Cause("range", to_text(node), f"{needs} its range holds {int(max(counts, default=0))}", instead)

    def _subquery(self, node: Subquery) -> Cause:
        """Why a subquery has nothing although its inner expression has data at its end."""
        if _too_long(node):
            return Cause("range", to_text(node), f"{_step_text(node)}: no step is in it", _two_steps(node))
        return Cause("time", to_text(node), "its inner expression has data now, but had none in its range")

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
                instead = join_advice(node.op, here, there)
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


def _shifted(expr: Expr, by: Subquery) -> Expr:
    """The inner expression of a subquery at the subquery's own end, which its `offset` and `@` move."""
    if by.offset is None and by.at is None:
        return expr
    ms = by.offset.ms if by.offset else 0

    def visit(node: Expr) -> Expr:
        done = rebuild(node, visit)
        if not isinstance(done, Selector | Subquery) or done.at is not None:
            return done
        offset = Duration(ms + (done.offset.ms if done.offset else 0))
        return replace(done, offset=offset if offset.ms else None, at=by.at)

    return visit(expr)


def _shift(node: Selector) -> str:
    """The `offset` and `@` of a selector as they are written."""
    return to_text(node).removeprefix(to_text(replace(node, offset=None, at=None))).strip()


def _instant(plain: Selector) -> Expr:
    """A selector as an instant vector: of a range the last samples."""
    return plain if plain.range is None else Call("last_over_time", (plain,))


def _too_long(node: Subquery) -> bool:
    return node.step is not None and node.step.ms > node.range.ms


def _step_text(node: Subquery) -> str:
    step, window = (to_text_duration(one) for one in (node.step or Duration(), node.range))
    return f"the step of the subquery, {step}, is longer than its range, {window}"


def _two_steps(node: Subquery) -> str:
    least = f", or a range of {to_text_duration(Duration(2 * node.step.ms))} or more" if node.step else ""
    return f"a step of less than half the range{least}"


def _has_series(node: Expr) -> bool:
    """Whether a part can be empty: it is no number and no text."""
    if isinstance(node, Paren | Unary):
        return _has_series(node.expr)
    if isinstance(node, Call):
        return node.function not in {"time", "scalar", "pi"}
    if isinstance(node, Binary):
        return _has_series(node.left) or _has_series(node.right)
    return isinstance(node, Selector | Subquery | Aggregate)


def _listed(word: str, values: Sequence[str]) -> str:
    """Some of the values: those like the word first, then those that begin like it."""
    return closest_first(word, sorted(values, key=lambda value: -_shared_start(word, value)), _TOLD)


def _shared_start(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _matcher_text(matcher: Matcher) -> str:
    return to_text(Selector(None, matchers=(matcher,))).strip("{}")


def to_text_duration(duration: Duration) -> str:
    """A duration as Prometheus prints it."""
    from regobs.promql.durations import duration_text  # noqa: PLC0415

    return duration_text(duration)
