from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from regobs.build.produce import build_files
from regobs.catalog.model import Capability, Flavor, Version
from regobs.config import Config, read_config
from regobs.doctor import advice
from regobs.doctor.examination import deployment_of
from regobs.doctor.facts import ServerFacts, Up
from regobs.doctor.problems import problems
from regobs.doctor.questions import RuleQuestion
from regobs.pack import find_pack
from regobs.promql.parse import parse
from tests.doctor.world import IN_FLIGHT, TARGET, facts, rule

ASKED = RuleQuestion("recording", "a:b", "g", parse("sum(x)"))


def texts(known: ServerFacts, config: Config, *rules: RuleQuestion) -> str:
    return "\n".join(f"{item.text} -> {item.change}" for item in problems(known, deployment_of(config), config, rules))


def with_capability(*capabilities: Capability) -> Config:
    return Config(capabilities=frozenset(capabilities))


def test_a_healthy_server_has_none() -> None:
    known = facts(rules={"a:b": (rule("a:b", "sum(x)"),)}, version=Version(4, 32))
    assert texts(known, Config(version=Version(4, 32)), ASKED) == ""


def test_each_target_that_is_down_is_one() -> None:
    other = Up({**TARGET, "instance": "b:1"}, healthy=False)
    assert "b:1 is down" in texts(facts(up=(Up(TARGET, healthy=True), other)), Config())


def test_a_build_for_another_flavor_is_one() -> None:
    assert 'flavor = "distribution"' in texts(facts(flavor=Flavor.DISTRIBUTION), Config())


def test_a_build_for_another_version_is_one() -> None:
    assert 'version = "4.31.0"' in texts(facts(version=Version(4, 31)), Config(version=Version(4, 32)))
    assert texts(facts(version=Version(4, 31)), Config()) == ""


def test_a_capability_that_is_listed_and_not_there_is_one() -> None:
    config = with_capability(Capability.METADATA_DATABASE)
    assert "metadata_database is listed" in texts(facts(), config)
    there = deployment_of(config).names_of(Capability.METADATA_DATABASE)
    assert "is listed" not in texts(facts(own=facts().own | there), config)


def test_a_capability_that_is_there_and_not_listed_is_one() -> None:
    there = deployment_of(Config()).names_of(Capability.METADATA_DATABASE)
    assert '"metadata_database"' in texts(facts(own=facts().own | there), with_capability())
    assert "not listed" not in texts(facts(), with_capability())


def test_capabilities_are_not_judged_while_the_registry_is_not_seen() -> None:
    config = with_capability(Capability.METADATA_DATABASE)
    assert "is listed" not in texts(facts(own=frozenset()), config)


def test_a_metric_of_an_ended_version_shows_that_the_registry_is_older() -> None:
    config = Config(flavor=Flavor.DISTRIBUTION, capabilities=frozenset({Capability.DESCRIPTOR_CACHE}))
    old = facts(own=frozenset({IN_FLIGHT, "registry_storage_cache_total"}), flavor=Flavor.DISTRIBUTION)
    assert "below 3.0.0" in texts(old, config)
    assert "below" not in texts(old, replace(config, version=Version(2, 8)))


def test_a_metric_of_a_later_version_shows_that_the_registry_is_newer() -> None:
    config = Config(flavor=Flavor.DISTRIBUTION, version=Version(2, 8), capabilities=frozenset())
    new = facts(own=frozenset({IN_FLIGHT, "registry_storage_cache_requests_total"}), flavor=Flavor.DISTRIBUTION)
    assert "it is newer" in texts(new, config)
    assert "it is newer" not in texts(new, replace(config, version=Version(3)))


def test_on_static_hosts_the_cluster_is_only_to_be_taken_out() -> None:
    config, known = with_capability(Capability.KUBERNETES), facts()
    assert "take `kubernetes` out of `capabilities`" in texts(known, config)
    assert "scrape cAdvisor and kube-state-metrics, or" not in texts(known, config)
    pods = replace(known, up=(Up({**TARGET, "pod": "a"}, healthy=True),))
    assert "scrape cAdvisor and kube-state-metrics, or take kubernetes out" in texts(pods, config)


def test_rules_that_are_not_loaded_or_of_another_build_are_one() -> None:
    assert "1 of 1 rule of this build is not loaded" in texts(facts(), Config(), ASKED)
    other = facts(rules={"a:b": (rule("a:b", "sum(y)"),)})
    assert "1 loaded rule is not that of this build: a:b" in texts(other, Config(), ASKED)


def test_a_server_that_shows_no_rules_is_one_only_when_there_are_rules() -> None:
    assert "does not show its rules" in texts(facts(rules=None), Config(), ASKED)
    assert texts(facts(rules=None), Config()) == ""


def test_every_file_of_a_build_that_an_advice_names_is_written() -> None:
    config = read_config("[registry]\ncapabilities = ['probe']\n", Path("regobs.toml"))
    files = build_files(config, find_pack(), rule_tests=False)
    told = [advice.turn_on(one, Flavor.GITLAB) for one in Capability]
    named = {name for text in told for name in re.findall(r"\bexporters/[a-z-]+\.ya?ml", text)}
    assert "exporters/blackbox.yaml" in named
    assert named <= set(files)
