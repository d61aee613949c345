"""Whether what a server has loaded is what was deployed, however it writes it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from regobs.deploy.loaded_rules import otherwise, same_meaning
from regobs.deploy.rules_directory import RulesDirectory
from regobs.deploy.run import Rollout
from regobs.deploy.state import StateFolder
from regobs.errors import ServerError
from regobs.prometheus import LoadedRule, Prometheus
from tests.deploy.fakes import PREFIX, rule_file, rules
from tests.prometheus.stub import Reply, Request, Stub, success

RULE: dict[str, Any] = {
    "alert": "High",
    "expr": "rate(up[5m]) > 0.5",
    "for": "90s",
    "labels": {"severity": "page", "number": 1},
    "annotations": {"summary": "It is high.\n"},
}
LOADED = LoadedRule(
    kind="alerting",
    name="High",
    query="rate(up[5m]) > 0.5",
    labels={"severity": "page", "number": "1", "cluster": "added by the server"},
    annotations={"summary": "It is high."},
    duration=90,
)


@pytest.mark.parametrize(
    ("deployed", "loaded"),
    [
        ("sum(up) by (job)", "sum by (job) (up)"),
        ("sum by () (up)", "sum(up)"),
        ("sum(rate(up[90s]))", "sum(rate(up[1m30s]))"),
        ("up{b='1', a=`2`}", 'up{b="1",a="2"}'),
        ('{__name__="up", job="a"}', 'up{job="a"}'),
        ("up > 1e-3", "up > 0.001"),
        ("up * 0.12345678901234567890", "up * 0.12345678901234568"),
        ("up > 1e400", "up > +Inf"),
        ("-1 * up", "- 1 * up"),
        ("(up)\n  + (1)", "up + 1"),
        ("a / ignoring () b", "a / b"),
        ("a / on (job) group_left b", "a / on (job) group_left () b"),
        ("up @ 1609746000", "up @ 1609746000.000"),
        ("max_over_time(up[1h:60s] offset 60m)", "max_over_time(up[1h:1m] offset 1h)"),
        ("rate(up) keep_metric_names", "(rate(up)) keep_metric_names"),  # MetricsQL, which is not compared
    ],
)
def test_another_writing_of_an_expression_is_no_difference(deployed: str, loaded: str) -> None:
    assert same_meaning(deployed, loaded)


@pytest.mark.parametrize(
    ("deployed", "loaded"),
    [
        ("up > 5", "up > 6"),
        ("up > 0.12345678", "up > 0.12345679"),
        ("rate(up[5m])", "rate(up[6m])"),
        ("sum by (job) (up)", "sum without (job) (up)"),
        ("sum by () (up)", "sum by (job) (up)"),
        ("sum without () (up)", "sum(up)"),
        ('up{job="a"}', 'up{job=~"a"}'),
        ("a / on () b", "a / b"),
        ("a - (b - c)", "a - b - c"),
        ("up", "up == 1"),
    ],
)
def test_another_meaning_is_one(deployed: str, loaded: str) -> None:
    assert not same_meaning(deployed, loaded)


def test_what_an_operator_puts_into_selectors_is_left_out_where_there_may_be_one() -> None:
    narrowed = 'sum(up{job="a", namespace="gitlab"}) / sum(down{namespace="gitlab"})'
    assert same_meaning('sum(up{job="a"}) / sum(down)', narrowed, "gitlab")
    assert not same_meaning('sum(up{job="a"}) / sum(down)', narrowed, "other")
    assert not same_meaning('sum(up{job="b"}) / sum(down)', narrowed, "gitlab")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"query": "rate(up[5m]) > 0.6"}, "High: its expression is"),
        ({"duration": 60.0}, "High: its `for` is 60 s, not 90 s"),
        ({"labels": {"severity": "ticket"}}, "High: its label severity is 'ticket', not 'page'"),
        ({"labels": {}}, "High: its label severity is ''"),
        ({"annotations": {"summary": "It is low."}}, "High: its annotation summary is 'It is low.'"),
        ({"name": "Low"}, "High is not there"),
        ({"kind": "recording"}, "High is not there"),
    ],
    ids=str,
)
def test_what_a_rule_says_is_compared(changed: Mapping[str, Any], said: str) -> None:
    assert otherwise([RULE], [LOADED]) == ""
    assert otherwise([RULE], [replace(LOADED, **changed)]).startswith(said)


def test_what_a_server_does_not_say_or_adds_is_no_difference() -> None:
    kept = RULE | {"keep_firing_for": "5m"}
    assert otherwise([kept], [LOADED]) == ""
    assert otherwise([kept], [replace(LOADED, keep=300.0)]) == ""
    assert "keep_firing_for" in otherwise([kept], [replace(LOADED, keep=60.0)])
    assert otherwise([RULE], [replace(LOADED, annotations={})]) == ""


def test_the_order_of_rules_of_one_name_is_none_of_our_business() -> None:
    more = RULE | {"labels": {"severity": "page", "tier": "fast"}}
    there = replace(LOADED, labels={**LOADED.labels, "tier": "fast"})
    assert otherwise([RULE, more], [there, LOADED]) == ""
    assert otherwise([RULE, more], [LOADED, LOADED]).startswith("High: its label tier")
    other = RULE | {"expr": "up > 1"}
    assert otherwise([other, other], [replace(LOADED, query="up > 1"), LOADED]) == "High: nothing like it was deployed"


class KeepsOld:
    """A server that answers 200 to a reload, as vmalert does, and goes on with what it had while `keeps` is set."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.keeps = directory, False
        self.loaded: dict[str, str] = {}

    def reload(self, request: Request) -> Reply:
        del request
        if not self.keeps:
            self.loaded = {path.name: path.read_text() for path in self.directory.glob("*.yaml")}
        return Reply(200, "", "text/plain")

    def rules(self, request: Request) -> Reply:
        del request
        groups = []
        for name, text in self.loaded.items():
            alert = name.removesuffix(".yaml")
            query = text.partition("expr: ")[2].partition("\n")[0]
            rule = {"type": "alerting", "name": alert, "query": query, "health": "ok", "labels": {"severity": "page"}}
            rule["lastEvaluation"] = "2999-01-01T00:00:00Z"
            groups.append({"name": alert, "file": f"{self.directory}/{name}", "interval": 1, "rules": [rule]})
        return success({"groups": groups})

    def stub(self, more: Mapping[Any, Any] = MappingProxyType({})) -> Stub:
        return Stub({("POST", "/-/reload"): self.reload, "/api/v1/rules": self.rules, **more})


