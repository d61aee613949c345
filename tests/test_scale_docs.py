"""docs/scale.md: its commands exist, its files can be read, and its arithmetic is right."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import yaml

from regobs.build import build_files
from regobs.catalog.model import Capability, Flavor
from regobs.config import Config, read_config
from regobs.config.model import DEFAULT_CAPABILITIES, capabilities_of
from regobs.documents import load_yaml
from regobs.pack import find_pack
from tests.setup_pages import DOCS, files_of

ROOT = DOCS.parent
PAGE = (DOCS / "scale.md").read_text(encoding="utf-8")


def cells(first: str) -> list[str]:
    """The cells of the row of a table that begins so."""
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def numbers(first: str) -> list[float]:
    return [float(re.sub(r"[^0-9.]", "", cell)) for cell in cells(first)]


def test_every_command_that_gives_a_number_exists_with_its_options() -> None:
    commands = re.findall(r"`python (benchmarks/\w+\.py)([^`]*)`", PAGE)
    assert len(commands) > 4
    for file, options in commands:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert all(f'"{option}"' in source for option in re.findall(r"--[a-z]+", options)), (file, options)


def test_every_link_leads_somewhere_and_every_file_can_be_read() -> None:
    targets = re.findall(r"\]\(([^)#]+)", PAGE)
    assert [target for target in targets if not (DOCS / target).exists()] == []
    files = files_of("scale.md")
    config = read_config(files["regobs.toml"], Path("regobs.toml"))
    external = yaml.safe_load(files["prometheus.yml"])["global"]["external_labels"]
    assert config.labels.cluster in external
    assert "replica" in external
    assert "replica" not in config.labels.scope


def test_the_table_of_pods_adds_up() -> None:
    pods, series, every = (5, 50, 200), numbers("series of a pod"), numbers("series in all")
    assert all(whole > one * count for count, one, whole in zip(pods, series, every, strict=True))
    assert len(set(numbers("samples of one point of Registry SLOs and Error Budgets"))) == 1
    memory = numbers("resident memory, MB")
    assert all(abs(0.0085 * whole + 80 - seen) / seen < 0.25 for whole, seen in zip(every, memory, strict=True))


def built_groups(flavor: Flavor, capabilities: Iterable[Capability]) -> list[list[object]]:
    """The rules of each group that Mimir gets."""
    config = replace(Config().of_flavor(flavor), capabilities=frozenset(capabilities))
    content = build_files(config, find_pack(), rule_tests=False)["mimir/rules.yaml"]
    return [group["rules"] for group in load_yaml(content, "rules.yaml").data["groups"]]


def test_the_limits_of_mimir_that_a_build_needs_are_those_of_the_build() -> None:
    groups = {
        (flavor, every): built_groups(flavor, capabilities_of(flavor) if every else DEFAULT_CAPABILITIES[flavor])
        for flavor in Flavor
        for every in (True, False)
    }
    largest = max(len(rules) for found in groups.values() for rules in found)
    assert cells("`ruler_max_rules_per_rule_group`") == ["20", f"{largest} rules in the largest group"]
    default, needed = cells("`ruler_max_rule_groups_per_tenant`")
    counts = [int(number) for number in re.findall(r"\d+", needed)]
    assert (default, counts) == ("70", [len(found) for found in groups.values()])
    overrides = yaml.safe_load(files_of("scale.md")["overrides.yaml"])["overrides"]["registry"]
    assert overrides["ruler_max_rules_per_rule_group"] >= 1.5 * largest
    assert overrides["ruler_max_rule_groups_per_tenant"] >= 1.5 * max(counts)


def test_the_limits_of_mimir_fit_the_series_of_the_table_of_pods() -> None:
    every = numbers("series in all")
    overrides = yaml.safe_load(files_of("scale.md")["overrides.yaml"])["overrides"]["registry"]
    series = re.findall(r"(\S+) with (\d+)", cells("`max_global_series_per_user`")[1])
    assert [(float(count.replace(",", "")), pods) for count, pods in series] == list(
        zip(every, ("5", "50", "200"), strict=True)
    )
    assert overrides["max_global_series_per_user"] >= 1.5 * every[-1]
    rates = [
        float(count.replace(",", ""))
        for count in re.findall(r"([\d,]+) with", cells("`ingestion_rate`, samples a second")[1])
    ]
    assert all(abs(rate - whole / 15) <= 1 for rate, whole in zip(rates, every, strict=True))
    assert overrides["ingestion_rate"] >= 1.5 * rates[-1]


def test_the_table_of_logs_follows_from_the_bytes_of_a_line() -> None:
    text, elasticsearch, victorialogs = (numbers(one)[0] for one in ("text", "Elasticsearch", "VictoriaLogs"))
    for daily in (1, 100, 1000):
        rate, stored, kept, shards, other = numbers(f"{daily} GB")
        assert abs(rate - daily * 1e9 / text / 86_400) / rate < 0.02
        assert abs(stored - daily * elasticsearch / text) < max(0.05, 0.01 * stored)
        assert abs(kept - 30 * stored) <= max(1, 0.01 * kept)
        assert shards == max(1, -(-stored // 50))
        assert abs(other - daily * victorialogs / text) < max(0.05, 0.02 * other)
