"""The words that the modules of the catalog are written in, so that one metric reads as one row of a table."""

from __future__ import annotations

from regobs.catalog.model import ALL_FLAVORS, Capability, Exposer, Flavor, Form, Kind, Label, Metric, Unit, Version

BOOLEAN = ("true", "false")

# The default buckets of the Go client library (client_golang, `prometheus.DefBuckets`).
DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def labels(*names: str, **closed: tuple[str, ...]) -> tuple[Label, ...]:
    """Labels with one name everywhere: the open ones by name, the closed ones with their values."""
    found = [Label(name) for name in names] + [Label(name, values) for name, values in closed.items()]
    return tuple(sorted(found, key=lambda label: label.name))


def form(
    *flavors: Flavor,
    labels: tuple[Label, ...] = (),
    buckets: tuple[float, ...] | None = None,
    since: str = "",
    until: str = "",
    needs: Capability | None = None,
    on_event: bool = False,
    always_exposed: bool = False,
    may_lack: str = "",
    only: str = "",
) -> Form:
    """A form; without a flavor it is that of both. `on_event` means that it is absent until its first event."""
    return Form(
        flavors=flavors or ALL_FLAVORS,
        labels=labels,
        buckets=buckets,
        since=Version.parse(since) if since else None,
        until=Version.parse(until) if until else None,
        needs=needs,
        absent_until_observed=on_event,
        always_exposed=always_exposed,
        may_lack=may_lack,
        only=only,
    )


class Component:
    """A part of a process whose metrics are declared together."""

    def __init__(self, name: str, exposer: Exposer = Exposer.REGISTRY) -> None:
        self.name = name
        self.exposer = exposer

    def counter(
        self,
        name: str,
        unit: Unit,
        text: str,
        *forms: Form,
        common: bool = False,
        busy: bool = False,
        pitfalls: tuple[str, ...] = (),
    ) -> Metric:
        """A counter, whatever its name ends in; `common` for one that counts the same in every process.

        `busy` is for one of the seconds in which one thing was busy.
        """
        return self._metric(Kind.COUNTER, name, unit, text, *forms, pitfalls=pitfalls, common=common, busy=busy)

    def gauge(
        self,
        name: str,
        unit: Unit,
        text: str,
        *forms: Form,
        cumulative: bool = False,
        common: bool = False,
        pitfalls: tuple[str, ...] = (),
    ) -> Metric:
        """A gauge; `cumulative` for one that only grows, `common` for one that says the same in every process."""
        return self._metric(
            Kind.GAUGE, name, unit, text, *forms, pitfalls=pitfalls, cumulative=cumulative, common=common
        )

    def histogram(self, name: str, unit: Unit, text: str, *forms: Form, pitfalls: tuple[str, ...] = ()) -> Metric:
        """A histogram; its buckets are in its forms."""
        return self._metric(Kind.HISTOGRAM, name, unit, text, *forms, pitfalls=pitfalls)

    def summary(self, name: str, unit: Unit, text: str, *forms: Form, pitfalls: tuple[str, ...] = ()) -> Metric:
        """A summary."""
        return self._metric(Kind.SUMMARY, name, unit, text, *forms, pitfalls=pitfalls)

    def _metric(
        self,
        kind: Kind,
        name: str,
        unit: Unit,
        text: str,
        *forms: Form,
        pitfalls: tuple[str, ...],
        cumulative: bool = False,
        common: bool = False,
        busy: bool = False,
    ) -> Metric:
        return Metric(
            name=name,
            kind=kind,
            unit=unit,
            help=text,
            forms=forms or (form(),),
            component=self.name,
            exposer=self.exposer,
            cumulative=cumulative,
            pitfalls=pitfalls,
            common=common,
            busy=busy,
        )
