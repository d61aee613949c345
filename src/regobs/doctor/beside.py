"""What a server scrapes beside the registry, what it probes, and whom it sends alerts: addresses for the settings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.doctor.facts import POD_LABELS, Observed, tells
from regobs.doctor.gather import name_patterns
from regobs.doctor.matching import quoted
from regobs.doctor.server import if_offered
from regobs.prometheus import Prometheus
from regobs.prometheus.state import Target
from regobs.slo.rule_scope import CAPABILITIES

Addresses = Observed[tuple[str, ...]]
_PORTS = {"http": 80, "https": 443}
_USUAL_PATHS = {"/metrics", "/probe"}  # that of the blackbox_exporter is in the pack's job
_OF_A_REGISTRY = re.compile(r"registry|/v2/?$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Beside:
    """The addresses, each with what showed it.

    `exporters` and `alertmanagers` are host:port, `probes` URLs; `labels_of` has the labels of each. `probing` are the
    values of `instance` of the probes of registries where the same jobs probe other things too, else empty;
    `strangers` how many of those there are.
    """

    exporters: Mapping[Exposer, Addresses] = field(default_factory=dict)
    probes: Addresses | None = None
    alertmanagers: Addresses | None = None
    labels_of: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    probing: tuple[str, ...] = ()
    strangers: int = 0


def look_beside(
    prometheus: Prometheus, neighbours: Mapping[Exposer, Collection[str]], targets: Sequence[Target]
) -> Beside:
    """The addresses of the processes of `neighbours`, which has their jobs, as far as `targets` show them."""
    found = {
        exposer: seen
        for exposer, jobs in neighbours.items()
        if exposer in CAPABILITIES and (seen := _addresses(_scraped(prometheus, exposer, jobs, targets))) is not None
    }
    probed = [one for one in targets if one.labels.get("job") in neighbours.get(Exposer.BLACKBOX, ()) and one.probed]
    own = [one for one in probed if _is_of_a_registry(one)]
    urls = tuple(sorted({one.probed for one in own if urlsplit(one.probed).scheme in _PORTS}))
    alertmanagers = _alertmanagers(prometheus) or found.get(Exposer.ALERTMANAGER)
    if alertmanagers is not None and found.get(Exposer.ALERTMANAGER, alertmanagers).value == alertmanagers.value:
        found.pop(Exposer.ALERTMANAGER, None)  # it is scraped where alerts go, which the settings take for granted
    return Beside(
        exporters=found,
        probes=Observed(urls, f"what {_listed(_jobs(own))} asks through the blackbox_exporter") if urls else None,
        alertmanagers=alertmanagers,
        labels_of={
            **{
                address_of(one.url): one.labels
                for jobs in neighbours.values()
                for one in targets
                if one.labels.get("job") in jobs
            },
            **{one.probed: one.labels for one in own},
        },
        probing=tuple(sorted({one.labels.get("instance", "") for one in own})) if len(own) < len(probed) else (),
        strangers=len(probed) - len(own),
    )


def _scraped(
    prometheus: Prometheus, exposer: Exposer, jobs: Collection[str], targets: Sequence[Target]
) -> list[Target]:
    """The targets that show series of the process; those of its jobs where its series have another `instance`."""
    of_jobs = [one for one in targets if one.labels.get("job") in jobs]
    names = {name for one in METRICS.values() if one.exposer is exposer and tells(one) for name in one.series}
    places = set()
    for piece in name_patterns(names):
        answer = prometheus.query(f'group by (job, instance) ({{__name__=~"{piece}"}})')
        places |= {(one.labels.get("job"), one.labels.get("instance")) for one in answer.samples}
    showing = [one for one in of_jobs if (one.labels.get("job"), one.labels.get("instance")) in places]
    return showing or of_jobs


def _addresses(targets: Sequence[Target]) -> Addresses | None:
    """None where there is none, or where they are addresses of pods."""
    # Addresses of pods change with every roll-out: service discovery finds them, no settings file.
    if not targets or any(label in one.labels for one in targets for label in POD_LABELS):
        return None
    reason = f"what {_listed(_jobs(targets))} scrapes now"
    return Observed(tuple(sorted(filter(None, {address_of(one.url) for one in targets}))), reason + _odd(targets))


def _odd(targets: Iterable[Target]) -> str:
    """What the generated job does not say of how they are scraped, in words."""
    parts = {one.url: urlsplit(one.url) for one in targets}
    others = [url for url, one in sorted(parts.items()) if one.scheme == "https" or one.path not in _USUAL_PATHS]
    return f"; as {others[0]}: the job in exporters/scrape.yaml of a pack has to say so" if others else ""


def address_of(url: str) -> str:
    """host:port of a URL, with the port that its scheme implies; empty for what is none."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    port = parts.port or _PORTS.get(parts.scheme)
    return f"{host}:{port}" if host and port else ""


def _jobs(targets: Iterable[Target]) -> list[str]:
    return sorted({one.labels.get("job", "") for one in targets})


def _listed(jobs: Iterable[str]) -> str:
    return f"job {', '.join(map(quoted, jobs))}"


def _is_of_a_registry(target: Target) -> bool:
    """Blackbox exporters probe whole companies: what asks for /v2/, or is called a registry, is one's own."""
    texts = (target.probed, target.module, target.labels.get("instance", ""))
    return any(_OF_A_REGISTRY.search(text) for text in texts)


def _alertmanagers(prometheus: Prometheus) -> Addresses | None:
    """Where the server sends its alerts; None where it does not say, or sends them nowhere."""
    urls = if_offered(prometheus.alertmanagers) or ()
    addresses = tuple(sorted(filter(None, map(address_of, urls))))
    return Observed(addresses, "where the server sends its alerts") if addresses else None


def untold(beside: Beside) -> Iterator[str]:
    """What an SRE has to say themselves, in sentences."""
    if beside.strangers and not beside.probing:
        yield (
            f"prometheus.probes: the blackbox_exporter asks {beside.strangers} addresses, and none of them looks like"
            " one of a registry; let it ask https://REGISTRY/v2/"
        )
    if beside.alertmanagers is None:
        default = ", ".join(Config().prometheus.alertmanagers)
        yield f"prometheus.alertmanagers: the server names none that it sends alerts to; {default} is assumed"
