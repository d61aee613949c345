"""What a metric stands at, in this process or in the exposition of another, and whether a block of code moved it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regobs.common.closest import did_you_mean
from regobs.errors import InstrumentError
from regobs.instrument.core.text import number

if TYPE_CHECKING:
    from regobs.catalog.model import Flavor, Label, Metric, Version
    from regobs.instrument.core.instruments import Instruments

_Sample = tuple[str, dict[str, str], float]
_PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("count", "sum", "bucket"), "summary": ("", "count", "sum")}


class Scrape:
    """What a process exposed at one moment, in the text format. Raises ExpositionError for what is none."""

    def __init__(self, text: bytes, flavor: Flavor | str = "gitlab", version: Version | str | None = None) -> None:
        from regobs.catalog.exposition import parse  # noqa: PLC0415 (only here)
        from regobs.catalog.model import Flavor, Version  # noqa: PLC0415 (only here)

        self.text = text
        self.flavor = Flavor(flavor)
        self.version = Version.parse(version) if isinstance(version, str) else version
        self._families = parse(text).families

    def samples(self, metric: Metric) -> Iterable[_Sample]:
        """All of a metric, as name, labels and value."""
        family = self._families.get(metric.name)
        return [(sample.name, dict(sample.labels), sample.value) for sample in family.samples] if family else []


def series(
    source: Instruments | Scrape, metric: Metric, /, *, part: str | None = None, **labels: object
) -> dict[tuple[tuple[str, str], ...], float]:
    """The samples that have these labels: their exposed labels as sorted pairs, and the value.

    Labels are given by content name or exposed name, values by content word or exposed value; a bucket of a histogram
    also has `le`. `part` is `count` (of a histogram the default), `sum` or `bucket`. InstrumentError for a metric of
    another flavor or version, and for a label, closed value or part that it does not have.
    """
    form = metric.form(source.flavor, source.version)
    if form is None:
        raise InstrumentError(f"{metric.name}: {source.flavor} does not expose it at this version")
    parts = _PARTS[str(metric.kind)]
    part = parts[0] if part is None else part
    if part not in parts:
        raise InstrumentError(
            f"{metric.name} has no such part", value=part, expected=", ".join(filter(None, parts)) or "no part"
        )
    wanted = dict(_exposed(metric, form.labels, name, value, part) for name, value in labels.items())
    name = f"{metric.name}_{part}" if part else metric.name
    return {
        tuple(sorted(own.items())): value
        for shown, own, value in _samples(source, metric)
        if shown == name and own.items() >= wanted.items()
    }


def sample(source: Instruments | Scrape, metric: Metric, /, *, part: str | None = None, **labels: object) -> float:
    """The sum of the `series` that have these labels; 0 where there is none."""
    return sum(series(source, metric, part=part, **labels).values())


@contextmanager
def assert_moved(
    source: Instruments | Callable[[], Scrape],
    metric: Metric,
    /,
    *,
    by: float | None = None,
    part: str | None = None,
    **labels: object,
) -> Iterator[None]:
    """Fail unless the `sample` grows inside the block: by exactly `by`, or at all. With `by=0` it has to stand still.

    A block that raises is not judged. Of another process it takes what makes a `Scrape`.
    """
    before = series(_now(source), metric, part=part, **labels)
    yield
    now = _now(source)
    after = series(now, metric, part=part, **labels)
    change = sum(after.values()) - sum(before.values())
    # Sums of seconds are floats: what was added comes back with the error of their last digit.
    if change > 0 if by is None else abs(change - by) <= 1e-9 * max(1.0, abs(by), *map(abs, after.values())):
        return
    moved = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    everywhere = sample(now, metric, part=part)
    rows = [f"  {', '.join(f'{name}={text}' for name, text in key)}: {number(value)}" for key, value in moved.items()]
    raise AssertionError(
        "\n".join(
            [
                f"{metric.name} moved by {number(change)}, expected {'more than 0' if by is None else number(by)}",
                f"with the labels {labels or 'any'}; what moved of them:",
                *(rows or ["  nothing"]),
                f"all series of the metric together are at {number(everywhere)}",
            ]
        )
    )


def _now(source: Instruments | Callable[[], Scrape]) -> Instruments | Scrape:
    return source() if callable(source) else source


def _samples(source: Instruments | Scrape, metric: Metric) -> Iterable[_Sample]:
    if isinstance(source, Scrape):
        return source.samples(metric)
    family = next((family for family in source.families() if family.metric is metric), None)
    return family.samples() if family else ()


def _exposed(metric: Metric, labels: tuple[Label, ...], name: str, value: object, part: str) -> tuple[str, str]:
    """A label and its value as they are exposed."""
    if name == "le" and part == "bucket":
        return name, value if isinstance(value, str) else number(float(str(value)))
    label = next((label for label in labels if name in {label.name, label.exposed}), None)
    if label is None:
        known = [label.name for label in labels]
        raise InstrumentError(
            f"{metric.name} has no label {name}",
            expected=", ".join(known) or "no labels",
            next_step=did_you_mean(name, known),
        )
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = label.words.get(text, text)
    if label.values is not None and text not in {*label.values, "other", "unknown"}:
        known = [*label.words, *label.values]
        raise InstrumentError(
            f"{metric.name}: {name} is never {value}",
            expected=", ".join(known),
            next_step=did_you_mean(str(value), known),
        )
    return label.exposed, text
