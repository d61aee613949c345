"""Under which environment scraped addresses are proposed, and that nothing is proposed that is in force already."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from regobs.build.produce import scrape_file
from regobs.catalog.exposition import parse
from regobs.catalog.model import Capability, Exposer
from regobs.config import load_config, read_config
from regobs.doctor.beside import Beside, look_beside
from regobs.doctor.facts import Observed
from regobs.doctor.observe import Observation, Way, observe_exposition
from regobs.doctor.proposal import changed_settings, new_settings
from regobs.pack import find_pack
from regobs.prometheus.state import Target, read_logins, read_target
from regobs.promql.nodes import Duration
from regobs.secrets import MASK
from tests.doctor.test_beside import REDIS, Scraping, probe
from tests.doctor.test_proposal import SEEN

DATA = Path(__file__).parents[1] / "data"
FILE = Path("regobs.toml")
PROD, STAGING = {"env": "prod"}, {"env": "staging"}
NEIGHBOURS = {
    Capability.REDIS_EXPORTER: "redis_up",
    Capability.PROBE: "probe_success",
    Capability.NODE_EXPORTER: "node_load1",
}


def seen(**exporters: Mapping[str, Mapping[str, str]]) -> Observation:
    """Two registries of production, one of staging; exporters by name, each with its addresses and their labels."""
    others = {Exposer(name): Observed(tuple(sorted(some)), "scraped") for name, some in exporters.items()}
    probes = {"https://p/v2/": PROD, "https://s/v2/": STAGING}
    labels = probes | {address: given for some in exporters.values() for address, given in some.items()}
    return replace(
        SEEN,
        capabilities=NEIGHBOURS,
        target_labels={"env": ("prod", "staging")},
        targets=("a:7001", "a:7002", "a:7003"),
        labels_of={"a:7001": PROD, "a:7002": PROD, "a:7003": STAGING},
        beside=Beside(others, Observed(tuple(probes), "probed"), labels_of=labels),
    )


EXPORTERS = {
    "redis_exporter": {"r:1": PROD, "r:2": STAGING},
    "node_exporter": {"n:1": PROD, "n:2": PROD},
    "blackbox_exporter": {"b:9115": PROD},
}


def test_what_carries_the_label_of_an_environment_stands_under_it_and_is_scraped_with_it() -> None:
    proposal = new_settings(seen(**EXPORTERS))
    config = read_config(proposal.text, FILE)
    prod, staging = config.environments
    assert (prod.targets, staging.targets) == (("a:7001", "a:7002"), ("a:7003",))
    assert (prod.probes, staging.probes) == (("https://p/v2/",), ("https://s/v2/",))
    assert prod.exporters == {Exposer.REDIS: ("r:1",), Exposer.NODE: ("n:1", "n:2")}
    assert staging.exporters == {Exposer.REDIS: ("r:2",)}
    assert config.prometheus.exporters == {Exposer.BLACKBOX: ("b:9115",)}
    assert config.notes == ()
    text = scrape_file(find_pack(), config).decode()
    assert "Targets are missing" not in text
    assert "no label of an environment" not in text
    jobs = {job["job_name"]: job["static_configs"] for job in yaml.safe_load(text)["scrape_configs"]}
    assert jobs["registry"] == [
        {"targets": ["a:7001", "a:7002"], "labels": PROD},
        {"targets": ["a:7003"], "labels": STAGING},
    ]


def test_an_address_that_carries_no_label_of_an_environment_is_told_or_stands_for_all() -> None:
    given = seen(redis_exporter={"r:1": PROD, "r:2": {}}, node_exporter={"n:1": {}})
    proposal = new_settings(given)
    config = read_config(proposal.text, FILE)
    assert config.prometheus.exporters == {Exposer.NODE: ("n:1",)}
    assert [one.exporters for one in config.environments] == [{Exposer.REDIS: ("r:1",)}, {}]
    [told] = [line for line in proposal.unknown if line.startswith("environments: ")]
    assert told.startswith('environments: "r:2" of exporters.redis_exporter have no label of an environment; name them')


def test_of_one_environment_the_lists_stand_for_all() -> None:
    given = replace(seen(**EXPORTERS), target_labels={"env": ("prod",)}, targets=("a:7001",))
    config = read_config(new_settings(given).text, FILE)
    assert config.prometheus.targets == ("a:7001",)
    assert [(one.targets, one.exporters, one.probes) for one in config.environments] == [((), {}, ())]
    assert config.prometheus.exporters[Exposer.REDIS] == ("r:1", "r:2")


def test_each_address_beside_the_registry_is_seen_with_its_labels() -> None:
    targets = tuple(replace(REDIS, url=f"http://{name}/metrics", labels={**REDIS.labels, "env": name}) for name in "ab")
    asked = Target({"job": "outside", "env": "x", "instance": "y"}, "p", "http://b:1/p", "up", probed="https://a/v2/")
    found = look_beside(
        Scraping(), {Exposer.REDIS: ("cache",), Exposer.BLACKBOX: ("outside",)}, (*targets, asked, probe("https://o"))
    )
    assert {address: labels.get("env") for address, labels in found.labels_of.items()} == {
        "a:80": "a",
        "b:80": "b",
        "b:1": "x",
        "b:9115": None,
        "https://a/v2/": "x",
    }


CAPABILITIES = "[registry]\ncapabilities = ['redis_exporter', 'probe', 'node_exporter']\n"
ONE = "[environments.prod]\nselector = 'env=\"prod\"'\n"
BOTH = ONE + "{prod}\n[environments.staging]\nselector = 'env=\"staging\"'\n{staging}\n"
INLINE = "environments = {prod = {selector = 'env=\"prod\"'}, s = {selector = 'env=\"staging\"'}}\n"
LISTS = "probes = ['https://q/v2/']\nexporters = {redis_exporter = ['q:1'], node_exporter = ['q:2']}\n"
FILES = {
    "one environment with lists of its own": ONE + LISTS,
    "one environment without": ONE,
    "one of two with lists of its own": BOTH.format(prod=LISTS, staging=""),
    "both with lists of their own": BOTH.format(prod=LISTS, staging=LISTS),
    "both without": BOTH.format(prod="", staging=""),
    "lists for all": "[prometheus]\nprobes = ['https://q/v2/']\nexporters = {redis_exporter = ['q:1']}\n" + ONE,
    "an exporter for all, others of one": "[prometheus.exporters]\nnode_exporter = ['q:2']\n"
    + BOTH.format(prod="exporters = {redis_exporter = ['q:1']}", staging=""),
    "no environment": "",
    "environments in one line": INLINE,
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_what_is_proposed_is_used_by_a_build_and_proposed_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    top, _, rest = text.partition("[") if text.startswith("environments =") else ("", "", text)
    file.write_text(top + CAPABILITIES + rest)
    before = load_config(file)
    assert before.notes == ()
    proposal = changed_settings(seen(**EXPORTERS), before)
    after = read_config(proposal.text, file)
    assert [note for note in after.notes if "is not used" in note] == []
    file.write_text(proposal.text)
    assert changed_settings(seen(**EXPORTERS), load_config(file)).settings == ()


def test_an_environment_without_a_list_gets_its_own_beside_one_that_has_it(tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text(CAPABILITIES + FILES["one of two with lists of its own"])
    proposal = changed_settings(seen(**EXPORTERS), load_config(file))
    found = {one.name: one.value for one in proposal.settings if one.table[0] in {"prometheus", "environments"}}
    assert found == {
        "prometheus.exporters.blackbox_exporter": ["b:9115"],
        "environments.staging.probes": ["https://s/v2/"],
        "environments.staging.exporters.redis_exporter": ["r:2"],
    }


def by(ms: int) -> Observed[Duration]:
    return Observed(Duration(ms), "the server says it")


USUAL: dict[str, dict[str, dict[str, str]]] = {
    "node_exporter": {"127.0.0.1:9100": PROD},
    "blackbox_exporter": {"127.0.0.1:9115": {}},
}


@pytest.mark.parametrize(
    "more", ["", ONE, "[prometheus]\nprobes = ['https://q/v2/']\n" + ONE + "probes = ['https://s/v2/']\n"]
)
def test_nothing_is_proposed_that_is_in_force_already_by_default(more: str, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text(CAPABILITIES + "[labels]\nenvironment = 'env'\n" + more)
    usual = seen(**USUAL)
    assert usual.beside is not None
    beside = replace(usual.beside, probes=None, alertmanagers=Observed(("127.0.0.1:9093",), "alerts go there"))
    given = replace(usual, target_labels={}, beside=beside, scrape_interval=by(15_000), evaluation_interval=by(15_000))
    given = replace(given, retention=by(30 * 86_400_000))
    assert changed_settings(given, load_config(file)).settings == ()
    elsewhere = replace(beside, exporters={Exposer.NODE: Observed(("127.0.0.1:9101",), "scraped")})
    [other] = changed_settings(replace(given, beside=elsewhere), load_config(file)).settings
    assert (other.name, other.value) == ("prometheus.exporters.node_exporter", ["127.0.0.1:9101"])


def test_how_the_registries_are_scraped_is_written_without_secrets_and_the_rest_is_told() -> None:
    ways = (
        Way("https", "/m", (("comp", ("registry",)), ("token", (MASK,)))),
        Way("http", "/metrics", (("comp", ("a b",)),)),
    )
    proposal = new_settings(replace(SEEN, targets=("a:5001",), ways=ways, logins=("basic_auth", "tls_config")))
    settings = read_config(proposal.text, FILE).prometheus
    assert (settings.scheme, settings.metrics_path, settings.params) == ("https", "/m", {"comp": ("registry",)})
    told = "\n".join(line for line in proposal.unknown if line.startswith("prometheus"))
    assert "some registries are scraped otherwise, as http://HOST/metrics?comp=a+b; a build" in told
    assert "prometheus.params: the scrape has token, which may be a secret" in told
    assert "has basic_auth and tls_config; put it into the job registry in exporters/scrape.yaml of a pack" in told
    plain = new_settings(replace(SEEN, targets=("a:5001",), ways=(Way("http", "/metrics"),)))
    assert not any("scrape of the registry" in line or "scraped otherwise" in line for line in plain.unknown)
    over_tls = new_settings(replace(SEEN, targets=("a:5001",), ways=(Way("https", "/metrics"),)))
    assert any("may need tls_config, basic_auth or authorization" in line for line in over_tls.unknown)


@pytest.mark.parametrize(
    ("url", "target", "scheme", "params"),
    [
        ("http://harbor.example.com/metrics?comp=registry", "harbor.example.com:80", "http", {"comp": ("registry",)}),
        ("https://r.example.com/metrics", "r.example.com:443", "https", {}),
        ("http://[::1]:9090/metrics?a=1&a=2&b=", "[::1]:9090", "http", {"a": ("1", "2"), "b": ("",)}),
    ],
)
def test_the_address_of_an_exposition_is_that_of_the_scrape(
    url: str, target: str, scheme: str, params: dict[str, tuple[str, ...]]
) -> None:
    exposition = parse(gzip.decompress((DATA / "distribution-3.1.2.prom.gz").read_bytes()), source=url)
    config = read_config(new_settings(observe_exposition(exposition, url)).text, FILE)
    settings = config.prometheus
    assert (settings.targets, settings.metrics_path) == ((target,), "/metrics")
    assert (settings.scheme, settings.params) == (scheme, params)
    [job] = [
        one for one in yaml.safe_load(scrape_file(find_pack(), config))["scrape_configs"] if "registry" in str(one)
    ]
    assert job.get("scheme", "http") == scheme
    assert {name: tuple(values) for name, values in job.get("params", {}).items()} == params


CONFIGURATION = """\
global:
  scrape_interval: 15s
scrape_configs:
- job_name: registry
  scheme: https
  basic_auth:
    username: me
    password: <secret>
  tls_config:
    insecure_skip_verify: true
- job_name: 'other: one'
  authorization:
    type: Bearer
- job_name: plain
remote_write:
- url: http://a
  tls_config: {}
"""


def test_what_opens_the_targets_of_a_job_is_read_from_the_configuration() -> None:
    assert read_logins(CONFIGURATION) == {"registry": ("basic_auth", "tls_config"), "other: one": ("authorization",)}
    assert read_logins("") == {}


def test_a_target_says_its_query_without_what_is_a_secret() -> None:
    entry = {"labels": {}, "scrapeUrl": "http://a:1/metrics?comp=registry&token=x", "health": "up"}
    assert read_target(entry).params == {"comp": ("registry",), "token": (MASK,)}
