"""regobs.toml: what it may say, and the one error for what it may not."""

from decimal import Decimal
from pathlib import Path

import pytest

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.config import (
    Config,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    Threshold,
    load_config,
    read_config,
)
from regobs.errors import ConfigError, ExitCode, Location
from regobs.promql.nodes import Duration, Matcher, MatchOp

FILE = Path("regobs.toml")
HOUR = 3_600_000


def read(text: str) -> Config:
    return read_config(text, FILE)


def error_of(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def test_nothing_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config() == Config()
    assert read("") == Config(source=FILE)


def test_the_file_of_the_current_directory_is_read_without_being_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "regobs.toml").write_text("[registry]\nflavor = 'distribution'\n")
    monkeypatch.chdir(tmp_path)
    assert load_config().flavor is Flavor.DISTRIBUTION


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.toml")
    assert caught.value.exit_code is ExitCode.INPUT
    assert caught.value.location == Location(str(tmp_path / "none.toml"))
    assert caught.value.next_step == "correct the path given to --config"


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "regobs.toml").write_bytes(b"pack = '\xff'")
    with pytest.raises(ConfigError, match="UTF-8"):
        load_config(tmp_path / "regobs.toml")


def test_every_setting_arrives() -> None:
    config = read(
        """
        pack = "observability"
        [registry]
        flavor = "gitlab"
        version = "4.32"
        capabilities = ["metadata_database", "redis"]
        [labels]
        environment = "env"
        stage = "stage"
        honor_labels = true
        target_labels = ["instance", "job", "namespace"]
        [prometheus]
        selector = 'job="registry", env=~"a|b"'
        scrape_interval = "30s"
        evaluation_interval = "1m"
        retention = "90d"
        targets = ["a:5001", "[::1]:5001"]
        metrics_path = "/debug/metrics"
        alertmanagers = []
        [prometheus.selectors]
        node_exporter = '{job="node"}'
        [grafana]
        datasource = "thanos"
        url = "https://grafana.example/x"
        [kibana]
        url = "https://kibana.example/k"
        space = "ops"
        environment = "non-production"
        [environments.prod]
        selector = 'env="prod"'
        [slo]
        period = "30d"
        [thresholds.pull-manifest]
        target = 0.9990
        at_most = 1
        [alerts]
        runbook_url = "https://runbooks.example"
        """
    )
    assert config.version == Version(4, 32)
    assert config.capabilities == {Capability.METADATA_DATABASE, Capability.REDIS}
    assert config.labels == LabelNames(environment="env", stage="stage")
    assert config.labels.scope == ("env", "stage")
    assert config.honor_labels
    assert config.target_labels == {"instance", "job", "namespace"}
    assert config.matchers == (
        Matcher("job", MatchOp.EQUAL, "registry"),
        Matcher("env", MatchOp.REGEX, "a|b"),
    )
    assert config.exposer_matchers == {Exposer.NODE: (Matcher("job", MatchOp.EQUAL, "node"),)}
    assert config.prometheus.scrape_interval == Duration(30_000)
    assert config.prometheus.evaluation_interval == Duration(60_000)
    assert config.prometheus.retention == Duration(90 * 24 * HOUR)
    assert config.prometheus.targets == ("a:5001", "[::1]:5001")
    assert config.prometheus.metrics_path == "/debug/metrics"
    assert config.prometheus.alertmanagers == ()
    assert config.grafana.datasource == "thanos"
    assert config.grafana.url == "https://grafana.example/x"
    assert config.kibana == KibanaSettings("https://kibana.example/k", "ops", "non-production")
    assert [(one.name, one.matchers) for one in config.environments] == [
        ("prod", (Matcher("env", MatchOp.EQUAL, "prod"),))
    ]
    assert config.slo.period == Duration(30 * 24 * HOUR)
    assert config.slo.thresholds == {"pull-manifest": Threshold(Decimal("0.999"), Decimal(1))}
    assert config.runbook_url == "https://runbooks.example"


def test_a_relative_pack_begins_at_the_file() -> None:
    config = read_config("pack = 'p'", Path("/etc/regobs/regobs.toml"))
    assert config.pack == Path("/etc/regobs/p")


def test_capabilities_default_to_those_of_the_flavor() -> None:
    assert read("[registry]\nflavor = 'distribution'").capabilities == {Capability.DESCRIPTOR_CACHE}
    assert read("").capabilities == frozenset()
    assert read("[registry]\nflavor = 'distribution'\ncapabilities = []").capabilities == frozenset()