def rollout(url: str, folder: Path) -> Rollout:
    target = RulesDirectory("rules", folder / "rules", lambda: Prometheus(url), patience=0.5)
    return Rollout(target, StateFolder(folder / "state"))


def test_a_server_that_keeps_its_old_rules_is_found_out(tmp_path: Path) -> None:
    server = KeepsOld(tmp_path / "rules")
    with server.stub() as stub:
        ours = rollout(stub.url, tmp_path)
        ours.apply(ours.plan(rules(High=5)))
        plan = ours.plan(rules(High=9))
        server.keeps = True
        with pytest.raises(ServerError, match="not in use") as error:
            ours.apply(plan)
        assert "its expression is vector(1) > 5, not vector(1) > 9" in str(error.value.value)
        assert (tmp_path / "rules" / "High.yaml").read_bytes() == rules(High=5)[f"{PREFIX}High.yaml"]
        ours.verify()
        server.loaded["High.yaml"] = rule_file("High", 6).decode()
        with pytest.raises(ServerError, match="not in use"):
            ours.verify()


@pytest.mark.parametrize("name", ["vmalert", "thanos_rule"])
def test_a_server_that_says_that_its_reload_failed_is_not_waited_for(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.deploy.loaded_rules._RELOADS", 0.5)
    server = KeepsOld(tmp_path / "rules")

    def metrics(request: Request) -> Reply:
        del request
        return Reply(
            200, f"# TYPE x gauge\n{name}_config_last_reload_successful {int(not server.keeps)}\n", "text/plain"
        )

    with server.stub({"/metrics": metrics}) as stub:
        target = RulesDirectory("rules", tmp_path / "rules", lambda: Prometheus(stub.url), patience=60)
        ours = Rollout(target, StateFolder(tmp_path / "state"))
        ours.apply(ours.plan(rules(High=5)))
        plan = ours.plan(rules(High=9))
        server.keeps = True
        begun = time.monotonic()
        with pytest.raises(ServerError, match="not in use") as error:
            ours.apply(plan)
        assert "could not read its files" in str(error.value.value)
        assert time.monotonic() - begun < 20


def test_groups_of_others_are_no_fault_and_those_that_we_took_away_are(tmp_path: Path) -> None:
    server = KeepsOld(tmp_path / "rules")
    with server.stub() as stub:
        ours = rollout(stub.url, tmp_path)
        (tmp_path / "rules").mkdir()
        (tmp_path / "rules" / "zz-theirs.yaml").write_bytes(rule_file("zz-theirs", 1))
        ours.apply(ours.plan(rules(High=5, Low=1)))
        assert "zz-theirs.yaml" in server.loaded
        ours.verify()
        plan = ours.plan(rules(High=5))
        server.keeps = True
        with pytest.raises(ServerError, match="not in use") as error:
            ours.apply(plan)
        assert str(error.value.value).endswith("the group Low of Low.yaml is still loaded")
