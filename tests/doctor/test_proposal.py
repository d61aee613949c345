"""Settings that an observation implies: as a new file and as changes of one."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regobs.build.produce import scrape_file
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config import Config, load_config, read_config, selector_text
from regobs.config.model import DAY
from regobs.doctor.facts import Observed
from regobs.doctor.gather import name_patterns
from regobs.doctor.observe import Observation
from regobs.doctor.proposal import changed_settings, new_settings
from regobs.pack import find_pack
from regobs.promql.nodes import Duration, Matcher, MatchOp

FILE = Path("regobs.toml")
REDIS = {Capability.REDIS: "registry_redis_pool_stats_hits"}
SEEN = Observation("http://prometheus", Observed(Flavor.GITLAB, "label route says gitlab"), capabilities=REDIS)
TEXT = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=30)


def changes(seen: Observation, text: str, folder: Path) -> tuple[dict[str, object], Config, str]:
    """The settings proposed for a file of this text, and what the file says and is afterwards."""
    file = folder / "regobs.toml"
    file.write_text(text, encoding="utf-8")
    proposal = changed_settings(seen, load_config(file))
    return {one.name: one.value for one in proposal.settings}, read_config(proposal.text, file), proposal.text


@given(st.dictionaries(st.sampled_from(["env", "cluster", "pod"]) | TEXT, st.tuples(TEXT), max_size=6), TEXT, TEXT)
def test_whatever_the_server_shows_the_file_can_be_read_and_says_it(
    labels: dict[str, tuple[str, ...]], job: str, reason: str
) -> None:
    valid = {name: values for name, values in labels.items() if name.isascii() and name.isidentifier()}
    matchers = (Matcher("job", MatchOp.EQUAL, job),)
    seen = replace(
        SEEN, target_labels=valid, matchers=Observed(matchers, reason), flavor=Observed(Flavor.GITLAB, reason)
    )
    proposal = new_settings(seen)
    config = read_config(proposal.text, FILE)
    assert config.matchers == matchers
    assert [one.matchers[0].value for one in config.environments] == list(valid.get("env", ()))
    assert proposal.diff.count("\n+") >= len(proposal.settings)


@pytest.mark.parametrize(
    ("days", "period", "told"),
    [
        (29, None, ""),
        (28, None, ""),
        (27, "27d", ""),
        (
            26,
            "21d",
            "burn alerts over 3d are left out: 3d would fire at a burn rate of 0.7; a budget that",
        ),
        (15, "14d", "burn alerts over 3d are left out"),
        (13, "13d", "burn alerts over 3d are left out"),
        (8, "7d", "burn alerts over 1d, 3d are left out"),
        (6, "6d", "burn alerts over 1d, 3d are left out"),
        (3, "3d", "burn alerts over 6h, 1d, 3d are left out"),
        (1, "1d", "no burn alert fits so short a period: keep samples for 2d or more, better for 28d"),
        (0.5, None, ""),
    ],
)
def test_the_period_of_error_budgets_is_no_longer_than_what_the_server_keeps(
    days: float, period: str | None, told: str
) -> None:
    kept = Observed(Duration(round(days * DAY)), "the server says so")
    settings = {one.name: one for one in new_settings(replace(SEEN, retention=kept)).settings}
    found = settings.get("slo.period")
    assert (found and found.value) == period
    assert told in (found.reason if found else "")
    assert bool(told) == ("burn alert" in (found.reason if found else ""))


def test_a_scrape_configuration_of_a_new_file_gives_the_labels_that_all_targets_have() -> None:
    labels = {"region": ("eu",), "rack": ("7",), "env": ("prod",), "host": ("a", "b")}
    proposal = new_settings(replace(SEEN, target_labels=labels, targets=("a:5001", "b:5001")))
    config = read_config(proposal.text, FILE)
    assert config.prometheus.scrape_labels == {"region": "eu", "rack": "7"}
    (job,) = yaml.safe_load(scrape_file(find_pack(), config))["scrape_configs"]
    assert job["static_configs"] == [
        {"targets": ["a:5001", "b:5001"], "labels": {"region": "eu", "rack": "7", "env": "prod"}}
    ]
    assert [line for line in proposal.unknown if "scrape_labels: host of the targets" in line]


def test_a_label_that_only_some_targets_have_is_not_given_to_all() -> None:
    labels = {"region": ("eu",), "canary": ("yes",)}
    seen = replace(SEEN, target_labels=labels, partial_labels=("canary",), targets=("a:5001", "b:5001"))
    proposal = new_settings(seen)
    assert read_config(proposal.text, FILE).prometheus.scrape_labels == {"region": "eu"}
    assert [line for line in proposal.unknown if "scrape_labels: canary of the targets" in line]


@pytest.mark.parametrize(("said", "proposed"), [("7d", None), ("10d", None), ("15d", None), ("21d", "14d")])
def test_a_period_of_the_file_stays_where_the_server_keeps_as_much(
    said: str, proposed: str | None, tmp_path: Path
) -> None:
    seen = replace(SEEN, retention=Observed(Duration(15 * DAY), "the server says so"))
    named, _, _ = changes(seen, f'[slo]\nperiod = "{said}"\n', tmp_path)
    assert named.get("slo.period") == proposed


@pytest.mark.parametrize(
    "text",
    [
        '[prometheus]\nselector = \'job="registry"\'\n\n[prometheus.exporters]\nredis_exporter = ["a:9121"]\n',
        '[prometheus]\n  selector = \'job="registry"\'\n\n  [prometheus.exporters]\n  redis_exporter = ["a:9"]\n# z\n',
        '[prometheus.exporters]\nredis_exporter = ["a:9121"]\n\n[grafana]\nurl = "http://grafana"\n',
    ],
)
def test_the_reason_of_a_new_key_stands_above_it(text: str, tmp_path: Path) -> None:
    seen = replace(SEEN, scrape_interval=Observed(Duration(30_000), "targets\nsay so"))
    _, config, after = changes(seen, text, tmp_path)
    lines = [line.strip() for line in after.splitlines()]
    place = lines.index('scrape_interval = "30s"')
    assert lines[place - 2 : place] == ["# targets", "# say so"]
    assert config.prometheus.scrape_interval == Duration(30_000)
    assert [line for line in text.splitlines() if line not in after.splitlines()] == []


def test_what_was_not_seen_and_the_file_says_is_said_to_stay(tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text('[registry]\nflavor = "gitlab"\nversion = "4.10.0"\n\n[prometheus]\nretention = "90d"\n')
    unknown = changed_settings(SEEN, load_config(file)).unknown
    assert "registry.version: the registry shows no version; 4.10.0 of the file stays" in unknown
    assert "prometheus.retention: http://prometheus does not say it; 90d of the file stays" in unknown
    assert any(line.startswith("prometheus.scrape_interval") and line.endswith("is assumed") for line in unknown)


def test_a_label_of_targets_that_regobs_toml_cannot_name_is_told() -> None:
    (told,) = (one for one in new_settings(replace(SEEN, unusable_labels=("k8s.pod",))).unknown if "k8s.pod" in one)
    assert "relabel_configs" in told
    assert not any("relabel" in one for one in new_settings(SEEN).unknown)


def test_a_scrape_that_is_too_seldom_is_told_and_not_written() -> None:
    edge, beyond = (replace(SEEN, scrape_interval=Observed(Duration(ms), "targets")) for ms in (120_000, 121_000))
    assert tomllib.loads(new_settings(edge).text)["prometheus"]["scrape_interval"] == "2m"
    proposal = new_settings(beyond)
    assert "prometheus" not in tomllib.loads(proposal.text)
    assert any("too seldom" in line for line in proposal.unknown)


@pytest.mark.parametrize(
    "text",
    [
        "[registry]\nflavor = 'distribution'\n",
        "registry.flavor = 'distribution' # dotted\n",
        "registry = {flavor = 'distribution'}",
        "[labels]\nenvironment = 'env'\n\n[registry] # a comment\n\n# above\nflavor='distribution'\n",
        "",
    ],
)
def test_every_way_to_write_a_table_is_changed_in_its_place(text: str, tmp_path: Path) -> None:
    _, config, after = changes(SEEN, text, tmp_path)
    assert (config.flavor, Capability.REDIS in config.capabilities) == (Flavor.GITLAB, True)
    assert all(line in after for line in text.splitlines() if line.startswith("#"))
    again, _, unchanged = changes(SEEN, after, tmp_path)
    assert (again, unchanged) == ({}, after)


def test_capabilities_that_were_said_stay_where_the_flavor_has_them(tmp_path: Path) -> None:
    said = '[registry]\nflavor = "gitlab"\ncapabilities = ["cdn"]\n'
    assert changes(SEEN, said, tmp_path)[0] == {"registry.capabilities": ["cdn", "redis"]}
    distribution = replace(SEEN, flavor=Observed(Flavor.DISTRIBUTION, "label handler"), capabilities={})
    assert changes(distribution, said, tmp_path)[0]["registry.capabilities"] == []


@pytest.mark.parametrize("clustered", [True, False])
def test_kubernetes_of_the_file_stays_where_no_cluster_can_be_and_is_told(clustered: bool, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text('[registry]\ncapabilities = ["redis", "kubernetes", "cdn"]\n')
    proposal = changed_settings(replace(SEEN, clustered=clustered), load_config(file))
    assert (proposal.settings, proposal.text) == ((), file.read_text())
    assert any("kubernetes of the file stays" in line for line in proposal.unknown) is not clustered


def test_what_another_flavor_does_not_have_is_told_to_go(tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text('[registry]\nflavor = "gitlab"\ncapabilities = [\n  "cdn",  # ours\n  "redis",\n]\n')
    seen = replace(SEEN, flavor=Observed(Flavor.DISTRIBUTION, "label handler"), capabilities={})
    proposal = changed_settings(seen, load_config(file))
    (setting,) = (one for one in proposal.settings if one.key == "capabilities")
    assert "without cdn: flavor distribution has no such part" in setting.reason
    assert "# ours" in proposal.text


def test_labels_of_targets_that_the_file_says_stay_in_their_order(tmp_path: Path) -> None:
    text = '[labels]\ntarget_labels = [ "instance", "job", # two\n "team", "zone" ] # three\n'
    seen = replace(SEEN, capabilities={}, target_labels={"job": ("a",), "rack": ("1", "2")})
    named, _, after = changes(seen, '[registry]\nflavor = "gitlab"\n' + text, tmp_path)
    assert named == {"labels.target_labels": ["instance", "job", "team", "zone", "rack"]}
    assert after.endswith(text.replace('"zone" ]', '"zone", "rack" ]'))


@pytest.mark.parametrize(
    ("said", "proposed"),
    [
        ('job="redis"', 'job="redis_exporter"'),
        ('env="x", job=~"redis|cache"', 'job="redis_exporter", env="x"'),
        ('job=~"redis.*"', None),
        ('env="x"', None),
    ],
)
def test_a_selector_of_a_neighbour_with_a_job_that_it_does_not_have_is_corrected(
    said: str, proposed: str | None, tmp_path: Path
) -> None:
    seen = replace(SEEN, neighbours={Exposer.REDIS: ("redis_exporter",), Exposer.NODE: ("node",)})
    named, config, _ = changes(seen, f"[prometheus.selectors]\nredis_exporter = '{said}'\n", tmp_path)
    assert named.get("prometheus.selectors.redis_exporter") == proposed
    assert "prometheus.selectors.node_exporter" not in named
    assert selector_text(config.exposer_matchers[Exposer.REDIS]) == (proposed or said)


def test_the_version_of_another_flavor_does_not_stay(tmp_path: Path) -> None:
    said = '[registry]\nflavor = "gitlab"\nversion = "4.30.0"\n'
    seen = replace(SEEN, flavor=Observed(Flavor.DISTRIBUTION, "label handler"), capabilities={})
    assert changes(seen, said, tmp_path)[1].version == Version(3, 1, 2)
    assert changes(SEEN, said, tmp_path)[1].version == Version(4, 30, 0)


def test_what_was_not_seen_is_said() -> None:
    unknown = "\n".join(new_settings(SEEN).unknown)
    assert all(name in unknown for name in ("version", "scrape_interval", "evaluation_interval", "retention"))
    assert "# Not seen: prometheus.retention" in new_settings(SEEN).text


@given(st.sets(st.from_regex(r"[a-z_]{1,60}", fullmatch=True), max_size=400))
def test_the_patterns_of_names_hold_each_name_once_and_none_is_long(names: set[str]) -> None:
    pieces = list(name_patterns(names))
    assert sorted(name for piece in pieces for name in piece.split("|")) == sorted(names)
    assert all(len(piece) <= 12_000 for piece in pieces)
