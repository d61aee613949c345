"""Alertmanager's configuration: valid, and one burn is announced once."""

from __future__ import annotations

import itertools
import re
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from regobs.catalog.model import Capability, Flavor, Version
from regobs.config import Config, LabelNames, load_config
from regobs.errors import RulesError
from regobs.lint import Severity, lint_paths
from regobs.promql.infer import infer
from regobs.promql.nodes import Duration
from regobs.promql.parse import parse
from regobs.slo import outputs
from regobs.slo.model import DAY
from regobs.slo.routing import routing as routing_of
from tests.e2e.conftest import AlertmanagerFactory, require
from tests.slo.packs import BUNDLED, CONFIGS, GITLAB, SMALL, pack_of

NAME = "alertmanager/alertmanager.yaml"
SCOPED = replace(GITLAB, labels=LabelNames(environment="env"))


def routing(tmp_path: Path, text: str) -> dict[str, Any]:
    pack = pack_of(tmp_path, small=SMALL)
    (tmp_path / "alerts/routing.yaml").write_text(text)
    found: dict[str, Any] = yaml.safe_load(outputs.files(pack, SCOPED)[NAME])
    return found


ROUTES = """\
route:
  receiver: all
  group_by: [alertname]
  routes:
    - {receiver: all, matchers: [severity="page"], group_by: ['...']}
receivers:
  - name: all
"""


