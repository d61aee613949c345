"""The counts of logs that are written already, as OpenMetrics with times, for Prometheus' own import."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from regobs.catalog.model import Flavor
from regobs.errors import InputError
from regobs.exporters.declared import DeclaredMetric
from regobs.exporters.log_counts import LogCounter, Warn, no_warning
from regobs.exporters.written_files import distinct_files
from regobs.exporters.written_lines import DAY, lines_by_time
from regobs.logs.reading.outcome import FilesRead, LinesSeen, refuse, summed

MOST_SAMPLES = 50_000_000  # of 8 bytes each: they are held in memory, because OpenMetrics wants a series in one piece


@dataclass(slots=True)
class _History:
    """The samples of each counter or histogram, by family and by the lines that an exposition has of it.

    Beside the samples stands the index of their first time. One that ended has fewer samples than times follow.
    """

    times: list[int] = field(default_factory=list)  # seconds since 1970
    headers: dict[str, str] = field(default_factory=dict)  # family to its HELP and TYPE lines
    series: dict[str, dict[tuple[str, ...], tuple[int, array[float]]]] = field(default_factory=dict)
    samples: int = 0

    def add(self, counter: LogCounter, at: int, step: int) -> None:
        """Hold what is counted as it is at a time. What is new counted 0 a step before."""
        if not self.times:
            self.times.append(at - step)
        self.times.append(at)
        for family in (family for totals in counter.all_totals for family in totals.families()):
            rows = self.series.setdefault(family.name, {})
            self.headers.setdefault(family.name, family.header(openmetrics=True))
            for child in family.children():
                lines = [line.rpartition(" ") for line in child.lines(openmetrics=True).splitlines()]
                names = tuple(name for name, _, _ in lines)
                index, held = rows.get(names, (-1, array("d")))
                if index < 0 or index + len(held) // len(names) < len(self.times) - 1:
                    index, held = rows[names] = (len(self.times) - 2, array("d", [0.0] * len(names)))
                held.extend(float(value) for _, _, value in lines)
                self.samples += len(names)
        if self.samples > MOST_SAMPLES:
            raise InputError(
                "the history has more samples than are held in memory",
                value=f"{MOST_SAMPLES:,} samples reached after {len(self.times):,} steps",
                expected="fewer files, or a longer step",
                next_step="backfill the files of each day by themselves, or take --backfill 5m",
            )

    def text(self) -> Iterator[str]:
        """The history as OpenMetrics: a counter or histogram at a time, all its lines of one moment together."""
        for name, rows in sorted(self.series.items()):
            yield self.headers[name]
            for names, (index, held) in rows.items():
                yield "".join(
                    f"{names[number % len(names)]} {value:.17g} {self.times[index + number // len(names)]}\n"
                    for number, value in enumerate(held)
                )
        yield "# EOF\n"


def backfill(
    files: Sequence[str],
    flavor: Flavor,
    namespaces: int,
    declared: Sequence[DeclaredMetric],
    step: int,
    *,
    warn: Warn = no_warning,
) -> tuple[Iterator[str], FilesRead]:
    """The counts of files as they were each `step` seconds of the times in their lines: parts of an OpenMetrics text.

    Files that overlap are read side by side. A line without a time, or older than the one before, counts where it
    stands. Where nothing was written for more than a day there are no samples. Beside it stands what came of the files.
    Raises InputError where no line of any can be read, or none has a time.
    """
    counter, history = LogCounter(flavor, namespaces=namespaces, declared=declared), _History()
    due: int | None = None
    seen: dict[str, LinesSeen] = {}
    names, tars, unopened = distinct_files(files, warn)
    for end, lines, unwrapper in lines_by_time(names, step, seen, counter.unwrapper):
        while due is not None and end is not None and due < end:
            history.add(counter, due, step)
            due = max(due + step, end - step) if end - due > max(DAY, step) else due + step
        due = end if due is None else due
        counter.count(lines, unwrapper)
    came = summed(seen, tars, unopened)
    if came.nothing:
        refuse(came.unread, came.broken, came.unopened)
    if came.empty:
        return history.text(), came
    if due is None:
        raise InputError(
            "no line has a time",
            value=", ".join(files)[:200],
            expected="log lines of a container registry, of the years from 2013 until now",
            next_step="look with `regobs logs validate` why they cannot be read",
        )
    history.add(counter, due, step)
    counter.warn_refused(warn)
    return history.text(), came
