"""All instruments of one process: families made from catalog entries, in one exposition.

The catalog is loaded with the first `Instruments`, not with this module: who imports a name of regobs.instrument for a
type or in a test does not pay for all of it. So are logging and prometheus_client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Self, cast

from regobs.errors import InstrumentError
from regobs.instrument.core import exposition, forks
from regobs.instrument.core.children import Counter, Gauge, Histogram, Summary
from regobs.instrument.core.family import Family
from regobs.instrument.core.labels import DEFAULT_CAP
from regobs.instrument.core.text import safe_repr

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric as ClientMetric

    from regobs.catalog.model import Capability, Flavor, Metric, Version
    from regobs.instrument.http.observer import HttpObserver
    from regobs.instrument.workers.ledger import Ledger
    from regobs.instrument.workers.total import Total

_ENDS = ("_bucket", "_count", "_sum")  # of the lines of a histogram
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII).fullmatch
_CEILING = 5_000  # series of one family; a real registry's largest family has some hundred
_OWN_CEILING = 20_000
# Children of a piece of `render`. Pieces of more than 128 kB take memory that the system has to empty anew each time,
# which takes three times as long as all the rest.
_PIECE = 16


class Instruments:
    """The metric families of one registry process.

    `version` is the registry version whose names are spoken (None: the newest). `capabilities` are those of the
    process: what a real registry shows before its first event is there from the start. `caps` maps the content name
    of an open label to its highest number of values (100 unless given), `ceiling` bounds the children of a family.
    With `registry`, everything is also collected by that prometheus_client registry, beside what else is in it.
    With `directory`, the processes of one server that name the same one count together: whichever is scraped tells
    the sums of all (see `regobs.instrument.workers.total`). `strict` is the development mode: a wrong use raises
    InstrumentError. Otherwise it is counted by `regobs_instrument_errors_total` and logged once; the caller goes on.
    With `exemplars`, OpenMetrics shows the trace of the request that LogASGI or LogWSGI serves, if that is sampled, or
    the id (32 hexadecimal digits, or nothing) that this function gives. Not together with `directory`: InstrumentError.
    """

    def __init__(
        self,
        flavor: Flavor | str = "gitlab",
        *,
        version: Version | str | None = None,
        capabilities: Iterable[Capability | str] = (),
        caps: Mapping[str, int] | None = None,
        ceiling: int = _CEILING,
        registry: CollectorRegistry | None = None,
        strict: bool = False,
        directory: str | Path | None = None,
        exemplars: bool | Callable[[], str] = False,
    ) -> None:
        from regobs.catalog import instrument as own  # noqa: PLC0415 (see the module's text)
        from regobs.catalog.model import Capability, Flavor, Version  # noqa: PLC0415 (see the module's text)

        self.flavor = Flavor(flavor)
        self.version = Version.parse(version) if isinstance(version, str) else version
        self.capabilities = frozenset(map(Capability, capabilities))
        self.strict = strict
        self._caps = dict(caps or {})
        self.ceiling = ceiling
        self._families: dict[str, Family[Any]] = {}
        self._void: dict[str, Family[Any]] = {}
        self._order: list[Family[Any]] | None = None
        self._guard = Lock()
        self._http: HttpObserver | None = None
        self._told: set[tuple[str, str]] = set()
        # One lock a component: the HTTP observer changes six families at once under theirs.
        self._locks: dict[str, Lock] = {}
        self.trace = self._trace_reader(exemplars, directory)
        self._total = self._totalled(Path(directory)) if directory else None
        self._refused = self._own(own.REFUSED)
        self._errors = self._own(own.ERRORS)
        if registry is not None:
            registry.register(self)
        forks.watch(self)

    def __getitem__(self, metric: Metric) -> Family[Any]:
        """The family of a catalog entry. In development InstrumentError for one that this flavor and version lack."""
        try:
            return self._families[metric.name]
        except KeyError:
            return self._add(metric) if hasattr(metric, "forms") else self._unknown(metric)
        except Exception:  # noqa: BLE001 (it has no name, or one of a strange type)
            return self._unknown(metric)

    def counter(self, metric: Metric) -> Family[Counter]:
        """The same as `instruments[metric]`, typed; InstrumentError for another kind."""
        return cast("Family[Counter]", self._typed(metric, "counter"))

    def gauge(self, metric: Metric) -> Family[Gauge]:
        """The same as `instruments[metric]`, typed; InstrumentError for another kind."""
        return cast("Family[Gauge]", self._typed(metric, "gauge"))

    def histogram(self, metric: Metric) -> Family[Histogram]:
        """The same as `instruments[metric]`, typed; InstrumentError for another kind."""
        return cast("Family[Histogram]", self._typed(metric, "histogram"))

    def summary(self, metric: Metric) -> Family[Summary]:
        """The same as `instruments[metric]`, typed; InstrumentError for another kind."""
        return cast("Family[Summary]", self._typed(metric, "summary"))

    @property
    def http(self) -> HttpObserver:
        """The fast way to count an HTTP request; the middlewares use it."""
        if self._http is None:
            from regobs.instrument.http.observer import HttpObserver  # noqa: PLC0415 (a process without HTTP needs no catalog of it)

            self._http = HttpObserver(self)
        return self._http

    def declare(self, metrics: Metric | Iterable[Metric], **values: Iterable[str]) -> None:
        """Make the families that a real registry of this flavor, version and capabilities shows before any event.

        With `values`, by label: these values of the application are taken beside those of the catalog, at most as many
        as the cap of the label. InstrumentError for a label that a family does not have.
        """
        from regobs.catalog.model import Metric  # noqa: PLC0415 (see the module's text)

        for metric in (metrics,) if isinstance(metrics, Metric) else metrics:
            form = metric.form(self.flavor, self.version) if metric.exposer == "registry" else None
            if form is None:
                continue
            if values:
                self._add(metric).declare(**values)
            elif not form.absent_until_observed and (
                form.needs is None or form.always_exposed or form.needs in self.capabilities
            ):
                self._add(metric)

    def start(
        self, *, version: str = "unknown", revision: str = "", package: str = "registry", built: str = ""
    ) -> None:
        """Show at once what a real registry shows when it starts: all that `declare` makes, its process and its build.

        `version` and the rest are those of the application, as its build writes them.
        """
        from regobs.catalog import build_info  # noqa: PLC0415 (see the module's text)
        from regobs.catalog.index import METRICS  # noqa: PLC0415 (see the module's text)
        from regobs.instrument.adapters.process import observe_process  # noqa: PLC0415 (see the module's text)
        from regobs.instrument.core.recorder import Recorder  # noqa: PLC0415 (see the module's text)
        from regobs.instrument.http.scrapes import Scrapes  # noqa: PLC0415 (see the module's text)

        self.declare(METRICS.values())
        _ = self.http, Scrapes(self)
        observe_process(self)
        Recorder(self, build_info.BUILD).put(1, built=built, package=package, revision=revision, version=version)

    def metric(self, name: str) -> Metric | None:
        """The metric of a family that was made here, also one that is not of the catalog."""
        family = self._families.get(name)
        return family.metric if family else None

    def families(self) -> list[Family[Any]]:
        """All families in the order of their names."""
        order = self._order
        if order is None:
            with self._guard:
                order = self._order = [self._families[name] for name in sorted(self._families)]
        return order

    @property
    def shared(self) -> bool:
        """Whether other processes count together with this one."""
        return self._total is not None

    def shown(self) -> list[Family[Any]]:
        """What a scrape is told: the families of this process, or those of all processes with their sums."""
        return self._total.families() if self._total else self.families()

    def locks(self) -> Iterator[Lock]:
        """Every lock that another thread may hold while this process forks, in the order in which they are taken."""
        yield self._guard
        if self._total is not None:
            yield self._total.lock
        for family in (*self._families.values(), *self._void.values()):
            yield from family.locks()

    def forked(self) -> None:
        """In a forked child: where processes share a directory, count from 0 in a file of its own."""
        if self._total is not None:
            self._total.fork()
            for family in self._families.values():
                family.rehome(self._total.ledger)
            if self._total.ledger is None:
                self._total = None
        if self._http is not None:
            self._http.forked()

    def render(self, *, openmetrics: bool = False) -> bytes:
        """The whole exposition in text format 0.0.4 or OpenMetrics 1.0."""
        return b"".join(self.slices(openmetrics=openmetrics, children=_PIECE))

    def slices(self, *, openmetrics: bool = False, children: int = exposition.SLICE) -> Iterator[bytes]:
        """The exposition in pieces of at most so many children: between two of them an event loop can do other work."""
        return exposition.slices(self.shown(), openmetrics=openmetrics, children=children)

    # What a prometheus_client registry calls.

    def collect(self) -> Iterator[ClientMetric]:
        """All families as prometheus_client metrics."""
        from regobs.instrument.core.client import collected  # noqa: PLC0415 (importing prometheus_client takes long)

        return collected(self.shown())

    def describe(self) -> Iterator[ClientMetric]:
        """The families there are now, without samples: a registry refuses a second collector of the same names."""
        from regobs.instrument.core.client import described  # noqa: PLC0415 (importing prometheus_client takes long)

        return described(self.families())

    # What families call.

    def refused(self, metric: str, label: str, value: object) -> None:
        """Count a label value that was folded into the overflow value, and say the first one of each label."""
        self._refused.child(metric=metric, label=label).inc()
        if (metric, f"label {label}") in self._told:
            return
        self._told.add((metric, f"label {label}"))
        import logging  # noqa: PLC0415 (see the module's text)

        from regobs.secrets import redacted_text  # noqa: PLC0415 (see the module's text)

        what = f"the value {redacted_text(safe_repr(value))} of {label}" if label else "a new series above the ceiling"
        logging.getLogger("regobs.instrument").warning(
            "%s: %s counts as `other`, and more of it without a further line; next: declare(%s, %s=[...])",
            metric, what, "<the metric>", label or "<label>",
        )  # fmt: skip

    def trouble(self, error: InstrumentError, *, metric: str, reason: str, raises: bool = True) -> None:
        """Raise in development; count and log once in production."""
        if self.strict and raises:
            raise error
        self._errors.child(metric=metric, reason=reason).inc()
        if (metric, reason) not in self._told:
            self._told.add((metric, reason))
            import logging  # noqa: PLC0415 (see the module's text)

            logging.getLogger("regobs.instrument").error(
                "wrong use of an instrument, counted from now on without a further line: %s", error
            )

    def _typed(self, metric: Metric, kind: str) -> Family[Any]:
        family = self[metric]
        if getattr(metric, "kind", kind) != kind:
            text = f"{metric.name} is a {metric.kind}, no {kind}"
            error = InstrumentError(text, next_step=f"use .{metric.kind}(...)")
            self.trouble(error, metric=metric.name, reason="method")
        return family

    def _unknown(self, metric: object) -> Family[Any]:
        error = InstrumentError(
            f"{safe_repr(metric)} is no catalog entry",
            expected="an entry of regobs.catalog, such as http.REQUESTS",
            next_step="regobs catalog list",
        )
        self.trouble(error, metric="unknown", reason="metric")
        return cast("Family[Any]", _Nothing())

    def _add(self, metric: Metric) -> Family[Any]:
        self._check_name(metric)
        form = metric.form(self.flavor, self.version)
        if form is None:
            version = f" {self.version}" if self.version else ""
            return self._nowhere(
                metric, f"{self.flavor}{version} does not expose it", f"one of {', '.join(metric.flavors)}"
            )
        if self.shared and metric.kind == "summary":
            what = "quantiles of several processes cannot be put together"
            return self._nowhere(metric, what, "a counter, gauge or histogram where processes share a directory")
        with self._guard:
            family = self._families.get(metric.name)
            if family is None:
                lock = self._locks.setdefault(metric.component, Lock())
                family = Family(
                    *(metric, form, self),
                    cap=self._cap,
                    ceiling=self.ceiling,
                    lock=lock,
                    ledger=self._ledger,
                    trace=self.trace,
                )
                self._families[metric.name] = family
                self._order = None
            return family

    def _check_name(self, metric: Metric) -> None:
        """Raise InstrumentError for a name whose lines Prometheus would not take, or take for another family's."""
        if not _NAME(metric.name):
            raise InstrumentError("a metric has no name that Prometheus takes", value=safe_repr(metric.name))
        name, others = metric.name, self._families
        stem = next((name.removesuffix(end) for end in _ENDS if name.endswith(end)), name)
        of_another = stem != name and stem in others and name in others[stem].metric.series
        if of_another or any(one in others for one in metric.series if one != name):
            raise InstrumentError(
                f"{name}: another family has lines with its name, or with {', '.join(metric.series)}",
                expected="a name of its own",
                next_step="give your metric another name",
            )

    @staticmethod
    def _trace_reader(exemplars: bool | Callable[[], str], directory: str | Path | None) -> Callable[[], str] | None:
        if not exemplars:
            return None
        if directory:
            raise InstrumentError(
                "exemplars are of one process",
                value=f"directory {safe_repr(directory)}",
                expected="exemplars or directory",
                next_step="leave out one of the two",
            )
        from regobs.instrument.core.traces import sampled_trace  # noqa: PLC0415 (only who wants them)

        return sampled_trace if exemplars is True else exemplars

    def _nowhere(self, metric: Metric, what: str, expected: str) -> Family[Any]:
        """In production a family that works and is shown nowhere, of the newest form there is."""
        error = InstrumentError(
            f"{metric.name}: {what}", expected=expected, next_step=f"regobs catalog show {metric.name}"
        )
        self.trouble(error, metric=metric.name, reason="metric")
        with self._guard:
            if metric.name not in self._void:
                form = metric.forms[0]
                self._void[metric.name] = Family(metric, form, self, cap=self._cap, ceiling=self.ceiling, lock=Lock())
            return self._void[metric.name]

    def _own(self, metric: Metric) -> Family[Counter]:
        family: Family[Counter] = Family(
            metric,
            metric.forms[0],
            self,
            cap=lambda _: _OWN_CEILING,
            ceiling=_OWN_CEILING,
            lock=Lock(),
            ledger=self._ledger,
        )
        self._families[metric.name] = family
        return family

    @property
    def _ledger(self) -> Ledger | None:
        return self._total.ledger if self._total else None

    def _totalled(self, directory: Path) -> Total:
        from regobs.instrument.workers.total import Total  # noqa: PLC0415 (needs fcntl, and all of the catalog)

        return Total(self, directory)

    def _cap(self, label: str) -> int:
        # 500 status codes exist, and the registry shows each that occurs.
        return self._caps.get(label, 502 if label == "code" else DEFAULT_CAP)


class _Nothing:
    """Stands in for a metric that the catalog does not know: each method does nothing and gives this again."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        pass
