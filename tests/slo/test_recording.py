"""Recording rules."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from regobs.catalog import slo as names
from regobs.catalog.model import Flavor
from regobs.config import LabelNames
from regobs.promql.infer import infer
from regobs.promql.parse import parse
from regobs.slo import outputs
from tests.slo.packs import BUNDLED, CONFIGS, DISTRIBUTION, GITLAB, SLOW, SMALL, pack_of, rules_of

GOLDEN = Path(__file__).with_name("golden")


@pytest.mark.parametrize("flavor", CONFIGS)
def test_the_rules_of_a_small_slo_are_these(tmp_path: Path, flavor: str) -> None:
    files = outputs.files(pack_of(tmp_path, one=SMALL), CONFIGS[flavor])
    found = files["prometheus/rules/slo-small.yaml"]
    golden = GOLDEN / f"{flavor}.yaml"
    if os.environ.get("REGOBS_UPDATE_GOLDEN"):
        golden.write_bytes(found)
    assert found.decode() == golden.read_text()


def test_labels_of_the_scope_survive_every_sum(tmp_path: Path) -> None:
    config = replace(GITLAB, labels=LabelNames(environment="env", stage="stage"))
    rules = rules_of(outputs.files(pack_of(tmp_path, one=SLOW), config)["prometheus/rules/slo-slow.yaml"])
    raw = [rule["expr"] for rule in rules if "increase(" in rule.get("expr", "")]
    assert len(raw) == 2
    for expr in raw:
        assert expr.count("sum by (env, stage) (") == expr.count("sum ") + expr.count("sum(") > 0


@pytest.mark.parametrize("flavor", CONFIGS)
def test_every_rule_makes_sense_to_the_type_inference(flavor: str) -> None:
    config = CONFIGS[flavor]
    for name, content in outputs.files(BUNDLED, config).items():
        if name.startswith("prometheus/rules/"):
            for rule in rules_of(content):
                assert infer(parse(rule["expr"]), config.vocabulary).value in {"vector", "scalar"}


def test_each_recorded_series_is_in_the_catalog() -> None:
    for name, content in outputs.files(BUNDLED, GITLAB).items():
        if name.startswith("prometheus/rules/slo-"):
            for rule in rules_of(content):
                assert "alert" in rule or names.find(rule["record"]) is not None, rule["record"]


def test_a_whole_threshold_is_matched_in_both_spellings(tmp_path: Path) -> None:
    content = outputs.files(pack_of(tmp_path, one=SLOW), GITLAB)["prometheus/rules/slo-slow.yaml"].decode()
    assert r'le=~"1|1\\.0"' in content


def test_words_that_only_one_flavor_has_are_left_out_of_the_others(tmp_path: Path) -> None:
    text = SMALL.replace("route: tags", "route: [tags, v1_tags]")
    name = "prometheus/rules/slo-small.yaml"
    pack = pack_of(tmp_path, one=text)
    assert "/gitlab/v1/" in outputs.files(pack, GITLAB)[name].decode()
    assert 'handler="tags"' in outputs.files(pack, DISTRIBUTION)[name].decode()


def test_an_slo_that_the_registry_cannot_answer_is_left_out_with_the_reason(tmp_path: Path) -> None:
    text = SMALL.replace("route: tags", "route: v1_tags")
    pack = pack_of(tmp_path, one=text, two=SLOW)
    found = outputs.manifest(pack, DISTRIBUTION)
    assert [slo["slo"] for slo in found["slos"]] == ["slow"]
    (left_out,) = found["left_out"]
    assert left_out["rule"] == "small"
    assert Flavor.DISTRIBUTION in left_out["reason"]
    assert not any("small" in name for name in outputs.files(pack, DISTRIBUTION))


@pytest.mark.parametrize("window", ["5m", "1h", "90s", "28d"])
def test_the_catalog_knows_the_series_of_any_window(window: str) -> None:
    metric = names.EVENTS(window)
    assert names.find(metric.name) is metric
    assert metric.name == f"registry:slo_events:increase{window}"


@pytest.mark.parametrize("name", ["registry:slo_events:increase", "registry:slo_events:increase5x", "registry:slo"])
def test_other_names_are_no_series_of_an_slo(name: str) -> None:
    assert names.find(name) is None


def test_a_window_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="write it like 5m"):
        names.EVENTS("5")