def test_scope_labels_are_target_labels_unless_said_otherwise() -> None:
    assert read("[labels]\nnamespace = 'ns'").target_labels == {"instance", "job", "ns"}


def test_rules_keep_the_scope_labels() -> None:
    scope = read("[labels]\nenvironment = 'env'").rules_scope
    assert scope.keep == ("env",)
    assert scope.registry == (Matcher("job", MatchOp.EQUAL, "registry"),)


WRONG = [
    ("[registry]\nflavour = 'gitlab'", 2, 1, "flavour", "did you mean 'flavor'?"),
    ("[registry]\nflavor = 'gitlb'", 2, 10, '"gitlb"', "did you mean 'gitlab'?"),
    ("registry.flavor = 'gitlb'", 1, 19, '"gitlb"', "did you mean 'gitlab'?"),
    ("[registry]\nflavor = 4", 2, 10, "4", "correct registry.flavor"),
    ("[registry]\nversion = 4.32", 2, 11, "4.32", "correct registry.version"),
    ("[registry]\nversion = 'next'", 2, 11, '"next"', "correct registry.version"),
    ("[registry]\ncapabilities = ['redis', 'cnd']", 2, 16, '"cnd"', "did you mean 'cdn'?"),
    ("[registry]\ncapabilities = ['cdn', 'cdn']", 2, 16, '"cdn"', "correct registry.capabilities"),
    ("[registry]\ncapabilities = 'cdn'", 2, 16, '"cdn"', "correct registry.capabilities"),
    ("registry = 3", 1, 12, "3", "correct registry"),
    ("[labels]\nenvironment = 'a-b'", 2, 15, '"a-b"', "correct labels.environment"),
    ("[labels]\ncluster = 'x'\nstage = 'x'", 3, 9, '"x"', "correct labels.stage"),
    ("[labels]\nhonor_labels = 'yes'", 2, 16, '"yes"', "correct labels.honor_labels"),
    ("[labels]\ntarget_labels = ['1a']", 2, 17, '"1a"', "correct labels.target_labels"),
    ("[prometheus]\nselector = 'job=registry'", 2, 12, '"job=registry"', "correct prometheus.selector"),
    ("[prometheus]\nselector = 3", 2, 12, "3", "correct prometheus.selector"),
    ("[prometheus]\nscrape_interval = '5 min'", 2, 19, '"5 min"', "correct prometheus.scrape_interval"),
    ("[prometheus]\nscrape_interval = '0s'", 2, 19, '"0s"', "correct prometheus.scrape_interval"),
    ("[prometheus]\nscrape_interval = '3m'", 2, 19, '"3m"', "correct prometheus.scrape_interval"),
    ("[prometheus]\ntargets = ['http://a:1']", 2, 11, '"http://a:1"', "correct prometheus.targets"),
    ("[prometheus]\ntargets = ['a:70000']", 2, 11, '"a:70000"', "correct prometheus.targets"),
    ("[prometheus]\ntargets = ['a:0']", 2, 11, '"a:0"', "correct prometheus.targets"),
    ("[prometheus.selectors]\nnode = 'x'", 2, 1, "node", None),
    ("[grafana]\nurl = 'ftp://x'", 2, 7, '"ftp://x"', "correct grafana.url"),
    ("[kibana]\nurl = 'https://x/app?a=1'", 2, 7, '"https://x/app?a=1"', "correct kibana.url"),
    ("[kibana]\nurl = 'https://me:secret@x'", 2, 7, None, "correct kibana.url"),
    ("[kibana]\nspace = 'Ops!'", 2, 9, '"Ops!"', "correct kibana.space"),
    ("[alerts]\nrunbook_url = 'https://me:secret@x'", 2, 15, None, "correct alerts.runbook_url"),
    ("[environments]\nprod = 1", 2, 8, "1", "correct environments.prod"),
    ("[slo]\nperiod = 28", 2, 10, "28", "correct slo.period"),
    ("[thresholds.pull]\ntarget = 99.9", 2, 10, "99.9", "correct thresholds.pull.target"),
    ("[thresholds.pull]\ntarget = 1", 2, 10, "1", "correct thresholds.pull.target"),
    ("[thresholds.pull]\ntarget = 0", 2, 10, "0", "correct thresholds.pull.target"),
    ("[thresholds.pull]\nat_most = 0", 2, 11, "0", "correct thresholds.pull.at_most"),
    ("[thresholds.pull]\nat_most = inf", 2, 11, "Infinity", "correct thresholds.pull.at_most"),
    ("[thresholds.pull]\nat_most = true", 2, 11, "true", "correct thresholds.pull.at_most"),
    ("[registry\n", 1, 10, None, None),
    ("[registry]\nflavor =\n", 2, 9, None, None),
    ("pack = ''", 1, 8, '""', "correct pack"),
]


