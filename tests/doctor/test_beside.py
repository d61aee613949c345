"""What stands beside the registry: which addresses are proposed, and which are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.doctor.beside import Beside, look_beside, untold
from regobs.doctor.facts import Observed
from regobs.doctor.proposal import changed_settings, new_settings
from regobs.errors import EndpointError
from regobs.prometheus import Prometheus, QueryAnswer, Sample
from regobs.prometheus.state import Target, read_target
from tests.doctor.test_proposal import SEEN

REDIS = Target({"job": "cache", "instance": "c:9121"}, "cache", "http://c:9121/metrics", "up")
NODE = Target({"job": "cache", "instance": "n:9100"}, "cache", "http://n:9100/metrics", "up")


def probe(url: str, module: str = "http_2xx") -> Target:
    labels = {"job": "outside", "instance": url}
    return Target(labels, "outside", "http://b:9115/probe", "up", probed=url, module=module)


class Scraping(Prometheus):
    """A server with the series of a redis_exporter at c:9121; it sends alerts to `receivers`, None: it says nothing."""

    def __init__(self, receivers: Sequence[str] | None = (), instance: str = "c:9121") -> None:
        super().__init__("http://prometheus:9090")
        self._receivers, self._instance = receivers, instance

    def query(self, text: str, time: float | None = None, *, stats: bool = False) -> QueryAnswer:
        labels = {"job": "cache", "instance": self._instance}
        return QueryAnswer("vector", samples=(Sample(labels, 1, 0),) if "redis_up" in text else ())

    def alertmanagers(self) -> tuple[str, ...]:
        if self._receivers is None:
            raise EndpointError("not offered")
        return tuple(self._receivers)


def test_of_a_job_with_several_exporters_each_has_the_address_of_its_own_series() -> None:
    found = look_beside(Scraping(), {Exposer.REDIS: ("cache",)}, (REDIS, NODE))
    assert found.exporters == {Exposer.REDIS: Observed(("c:9121",), 'what job "cache" scrapes now')}


def test_series_with_an_instance_of_their_own_are_found_by_their_job() -> None:
    found = look_beside(Scraping(instance="the cache"), {Exposer.REDIS: ("cache",)}, (REDIS,))
    assert found.exporters[Exposer.REDIS].value == ("c:9121",)


@pytest.mark.parametrize(
    ("url", "address", "more"),
    [
        (
            "https://c/metrics",
            "c:443",
            "as https://c/metrics: the job in exporters/scrape.yaml of",
        ),
        ("http://[::1]:9121/scrape", "[::1]:9121", "as http://[::1]:9121/scrape"),
    ],
)
def test_a_scrape_that_the_job_of_the_pack_does_not_make_is_told(url: str, address: str, more: str) -> None:
    [found] = look_beside(Scraping(), {Exposer.REDIS: ("cache",)}, (replace(REDIS, url=url),)).exporters.values()
    assert found.value == (address,)
    assert more in found.reason


def test_the_addresses_of_pods_are_none_for_a_settings_file() -> None:
    pod = replace(REDIS, labels={**REDIS.labels, "pod": "redis-0"})
    assert look_beside(Scraping(), {Exposer.REDIS: ("cache",)}, (pod,)).exporters == {}


@pytest.mark.parametrize(
    ("url", "module", "own"),
    [
        ("https://images.example.com/v2/", "http_2xx", True),
        ("https://registry.example.com", "http_2xx", True),
        ("https://images.example.com/", "registry", True),
        ("https://images.example.com/v2/x", "http_2xx", False),
        ("https://www.example.com/", "http_2xx", False),
    ],
)
def test_of_what_is_probed_only_a_registry_is_proposed(url: str, module: str, own: bool) -> None:
    found = look_beside(Scraping(), {Exposer.BLACKBOX: ("outside",)}, (probe(url, module), probe("https://other/")))
    assert (found.probes.value if found.probes else ()) == ((url,) if own else ())
    assert (found.probing, found.strangers) == (((url,), 1) if own else ((), 2))
    assert any("looks like" in line for line in untold(found)) is not own


def test_probes_of_the_registry_alone_need_no_narrower_selector() -> None:
    found = look_beside(Scraping(), {Exposer.BLACKBOX: ("outside",)}, (probe("https://a/v2/"), probe("https://b/v2/")))
    assert (found.probing, found.strangers) == ((), 0)
    assert found.probes is not None
    assert found.probes.value == ("https://a/v2/", "https://b/v2/")


def test_alertmanagers_are_where_the_server_sends_its_alerts_and_silence_is_told() -> None:
    found = look_beside(Scraping(["http://a:9093/api/v2/alerts", "https://b/api/v2/alerts"]), {}, ())
    assert found.alertmanagers is not None
    assert found.alertmanagers.value == ("a:9093", "b:443")
    assert list(untold(found)) == []
    nobody: tuple[list[str] | None, ...] = ([], None)
    for receivers in nobody:
        [line] = untold(look_beside(Scraping(receivers), {}, ()))
        assert "127.0.0.1:9093 is assumed" in line


def test_what_a_file_says_itself_stays() -> None:
    beside = Beside({Exposer.REDIS: Observed(("c:9121",), "seen")}, Observed(("https://a/v2/",), "seen"))
    seen = replace(SEEN, beside=beside)
    names = {one.name for one in new_settings(seen).settings}
    assert {"prometheus.probes", "prometheus.exporters.redis_exporter"} <= names
    said = replace(Config().prometheus, probes=("https://c/v2/",), exporters={Exposer.REDIS: ("d:9121",)})
    left = {one.name for one in changed_settings(seen, Config(prometheus=said)).settings}
    assert left & {"prometheus.probes", "prometheus.exporters.redis_exporter"} == set()


@pytest.mark.parametrize(
    ("query", "probed"),
    [("?target=https://a/v2/%3Ftoken=x&module=m", "https://a/v2/"), ("?target=http://[", ""), ("", "")],
)
def test_a_target_that_asks_others_says_whom_without_what_may_be_secret(query: str, probed: str) -> None:
    entry = {"labels": {}, "scrapeUrl": f"http://b:9115/probe{query}", "health": "up"}
    assert read_target(entry).probed == probed