@pytest.mark.server
def test_the_configuration_is_valid(tmp_path: Path) -> None:
    amtool = require("amtool", package="prometheus-alertmanager")
    path = tmp_path / "alertmanager.yaml"
    path.write_bytes(outputs.files(BUNDLED, SCOPED)[NAME])
    done = subprocess.run([str(amtool), "check-config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.server
@pytest.mark.parametrize(("severity", "receiver"), [("page", "pager"), ("ticket", "tickets")])
def test_severity_decides_who_is_told(tmp_path: Path, severity: str, receiver: str) -> None:
    amtool = require("amtool", package="prometheus-alertmanager")
    path = tmp_path / "alertmanager.yaml"
    path.write_bytes(outputs.files(BUNDLED, SCOPED)[NAME])
    command = [str(amtool), "config", "routes", "test", f"--config.file={path}", f"severity={severity}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == receiver, done.stderr


def alert(name: str, **labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": name, "env": "a", **labels}}


def active(url: str) -> set[tuple[str, str, str]]:
    """Alerts that are not inhibited: name, SLO or instance, tier."""
    found = requests.get(f"{url}/api/v2/alerts", params={"inhibited": "false"}, timeout=10).json()
    labels = [one["labels"] for one in found]
    return {(one["alertname"], one.get("slo", one.get("instance", "")), one.get("tier", "")) for one in labels}


@pytest.mark.server
def test_a_burn_is_announced_by_its_fastest_tier_only(tmp_path: Path, alertmanager_server: AlertmanagerFactory) -> None:
    path = tmp_path / "alertmanager.yaml"
    path.write_bytes(outputs.files(BUNDLED, SCOPED)[NAME])
    url = alertmanager_server(path).url.rstrip("/")
    burn = "RegistryAvailabilityBurn"
    tiers = {"1h": "page", "6h": "page", "1d": "ticket", "3d": "ticket"}
    alerts = [alert(burn, slo="pull", operation="pull", tier=tier, severity=tiers[tier]) for tier in tiers]
    alerts += [alert(burn, slo="push", operation="push", tier=tier, severity=tiers[tier]) for tier in ("1d", "3d")]
    alerts += [alert(burn, slo="pull", operation="pull", tier="3d", severity="ticket", env="b")]
    alerts += [alert("RegistryLatencyBurn", slo="pull-slow", operation="pull", tier="6h", severity="page")]
    alerts += [alert("RegistryLatencyBurn", slo="push-slow", operation="push", tier="6h", severity="page")]
    alerts += [alert("RegistryTargetDown", instance="one", severity="page")]
    expected = {
        (burn, "pull", "1h"),
        (burn, "push", "1d"),
        (burn, "pull", "3d"),  # of the other environment
        ("RegistryLatencyBurn", "push-slow", "6h"),
        ("RegistryTargetDown", "one", ""),
    }
    assert becomes(url, alerts, expected) == expected
    down = {("RegistryDown", "", ""), (burn, "pull", "3d")}
    assert becomes(url, [alert("RegistryDown", severity="page")], down) == down


def becomes(url: str, alerts: list[dict[str, Any]], expected: set[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Send alerts and wait a little for the expected ones to be active."""
    requests.post(f"{url}/api/v2/alerts", json=alerts, timeout=10).raise_for_status()
    found: set[tuple[str, str, str]] = set()
    for _ in range(50):
        found = active(url)
        if found == expected:
            break
        time.sleep(0.1)
    return found


def test_scope_labels_keep_environments_apart(tmp_path: Path) -> None:
    found = routing(tmp_path, ROUTES + "inhibit_rules: [{slower_tiers_of: [A, B], equal: [slo]}]\n")
    assert found["route"]["group_by"] == ["alertname", "env"]
    assert found["route"]["routes"][0]["group_by"] == ["..."]
    assert [rule["equal"] for rule in found["inhibit_rules"]] == [["slo", "env"]] * 3
    assert [rule["target_matchers"][1] for rule in found["inhibit_rules"]] == [
        'tier=~"6h|1d|3d"',
        'tier=~"1d|3d"',
        'tier=~"3d"',
    ]


@pytest.mark.parametrize(
    ("settings", "equal"),
    [
        ("", []),
        ('[prometheus]\nselector = \'job="registry", env="a"\'', ["env"]),
        ('[prometheus]\nselector = \'job="registry", env=~"a|b"\'', []),
        ("[environments.a]\nselector = 'env=\"a\"'\n[environments.b]\nselector = 'env=\"b\"'", ["env"]),
        ("[environments.a]\nselector = 'env=\"a\"'\n[environments.b]\nselector = 'cluster=\"b\"'", []),
    ],
)
def test_what_is_absent_inhibits_by_the_labels_that_its_selector_gives_it(
    tmp_path: Path, settings: str, equal: list[str]
) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text(f'[labels]\nenvironment = "env"\ncluster = "cluster"\n{settings}\n')
    config = load_config(file)
    text = routing_of(BUNDLED, outputs.load_windows(BUNDLED, config), config)
    rules = yaml.safe_load(text)["inhibit_rules"]
    found = {rule["source_matchers"][0]: rule["equal"] for rule in rules}
    assert found['alertname="RegistryTargetMissing"'] == equal
    assert found['alertname="RegistryDown"'] == ["env", "cluster"]
    assert all("source_is_absence" not in rule for rule in rules)


def inhibitions(*left_out: str) -> list[dict[str, Any]]:
    """Those of the bundled pack where these alerts are left out."""
    text = routing_of(BUNDLED, outputs.load_windows(BUNDLED, GITLAB), GITLAB, frozenset(left_out))
    found: list[dict[str, Any]] = yaml.safe_load(text)["inhibit_rules"]
    return found


def test_an_alert_that_is_left_out_is_in_no_inhibition_and_the_others_stay() -> None:
    whole = inhibitions()
    [before] = [
        one for one in whole if one["source_matchers"] == ['alertname=~"RegistryDiskFull|RegistryDiskReadOnly"']
    ]
    [after] = [one for one in inhibitions("RegistryDiskFull") if one["target_matchers"] == before["target_matchers"]]
    assert after == before | {"source_matchers": ['alertname="RegistryDiskReadOnly"']}
    assert len(inhibitions("RegistryDiskFull")) == len(whole)


@pytest.mark.parametrize("left_out", ["RegistryMigrationFailed", "RegistryMigrationFailedInDatabase"])
def test_an_inhibition_of_which_one_side_is_left_out_is_left_out(left_out: str) -> None:
    assert len(inhibitions(left_out)) == len(inhibitions()) - 1
    assert left_out not in str(inhibitions(left_out))


@pytest.mark.parametrize("config", [GITLAB, replace(GITLAB, flavor=Flavor.DISTRIBUTION, version=None)])
def test_the_inhibitions_of_a_build_name_alerts_of_the_build_alone(config: Config) -> None:
    config = replace(config, capabilities=frozenset())
    text = outputs.files(BUNDLED, config)[NAME].decode()
    named = set(re.findall(r"Registry[A-Z]\w+", text))
    assert len(named) > 5
    assert named - set(outputs.manifest(BUNDLED, config)["alerts"]) == set()


@pytest.mark.parametrize(
    ("capabilities", "operations"),
    [
        (set(), set()),
        ({Capability.PROBE}, {"probe"}),
        ({Capability.REGISTRY_PROBE}, {"outside"}),
        ({Capability.PROBE, Capability.REGISTRY_PROBE}, {"outside", "probe"}),
    ],
)
def test_inhibitions_name_operations_of_slos_of_the_build_alone(
    capabilities: set[Capability], operations: set[str]
) -> None:
    config = replace(GITLAB, capabilities=frozenset(capabilities))
    text = outputs.files(BUNDLED, config)[NAME].decode()
    named = {name for found in re.findall(r'operation=~?"([^"]+)"', text) for name in found.split("|")}
    assert named == operations


def test_an_inhibition_of_a_pack_may_name_alerts_that_come_from_elsewhere(tmp_path: Path) -> None:
    rule = "{source_matchers: ['alertname=\"NodeDown\"'], target_matchers: ['alertname=~\"A|B\"'], equal: []}"
    found = routing(tmp_path, ROUTES + f"inhibit_rules: [{rule}]\n")
    assert found["inhibit_rules"][0]["target_matchers"] == ['alertname=~"A|B"']


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("receiver: all\n", "receiver: some\n", "2:13", "a receiver that is not there"),
        ("{receiver: all", "{receiver: some", "5:18", "a receiver that is not there"),
        ("  group_by: [alertname]\n", "", "2:3", "group_by"),
        ("receivers:\n  - name: all\n", "", "1:1", "receivers"),
        ("receivers:", "inhibit_rules: [{equal: [a]}]\nreceivers:", "6:17", "inhibit_rules[0]"),
    ],
)
def test_a_wrong_route_is_refused_where_it_is_wrong(
    tmp_path: Path, old: str, new: str, place: str, message: str
) -> None:
    assert old in ROUTES
    with pytest.raises(RulesError) as caught:
        routing(tmp_path, ROUTES.replace(old, new, 1))
    assert str(caught.value.location) == f"{tmp_path}/alerts/routing.yaml:{place}"
    assert message in caught.value.message


def days(text: str) -> Duration:
    return Duration(int(text.removesuffix("d")) * DAY)


def built(flavor: str, period: str = "28d", scope: str | None = "env") -> dict[str, bytes]:
    """The rule files and the configuration of Alertmanager that a build of the bundled pack has."""
    labels = LabelNames(environment=scope) if scope else LabelNames()
    config = replace(CONFIGS[flavor], labels=labels)
    config = replace(config, slo=replace(config.slo, period=days(period)))
    return outputs.compile_rules(BUNDLED, config).files(tests=False)


def labels_of(files: dict[str, bytes], flavor: str) -> dict[str, list[set[str]]]:
    """The labels that the alerts of rule files have, by the alert's name, of each of its rules."""
    found: dict[str, list[set[str]]] = {}
    groups = [group for name, text in files.items() if name != NAME for group in yaml.safe_load(text)["groups"]]
    for rule in (one for group in groups for one in group["rules"] if "alert" in one):
        kept = infer(parse(rule["expr"]), CONFIGS[flavor].vocabulary, extra_labels=["env"]).possible_labels
        found.setdefault(rule["alert"], []).append({"alertname", *rule["labels"], *(kept or ANY)})
    return found


ANY = frozenset({"*"})  # of a record or of a target: what it keeps is not known from the expression


@pytest.mark.parametrize("flavor", CONFIGS)
def test_both_sides_of_an_inhibition_have_the_labels_that_are_to_be_equal(flavor: str) -> None:
    files = built(flavor)
    there, compared = labels_of(files, flavor), set()
    for rule in yaml.safe_load(files[NAME])["inhibit_rules"]:
        for matchers in (rule["source_matchers"], rule["target_matchers"]):
            ((_, names),) = [re.split("=~?", one) for one in matchers if one.startswith("alertname")]
            for name, label in itertools.product(names.strip('"').split("|"), rule["equal"]):
                assert all(label in kept or kept & ANY for kept in there[name]), (name, label)
                compared.add(label)
    assert {"route", "handler"} & compared == {{"gitlab": "route", "distribution": "handler"}[flavor]}


@pytest.mark.parametrize(("version", "label"), [(Version(2, 9, 9), "handler"), (Version(2, 10), "route")])
def test_alerts_are_compared_by_what_the_registry_of_the_version_calls_a_route(version: Version, label: str) -> None:
    files = outputs.files(BUNDLED, replace(GITLAB, version=version))
    compared = {one for rule in yaml.safe_load(files[NAME])["inhibit_rules"] for one in rule["equal"]}
    rules = [
        rule
        for name, text in files.items()
        if name.startswith("prometheus/rules/")
        for group in yaml.safe_load(text)["groups"]
        for rule in group["rules"]
    ]
    (told,) = (rule for rule in rules if rule.get("alert") == "RegistryFailureOfOutage")
    (fails,) = (rule for rule in rules if rule.get("alert") == "RegistryRouteFails")
    assert f"by (method, {label})" in fails["expr"]
    assert f"by (method, {label}) (ALERTS{{" in told["expr"]
    assert {"route", "handler"} & compared == {label}


@pytest.mark.parametrize("flavor", CONFIGS)
@pytest.mark.parametrize("period", ["7d", "14d", "28d", "30d"])
def test_lint_finds_each_inhibition_that_a_build_writes_alive(flavor: str, period: str, tmp_path: Path) -> None:
    for name, text in built(flavor, period, "env" if period in {"14d", "28d"} else None).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text)
    report = lint_paths([tmp_path])
    assert [one for one in report.findings if one.severity is not Severity.NOTE] == []


@pytest.mark.parametrize(("period", "slowest"), [("7d", "6h"), ("14d", "1d"), ("28d", "3d"), ("30d", "3d")])
def test_a_tier_that_no_slo_has_is_in_no_inhibition(period: str, slowest: str) -> None:
    text = outputs.compile_rules(BUNDLED, replace(GITLAB, slo=replace(GITLAB.slo, period=days(period)))).alertmanager
    tiers = [one for rule in yaml.safe_load(text)["inhibit_rules"] for one in rule["target_matchers"] if "tier" in one]
    assert {one.rpartition("|")[2].rpartition('"')[0].rpartition('"')[2] for one in tiers} == {slowest}


@pytest.mark.parametrize(("flavor", "label"), [("gitlab", "route"), ("distribution", "handler")])
def test_labels_of_a_pack_are_written_as_the_alerts_of_the_flavor_have_them(
    tmp_path: Path, flavor: str, label: str
) -> None:
    rule = "{source_matchers: [alertname=A, 'route=~\".+\"'], target_matchers: [alertname=B], equal: [method, route]}"
    text = ROUTES.replace("[alertname]", "[alertname, route]").replace("[severity", '[route!="", severity')
    pack = pack_of(tmp_path, small=SMALL)
    (tmp_path / "alerts/routing.yaml").write_text(f"{text}inhibit_rules: [{rule}]\n")
    found = yaml.safe_load(outputs.files(pack, CONFIGS[flavor])[NAME])
    assert found["route"]["group_by"] == ["alertname", label]
    assert found["route"]["routes"][0]["matchers"] == [f'{label}!=""', 'severity="page"']
    (made,) = found["inhibit_rules"]
    assert made["source_matchers"] == ["alertname=A", f'{label}=~".+"']
    assert made["equal"] == ["method", label]


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ('route="/v2/{name}/manifests/{reference}"', 'handler="manifest"'),
        ("route=/v2/_catalog", 'handler="catalog"'),
        (' "route" =~ "/v2/.*manifests.*|/v2/_catalog" ', 'handler=~"catalog|manifest"'),
        ('route!="/v2/{name}/tags/list"', 'handler!="tags"'),
        ('route!~"/v2/.*/tags/list|/v2/"', 'handler!~"base|tags"'),
        ('route="manifest"', 'handler="manifest"'),
        ('route="of our own"', 'handler="of our own"'),
        ('route=~".+"', 'handler=~".+"'),
        ('route="/gitlab/v1"', 'handler="/gitlab/v1"'),
        ('team="/v2/_catalog"', 'team="/v2/_catalog"'),
    ],
)
def test_values_of_a_pack_are_written_as_the_alerts_of_the_flavor_have_them(
    tmp_path: Path, written: str, asked: str
) -> None:
    inhibition = f"{{source_matchers: [alertname=A, '{written}'], target_matchers: ['{written}'], equal: [method]}}"
    text = ROUTES.replace('[severity="page"]', f"['{written}']")
    pack = pack_of(tmp_path, small=SMALL)
    (tmp_path / "alerts/routing.yaml").write_text(f"{text}inhibit_rules: [{inhibition}]\n")
    found = yaml.safe_load(outputs.files(pack, CONFIGS["distribution"])[NAME])
    assert found["route"]["routes"][0]["matchers"] == [asked]
    assert found["inhibit_rules"][0]["source_matchers"] == ["alertname=A", asked]
    assert found["inhibit_rules"][0]["target_matchers"] == [asked]
    of_gitlab = yaml.safe_load(outputs.files(pack, CONFIGS["gitlab"])[NAME])
    assert of_gitlab["route"]["routes"][0]["matchers"] == [written]


@pytest.mark.server
def test_a_failure_of_an_outage_holds_back_no_page_about_another_handler(
    tmp_path: Path, alertmanager_server: AlertmanagerFactory
) -> None:
    path = tmp_path / "alertmanager.yaml"
    path.write_bytes(built("distribution")[NAME])
    url = alertmanager_server(path).url.rstrip("/")
    same = {"method": "get", "handler": "manifest", "env": "x"}
    fails = [
        alert("RegistryRouteFails", **(same | {"handler": one}), severity="page") for one in ("manifest", "catalog")
    ]
    since = alert("RegistryFailureOfOutage", **same, severity="none")
    assert becomes_of(url, [since, *fails]) == {"catalog"}


def becomes_of(url: str, alerts: list[dict[str, Any]]) -> set[str]:
    """The handlers that RegistryRouteFails is announced of."""
    requests.post(f"{url}/api/v2/alerts", json=alerts, timeout=10).raise_for_status()
    found: set[str] = set()
    for _ in range(50):
        answer = requests.get(f"{url}/api/v2/alerts", params={"inhibited": "false"}, timeout=10).json()
        found = {one["labels"]["handler"] for one in answer if one["labels"]["alertname"] == "RegistryRouteFails"}
        if found == {"catalog"}:
            break
        time.sleep(0.1)
    return found