@pytest.mark.parametrize(("text", "line", "column", "value", "next_step"), WRONG)
def test_a_wrong_setting_is_named_with_place_value_and_next_step(
    text: str, line: int, column: int, value: str | None, next_step: str | None
) -> None:
    error = error_of(text)
    assert error.location == Location("regobs.toml", line, column)
    assert error.expected
    if value is not None:
        assert str(error.value) == value
    if next_step is not None:
        assert error.next_step == next_step


@pytest.mark.parametrize("at", ["0.0001", "0.9999"])
def test_a_target_close_to_its_limits_is_accepted(at: str) -> None:
    assert read(f"[thresholds.pull]\ntarget = {at}").slo.thresholds["pull"].target == Decimal(at)


def test_a_scrape_interval_of_two_minutes_is_accepted() -> None:
    assert read("[prometheus]\nscrape_interval = '2m'").prometheus.scrape_interval == Duration(120_000)


def test_a_password_in_a_url_is_refused_without_being_repeated() -> None:
    assert "secret" not in str(error_of("[alerts]\nrunbook_url = 'https://me:secret@x'"))
    assert "secret" not in str(error_of("[kibana]\nurl = 'https://me:secret@x'"))


def test_an_environment_needs_a_selector() -> None:
    error = error_of("[environments.prod]\n")
    assert error.location == Location("regobs.toml", 1, 2)
    assert "selector" in str(error.expected)


@pytest.mark.parametrize(
    ("text", "matchers"),
    [
        ("", []),
        ("{}", []),
        ('a="b"', [("a", "=", "b")]),
        ('{a!="b", c!~"d.*",}', [("a", "!=", "b"), ("c", "!~", "d.*")]),
        (r'a="x\"y"', [("a", "=", 'x"y')]),
        ('a="x,y"', [("a", "=", "x,y")]),
    ],
)
def test_a_selector_reads_as_in_promql(text: str, matchers: list[tuple[str, str, str]]) -> None:
    found = read(f"[prometheus]\nselector = '''{text}'''").matchers
    assert [(one.label, str(one.op), one.value) for one in found] == matchers


@pytest.mark.parametrize(
    "text", ["a", "a=", "a=b", 'a="b" c="d"', 'a="b"}', "sum(x)", 'a=~"("', 'x{a="b"}', 'a="b"} or {c="d"']
)
def test_what_is_no_list_of_matchers_is_refused(text: str) -> None:
    error = error_of(f"[prometheus]\nselector = '''{text}'''")
    assert error.location == Location("regobs.toml", 2, 12)


_GROUPS = (PrometheusSettings, GrafanaSettings, KibanaSettings, LabelNames)


def test_the_example_loads_and_names_every_setting() -> None:
    example = Path(__file__).parents[1] / "regobs.example.toml"
    config = load_config(example)
    assert config.capabilities >= {Capability.METADATA_DATABASE}
    text = example.read_text(encoding="utf-8")
    settings = {name for group in _GROUPS for name in group.__slots__}
    settings |= {
        *Capability,
        *Exposer,
        "honor_labels",
        "target_labels",
        "selector",
        "period",
        "target",
        "at_most",
        "pack",
    }
    settings -= {Exposer.REGISTRY, Exposer.RULES}
    assert {name for name in settings if name not in text} == set()


def test_the_defaults_that_the_example_states_are_the_defaults() -> None:
    example = (Path(__file__).parents[1] / "regobs.example.toml").read_text(encoding="utf-8")
    tables = {"job", "instance", "honor_labels"}
    lines = [line.removeprefix("# ") for line in example.splitlines()]
    stated = [line for line in lines if " = " in line and line.split(" = ")[0] in tables]
    assert read("[labels]\n" + "\n".join(stated)) == read("")
    wanted = {"selector", "scrape_interval", "evaluation_interval", "targets", "metrics_path", "alertmanagers"}
    commented = [line.removeprefix("# ") for line in example.splitlines() if line.startswith("# ")]
    prometheus = [line for line in commented if line.split(" = ")[0] in wanted]
    assert len(prometheus) == len(wanted)
    assert read("[prometheus]\n" + "\n".join(prometheus)) == read("")
