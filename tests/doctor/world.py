"""Facts of servers that do not exist: a healthy registry, from which each test takes one thing away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from regobs.catalog.model import Capability, Flavor, Version
from regobs.doctor.facts import Deployment, Series, ServerFacts, Up
from regobs.doctor.matching import LabelSet
from regobs.prometheus.state import LoadedRule, Target
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.vocabulary import Vocabulary

JOB = Matcher("job", MatchOp.EQUAL, "registry")
TARGET = {"job": "registry", "instance": "a:5001"}
REQUESTS = "registry_http_requests_total"
IN_FLIGHT = "registry_http_in_flight_requests"
ROUTE = "/v2/{name}/manifests/{reference}"


def gitlab(*capabilities: Capability, version: Version | None = None, honor_labels: bool = False) -> Deployment:
    """A GitLab registry found by its job."""
    vocabulary = Vocabulary(Flavor.GITLAB, version, frozenset(capabilities), honor_labels)
    return Deployment(vocabulary, registry=(JOB,))


def distribution() -> Deployment:
    """A CNCF Distribution 2.8 found by its job."""
    return Deployment(Vocabulary(Flavor.DISTRIBUTION, Version(2, 8), frozenset()), registry=(JOB,))


def requests(*combinations: LabelSet, label: str = "route") -> Series:
    """The request counter's series; without combinations one for a pulled manifest."""
    found: tuple[LabelSet, ...] = combinations or ({**TARGET, "code": "200", "method": "get", label: ROUTE},)
    return Series(frozenset(name for labels in found for name in labels), found)


def facts(**changes: Any) -> ServerFacts:
    """A server that scrapes one registry, which served requests, and has no rules."""
    names = frozenset({REQUESTS, IN_FLIGHT, "up"})
    healthy = ServerFacts(
        live=names,
        own=names,
        known=names,
        series={REQUESTS: requests(), IN_FLIGHT: Series(frozenset(TARGET), (TARGET,))},
        up=(Up(TARGET, healthy=True),),
        targets=(Target(TARGET, "registry", "http://a:5001/metrics", "up"),),
        rules={},
        flavor=Flavor.GITLAB,
    )
    return replace(healthy, **changes)


def without(*names: str, **changes: Any) -> ServerFacts:
    """The healthy server without some names."""
    whole = facts()
    less = replace(whole, live=whole.live - {*names}, own=whole.own - {*names}, known=whole.known - {*names})
    return replace(less, **changes)


def rule(name: str, query: str, **changes: Any) -> LoadedRule:
    """A loaded, evaluated recording rule."""
    return replace(LoadedRule("recording", name, query, {}, health="ok", last_evaluation=1.0), **changes)
