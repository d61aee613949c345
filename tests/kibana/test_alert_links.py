"""The address of an alert's log lines: what Prometheus makes of it when the alert fires, and what lines it asks for."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import rison
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Flavor
from regobs.config import Config, GrafanaSettings, KibanaSettings, LabelNames
from regobs.documents import dump_yaml
from regobs.errors import LogQueryError
from regobs.kibana.alert_links import log_addresses
from regobs.logs.kql import And, Is, Literal, Node, parse
from regobs.logs.saved import load_query, names_in
from regobs.pack import Pack, bundled
from regobs.slo.alerts import NAMES
from regobs.slo.log_address import AlertedLines, LogAddress
from regobs.slo.outputs import compile_rules
from tests import peers
from tests.logs.kql import oracle
from tests.slo.conftest import DEBIAN, PEER, promtool_of
from tests.slo.packs import BUNDLED, GITLAB, SMALL, pack_of, rules_of, run_tests, write

FIELDS = {"env": "labels.env", "cluster": "labels.cluster", "stage": "kubernetes.labels.stage"}
HERE = Config(kibana=KibanaSettings("https://kibana.example.com/base/", "ops", "non-production", FIELDS))
EITHER = AlertedLines("gc-failures", ("env", "cluster", "instance"), "6h")  # asks for one of two kinds of lines
VALUES = [
    "prod",
    'a"b',
    "a\\b",
    '\\"',
    "it's!",
    "a b+c",
    "x&_g=1#?",
    "100%25",
    "größe 日本 😀",
    "*",
    "$0 ${0}",
    "{{ . }}",
    "a\nb",
]


def address(lines: AlertedLines, config: Config = HERE) -> LogAddress:
    return log_addresses(config, BUNDLED, [lines])[lines]


def state_of(url: str) -> dict[str, Any]:
    """The state of Discover in an address, read as Kibana reads it."""
    assert re.fullmatch(r"[!-~]+", url), url
    assert not set(url) & {'"', "<", ">", "\\", "`", "{", "}"}
    query = urlsplit(url).fragment.partition("?")[2]
    return {name: rison.loads(unquote(text)) for name, _, text in (part.partition("=") for part in query.split("&"))}


def asked(url: str) -> str:
    text = state_of(url)["_a"]["query"]["query"]
    assert isinstance(text, str)
    return text


def narrowed(lines: AlertedLines, **values: str) -> Node:
    """The tree of the saved query with a condition for each value."""
    tree = parse(load_query(BUNDLED, lines.query).where.text)
    wanted = (Is(Literal(FIELDS[label]), Literal(value, quoted=True)) for label, value in values.items())
    return And((tree, *wanted)) if values else tree


def test_an_alert_leads_to_the_lines_of_its_query_in_its_period_and_environment() -> None:
    found = address(EITHER)
    assert found.start.startswith("https://kibana.example.com/base/s/ops/app/discover#/?")
    state = state_of(found.filled({"env": "prod", "instance": "a:5001"}))
    assert state["_g"] == {"time": {"from": "now-6h", "to": "now"}}
    assert state["_a"]["dataSource"]["dataViewId"] == "registry-non-production"
    assert state["_a"]["query"]["language"] == "kuery"
    assert state["_a"]["query"]["query"] == ('(component: registry.gc.* or msg: "online GC") and labels.env: "prod"')


@pytest.mark.parametrize("name", names_in(BUNDLED))
def test_every_saved_query_is_narrowed_as_a_whole(name: str) -> None:
    lines = replace(EITHER, query=name)
    for values in ({}, {"env": "a"}, {"cluster": "b"}, {"env": "a", "cluster": "b"}):
        assert parse(asked(address(lines).filled(values))) == narrowed(lines, **values)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_value_of_a_label_is_asked_for_as_it_is(value: str) -> None:
    assert parse(asked(address(EITHER).filled({"cluster": value}))) == narrowed(EITHER, cluster=value)


@pytest.mark.peer
def test_kibana_reads_every_value_as_it_is() -> None:
    with oracle.running(peers.required_kql_oracle()) as kibana:
        for value in VALUES:
            text = asked(address(EITHER).filled({"env": value}))
            assert kibana.read(text) == oracle.read(text) != oracle.REFUSED


def test_labels_that_no_field_has_narrow_nothing() -> None:
    bare = address(EITHER, replace(HERE, kibana=replace(HERE.kibana, fields={})))
    assert "{{" not in bare.template
    assert bare.template == bare.filled({"env": "prod"})
    assert parse(asked(bare.template)) == narrowed(EITHER)


def test_a_query_of_all_lines_is_narrowed_too(tmp_path: Path) -> None:
    (tmp_path / "log_schemas/queries").mkdir(parents=True)
    (tmp_path / "log_schemas/queries/all.query.yaml").write_text("title: All\ncolumns: [time, msg]\n")
    pack = Pack((("own", tmp_path), ("bundled", bundled())))
    lines = AlertedLines("all", ("env",), "1h")
    found = log_addresses(HERE, pack, [lines])[lines]
    assert asked(found.filled({"env": "prod"})) == '* and labels.env: "prod"'
    assert asked(found.filled({})) == "*"


@pytest.mark.parametrize("config", [Config(), replace(HERE, flavor=Flavor.DISTRIBUTION)])
def test_without_a_kibana_that_has_the_lines_there_is_no_address(config: Config) -> None:
    assert log_addresses(config, BUNDLED, [EITHER]) == {}


def test_a_query_or_an_environment_that_does_not_exist_is_refused() -> None:
    with pytest.raises(LogQueryError, match="no saved query"):
        address(replace(EITHER, query="gc-failure"))
    with pytest.raises(LogQueryError, match="no environment of this name"):
        address(EITHER, replace(HERE, kibana=replace(HERE.kibana, environment="prod")))


@pytest.mark.parametrize("release", [DEBIAN, PEER])
def test_prometheus_puts_the_values_in_as_they_are_expected(release: str, tmp_path: Path) -> None:
    found = address(EITHER)
    rule = {"alert": "Down", "expr": "up == 0", "annotations": {"logs_url": found.template}}
    write({"rules.yaml": dump_yaml({"groups": [{"name": "a", "rules": [rule]}]}).encode()}, tmp_path)
    labels = [{"env": value} for value in VALUES] + [{"env": "a", "cluster": value} for value in VALUES] + [{}]
    labels.append({"stage": "main"})  # an alert may have more labels than its lines
    expected = [{"exp_labels": one, "exp_annotations": {"logs_url": found.filled(one)}} for one in labels]
    test = {
        "input_series": [
            {"series": f"up{{{','.join(map(_matcher, one.items()))}}}", "values": "0x2"} for one in labels
        ],
        "alert_rule_test": [{"eval_time": "1m", "alertname": "Down", "exp_alerts": expected}],
    }
    write({"test.yaml": dump_yaml({"rule_files": ["rules.yaml"], "tests": [test]}).encode()}, tmp_path)
    done = run_tests(promtool_of(release), tmp_path / "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def _matcher(label: tuple[str, str]) -> str:
    value = label[1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{label[0]}="{value}"'


LINKED: dict[str, dict[str, Any]] = {
    "Grafana alone": {"grafana": GrafanaSettings(url="https://grafana.example.com")},
    "Kibana alone": {"kibana": HERE.kibana},
    "both": {"grafana": GrafanaSettings(url="https://grafana.example.com"), "kibana": HERE.kibana},
}


@pytest.mark.server
@pytest.mark.parametrize("what", LINKED)
def test_the_tests_of_a_burn_expect_its_links(what: str, tmp_path: Path) -> None:
    links = LINKED[what]
    labels = LabelNames(environment="env", stage="stage")
    config = replace(GITLAB, labels=labels, target_labels=GITLAB.target_labels | {"env", "stage"}, **links)
    rules = compile_rules(pack_of(tmp_path, small=SMALL), config)
    assert {lines.since for lines in rules.log_lines.values()} == {"1h", "6h", "1d", "3d"}
    shown = rules.showing(dict.fromkeys(NAMES.values(), 7), log_addresses(config, BUNDLED, rules.log_lines.values()))
    built = write(shown.files(), tmp_path / "out")
    alerts = [rule for rule in rules_of((built / "prometheus/rules/slo-small.yaml").read_bytes()) if "alert" in rule]
    assert len(alerts) == 4
    for rule in alerts:
        texts = rule["annotations"]
        assert ("logs_url" in texts, "dashboard_url" in texts) == ("kibana" in links, "grafana" in links)
        assert texts.get("dashboard_url", "&viewPanel=7").endswith("&viewPanel=7")
    test = built / "prometheus/tests/small.burning.test.yaml"
    data = yaml.safe_load(test.read_text())
    data["tests"] = [group for group in data["tests"] if "alert_rule_test" in group]
    assert len(data["tests"]) == 4
    test.write_text(json.dumps(data))
    done = run_tests(promtool_of("debian"), test)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_build_without_kibana_reads_no_query_for_its_alerts() -> None:
    code = (
        "import sys; from regobs.build import produce; from regobs.config import Config; "
        "from regobs.pack import find_pack; produce._log_addresses(Config(), find_pack(), None); "
        "print([name for name in sys.modules if name.startswith('regobs.logs.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
