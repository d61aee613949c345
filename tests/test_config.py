"""regobs.toml: what it may say, and the one error for what it may not."""

from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import NEWEST, Capability, Exposer, Flavor, Version
from regobs.config import (
    Config,
    Context,
    GrafanaSettings,
    KibanaSettings,
    LabelNames,
    PrometheusSettings,
    SavedQuery,
    Threshold,
    load_config,
    read_config,
)
from regobs.config.model import DEFAULT_CAPABILITIES, capabilities_of
from regobs.config.named import DeploySettings
from regobs.errors import ConfigError, ExitCode, InputError, Location
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
        selector = 'job="registry", env=~"a|prod"'
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
        [kibana.fields]
        environment = "labels.environment"
        stage = "stage"
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
        Matcher("env", MatchOp.REGEX, "a|prod"),
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
    assert config.kibana == KibanaSettings(
        "https://kibana.example/k", "ops", "non-production", {"env": "labels.environment", "stage": "stage"}
    )
    assert [(one.name, one.matchers) for one in config.environments] == [
        ("prod", (Matcher("env", MatchOp.EQUAL, "prod"),))
    ]
    assert config.slo.period == Duration(30 * 24 * HOUR)
    assert config.slo.thresholds == {"pull-manifest": Threshold(Decimal("0.999"), Decimal(1))}
    assert config.runbook_url == "https://runbooks.example"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[kibana.fields]\ncluster = 'labels.cluster'", "a label that has a name under"),
        ("[labels]\nenvironment = 'env'\n[kibana.fields]\nenvironment = 'a:b'", "a field of log lines"),
        ("[labels]\npod = 'pod'\n[kibana.fields]\npod = 'pod'", "environment, cluster"),
    ],
)
def test_a_field_of_kibana_belongs_to_a_label_of_the_deployment(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert expected in str(caught.value.expected)


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
    ("[registry]\nflavour = 'gitlab'", 2, 1, "flavour", "did you mean flavor?"),
    ("[registry]\nflavor = 'gitlb'", 2, 10, '"gitlb"', "did you mean gitlab?"),
    ("registry.flavor = 'gitlb'", 1, 19, '"gitlb"', "did you mean gitlab?"),
    ("[registry]\nflavor = 4", 2, 10, "4", "correct registry.flavor"),
    ("[registry]\nversion = 4.32", 2, 11, "4.32", "correct registry.version"),
    ("[registry]\nversion = 'next'", 2, 11, '"next"', "correct registry.version"),
    ("[registry]\ncapabilities = ['redis', 'cnd']", 2, 16, '"cnd"', "did you mean cdn?"),
    ("[registry]\ncapabilities = ['cdn', 'cdn']", 2, 16, '"cdn"', "correct registry.capabilities"),
    ("[registry]\ncapabilities = 'cdn'", 2, 16, '"cdn"', "correct registry.capabilities"),
    ("registry = 3", 1, 12, "3", "correct registry"),
    ("[labels]\nenvironment = 'a-b'", 2, 15, '"a-b"', "correct labels.environment"),
    ("[labels]\ncluster = 'x'\nstage = 'x'", 3, 9, '"x"', "correct labels.stage"),
    ("[labels]\nhonor_labels = 'yes'", 2, 16, '"yes"', "correct labels.honor_labels"),
    ("[labels]\ntarget_labels = ['1a']", 2, 17, '"1a"', "correct labels.target_labels"),
    ("[prometheus]\nselector = 'job=registry'", 2, 12, '"job=registry"', "correct prometheus.selector"),
    ("[prometheus]\nselector = 3", 2, 12, "3", "correct prometheus.selector"),
    ('[prometheus]\nselector = \'"job.x"="registry"\'', 2, 12, '"job.x"', "correct prometheus.selector"),
    ('[prometheus.selectors]\nnode_exporter = \'{a="b", "c-d"!="e"}\'', 2, 17, '"c-d"', None),
    ('[environments.x]\nselector = \'"größe"=~"a.*"\'', 2, 12, '"größe"', "correct environments.x.selector"),
    ("[prometheus]\nscrape_interval = '5 min'", 2, 19, '"5 min"', "correct prometheus.scrape_interval"),
    ("[prometheus]\nscrape_interval = '0s'", 2, 19, '"0s"', "correct prometheus.scrape_interval"),
    ("[prometheus]\nscrape_interval = '3m'", 2, 19, '"3m"', "correct prometheus.scrape_interval"),
    (
        "[prometheus]\ntargets = ['http://a:1']",
        2,
        11,
        '"http://a:1"',
        "write the path as metrics_path, and of each address here its host and port",
    ),
    ("[prometheus]\ntargets = ['a:70000']", 2, 11, '"a:70000"', "correct prometheus.targets"),
    ("[prometheus]\ntargets = ['a:0']", 2, 11, '"a:0"', "correct prometheus.targets"),
    ("[prometheus.selectors]\nnode = 'x'", 2, 1, "node", None),
    ("[grafana]\nurl = 'ftp://x'", 2, 7, '"ftp://x"', "correct grafana.url"),
    ("[kibana]\nurl = 'https://x/app?a=1'", 2, 7, '"https://x/app?a=[FILTERED]"', "correct kibana.url"),
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


PATHS = ("token_file", "ca_file", "client_cert")
TEXTS = (
    *(f'[contexts.a]\nurl = "http://h"\n{key} = "%s"' for key in PATHS),
    '[contexts.a]\nurl = "http://h"\ntoken_command = ["pass", "%s"]',
    '[deploy.a]\nkind = "grafana"\nurl = "http://h"\nfolder = "x"\ntoken_file = "%s"',
    '[grafana]\ndatasource = "%s"',
    'pack = "%s"',
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("code", ["0000", "0007", "000d", "001b", "007f"])
def test_a_control_character_is_refused_where_it_stands(text: str, code: str) -> None:
    error = error_of(text % f"x\\u{code}y")
    assert error.location is not None
    assert error.location.line == text.count("\n") + 1


def test_an_expression_of_several_lines_is_accepted() -> None:
    found = read('[queries.a]\ntitle = \'A\'\nexpr = """\n\tsum(\n  up)"""')
    assert "sum(\n" in found.queries["a"].expr


DURATIONS = (
    "[prometheus]\nevaluation_interval",
    "[prometheus]\nretention",
    "[slo]\nperiod",
    "[contexts.a]\nurl = 'http://h'\ntimeout",
)


@pytest.mark.parametrize("key", DURATIONS)
def test_a_duration_is_one_that_prometheus_can_hold(key: str) -> None:
    for text in ("106581d", "9999999999w"):
        assert "at most" in str(error_of(f"{key} = '{text}'").expected)
    read(f"{key} = '292y'")
    read(f"{key} = '106580d'")


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
        ('"job_1"="x.y"', [("job_1", "=", "x.y")]),
    ],
)
def test_a_selector_reads_as_in_promql(text: str, matchers: list[tuple[str, str, str]]) -> None:
    found = read(f"[prometheus]\nselector = '''{text}'''").matchers
    assert [(one.label, str(one.op), one.value) for one in found] == matchers


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("", "job"),
        ('[labels]\njob = "service"', "service"),
        ("""[labels]\njob = "service"\n[prometheus]\nselector = 'app="registry"'""", "app"),
    ],
)
def test_without_a_selector_the_registry_is_found_by_its_job_as_prometheus_calls_that_label(
    text: str, label: str
) -> None:
    assert read(text).matchers == (Matcher(label, MatchOp.EQUAL, "registry"),)


@pytest.mark.parametrize(
    "text", ["a", "a=", "a=b", 'a="b" c="d"', 'a="b"}', "sum(x)", 'a=~"("', 'x{a="b"}', 'a="b"} or {c="d"']
)
def test_what_is_no_list_of_matchers_is_refused(text: str) -> None:
    error = error_of(f"[prometheus]\nselector = '''{text}'''")
    assert error.location == Location("regobs.toml", 2, 12)


@pytest.mark.parametrize("name", ["job", "instance", '"a-b"', '"1a"', '""'])
def test_a_label_that_a_scrape_cannot_give_is_refused_at_its_place(name: str) -> None:
    assert read("[prometheus.scrape_labels]\nregion = 'eu'").prometheus.scrape_labels == {"region": "eu"}
    error = error_of(f"[prometheus.scrape_labels]\n{name} = 'a'")
    assert error.location is not None
    assert error.location.line == 2
    assert error_of("[prometheus.scrape_labels]\nregion = 1").location == Location("regobs.toml", 2, 10)


_GROUPS = (PrometheusSettings, GrafanaSettings, KibanaSettings, LabelNames, Context, DeploySettings, SavedQuery)


def test_the_example_loads_and_names_every_setting() -> None:
    example = Path(__file__).parents[1] / "regobs.example.toml"
    config = load_config(example)
    assert config.capabilities >= {Capability.METADATA_DATABASE}
    assert config.notes == ()
    text = example.read_text(encoding="utf-8")
    settings = {part.name for group in _GROUPS for part in fields(group)}
    settings |= {
        *Capability,
        *(one for one in Exposer if one.is_neighbour),
        "honor_labels",
        "target_labels",
        "selector",
        "period",
        "target",
        "at_most",
        "pack",
    }
    assert {name for name in settings if name not in text} == set()


def test_the_defaults_that_the_example_states_are_the_defaults() -> None:
    example = (Path(__file__).parents[1] / "regobs.example.toml").read_text(encoding="utf-8")
    tables = {"job", "instance", "honor_labels"}
    lines = [line.removeprefix("# ") for line in example.splitlines()]
    stated = [line for line in lines if " = " in line and line.split(" = ")[0] in tables]
    assert read("[labels]\n" + "\n".join(stated)) == read("")
    wanted = {
        "selector",
        "scrape_interval",
        "evaluation_interval",
        "targets",
        "metrics_path",
        "scheme",
        "alertmanagers",
    }
    commented = [line.removeprefix("# ") for line in example.splitlines() if line.startswith("# ")]
    prometheus = [line for line in commented if line.split(" = ")[0] in wanted]
    assert len(prometheus) == len(wanted)
    assert read("[prometheus]\n" + "\n".join(prometheus)) == read("")


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("metrics_path = '/metrics?comp=registry'", 'write params = { "comp" = ["registry"] } under [prometheus]'),
        ("metrics_path = '/m?a=1&a=2&b='", 'write params = { "a" = ["1", "2"], "b" = [""] } under [prometheus]'),
        ("metrics_path = '/m?'", "leave out what stands behind it"),
        ("metrics_path = '/m#x'", "leave out what stands behind it"),
        (
            "targets = ['a:1', 'https://b:5001/m']",
            'write scheme = "https" under [prometheus], the path as metrics_path',
        ),
        ("scheme = 'ftp'", "correct prometheus.scheme"),
        ("params = {comp = 'registry'}", "correct prometheus.params.comp"),
    ],
)
def test_how_registries_are_scraped_is_said_in_its_parts(text: str, step: str) -> None:
    error = error_of(f"[prometheus]\n{text}\n")
    assert error.next_step is not None
    assert error.next_step.startswith(step)
    assert error.location is not None
    assert error.location.line == 2


def test_targets_of_an_environment_have_no_scheme_either() -> None:
    error = error_of("[environments.a]\nselector = 'env=\"a\"'\ntargets = ['https://me:secret@b:5001']\n")
    assert str(error.next_step).startswith('write scheme = "https" under [prometheus]')
    assert "secret" not in str(error)


def test_rules_keep_no_label_of_an_instance() -> None:
    config = read("[labels]\nenvironment = 'env'\npod = 'pod'\nnode = 'host'")
    assert config.rules_scope.keep == ("env",)
    assert config.labels.narrow == ("host", "pod", "instance")
    assert config.target_labels == {"instance", "job", "env", "host", "pod"}


@pytest.mark.parametrize(("name", "right"), [("pod", "pod"), ("container", "pod"), ("nodename", "node")])
def test_the_label_of_an_instance_is_no_label_of_a_deployment(name: str, right: str) -> None:
    error = error_of(f"[labels]\nstage = '{name}'")
    assert error.location == Location("regobs.toml", 2, 9)
    assert error.next_step == f'write {right} = "{name}" instead'


@pytest.mark.parametrize(
    ("flavor", "capability"),
    [("distribution", "metadata_database"), ("distribution", "garbage_collection"), ("gitlab", "proxy")],
)
def test_a_capability_that_the_flavor_has_no_metrics_of_is_refused(flavor: str, capability: str) -> None:
    error = error_of(f"[registry]\nflavor = '{flavor}'\ncapabilities = ['redis_exporter', '{capability}']")
    assert error.location == Location("regobs.toml", 3, 16)
    assert capability in str(error.value)
    assert f"flavor {flavor} has no metrics of it" in str(error.next_step)


@pytest.mark.parametrize("flavor", list(Flavor))
def test_what_a_flavor_has_by_default_is_among_its_capabilities(flavor: Flavor) -> None:
    assert DEFAULT_CAPABILITIES[flavor] <= capabilities_of(flavor)


def test_another_flavor_keeps_what_it_has_too_and_says_what_it_has_not() -> None:
    config = read("[registry]\nversion = '4.30.0'\ncapabilities = ['metadata_database', 'node_exporter']")
    other = config.of_flavor(Flavor.DISTRIBUTION)
    assert other.capabilities == {Capability.NODE_EXPORTER, Capability.DESCRIPTOR_CACHE}
    assert other.version is None
    assert other.notes == ("flavor distribution has no metadata_database, version 4.30.0 of regobs.toml: left out",)
    assert config.of_flavor(Flavor.GITLAB) is config
    assert Config().of_flavor(Flavor.DISTRIBUTION).notes == ()


@pytest.mark.parametrize(("version", "noted"), [("4.32.9", False), ("4.33", True), ("99.1", True), ("4", False)])
def test_a_version_above_the_newest_known_one_is_noted(version: str, *, noted: bool) -> None:
    notes = read(f"[registry]\nversion = '{version}'").notes
    assert bool(notes) is noted
    if noted:
        assert notes[0].startswith(f"regobs.toml:2:11: version {version}: ")
        assert "4.32.0" in notes[0]


@pytest.mark.parametrize(
    ("flavor", "version", "noted"),
    [
        ("gitlab", "3.99", "4.0.0"),
        ("gitlab", "4.0", ""),
        ("distribution", "2.7.1", "2.8.0"),
        ("distribution", "2.8", ""),
    ],
)
def test_a_version_below_the_oldest_supported_one_is_noted(flavor: str, version: str, noted: str) -> None:
    notes = read(f"[registry]\nflavor = '{flavor}'\nversion = '{version}'").notes
    assert bool(notes) is bool(noted)
    if noted:
        assert notes[0].startswith("regobs.toml:3:11: ")
        assert f"supported is {noted}" in notes[0]


def test_the_newest_known_release_is_at_least_as_new_as_every_metric() -> None:
    forms = [(flavor, form) for metric in METRICS.values() for form in metric.forms for flavor in form.flavors]
    assert [one for flavor, one in forms if one.since is not None and one.since > NEWEST[flavor]] == []


ENVIRONMENTS = """
[labels]
environment = "env"
[environments.production]
selector = 'env="production", tier="web"'
"""


def test_an_environment_narrows_the_registry_and_as_far_as_they_share_its_labels_the_neighbours() -> None:
    config = read(ENVIRONMENTS).within("production")
    env, tier = (Matcher("env", MatchOp.EQUAL, "production"), Matcher("tier", MatchOp.EQUAL, "web"))
    assert config.matchers[-2:] == (env, tier)
    assert config.exposer_matchers[Exposer.NODE] == (env,)
    with pytest.raises(InputError, match="no such environment") as caught:
        read(ENVIRONMENTS).within("staging")
    assert caught.value.expected == "one of production"


CONTEXT = """
context = "prod"
[environments.production]
selector = 'env="production"'
[contexts.prod]
url = "https://mimir.example.com/prometheus"
tenant = "team-a"
token_file = "secrets/token"
ca_file = "/etc/ca.pem"
client_cert = "client.pem"
client_key = "client.key"
proxy = "http://proxy:3128"
timeout = "1m"
environment = "production"
headers = { X-Query-Source = "regobs" }
"""


def test_a_context_is_a_server_with_all_that_opens_it() -> None:
    config = read_config(CONTEXT, Path("etc/regobs.toml"))
    assert config.context == "prod"
    assert config.contexts["prod"] == Context(
        url="https://mimir.example.com/prometheus",
        tenant="team-a",
        headers={"X-Query-Source": "regobs"},
        token_file=Path("etc/secrets/token"),
        ca_file=Path("/etc/ca.pem"),
        client_cert=Path("etc/client.pem"),
        client_key=Path("etc/client.key"),
        proxy="http://proxy:3128",
        timeout=Duration(60_000),
        environment="production",
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("tenant = 'a'", "the address of a server that answers PromQL"),
        ("url = 'http://me:s3cr3t@host'", "an http or https URL without a password"),
        ("url = 'http://host?token=s3cr3t'", "an http or https URL without a password"),
        ("url = 'http://host'\nheaders = { Authorization = 's3cr3t' }", "a header that is no secret"),
        ("url = 'http://host'\nheaders = { 'X Y' = 'a' }", "a header with a name that HTTP allows"),
        ("url = 'http://host'\ntenant = 'a\u00e9'", "a tenant's name in printable ASCII"),
        ("url = 'http://host'\nenvironment = 'prod'", "one of [environments]: there is none"),
        ("url = 'http://host'\ntoken_env = 'A'\ntoken_file = 'a'", "either token_file or token_env"),
        ("url = 'http://host'\nproxy = 'proxy:3128'", "an http or https URL without a password"),
    ],
)
def test_a_wrong_context_is_refused_and_no_secret_is_shown(line: str, expected: str) -> None:
    error = error_of(f"[contexts.prod]\n{line}")
    assert error.expected == expected
    assert error.location is not None
    assert "s3cr3t" not in str(error)


def test_a_query_is_kept_under_a_name_with_defaults_of_its_parameters() -> None:
    config = read("[queries.a-1]\nexpr = 'up{job=\"$job\"}'\ntitle = 'Up'\ndefaults = { job = '' }")
    assert config.queries == {"a-1": SavedQuery('up{job="$job"}', "Up", {"job": ""})}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[queries.a]\ntitle = 'Up'", "PromQL"),
        ("[queries.a]\nexpr = ' '", "PromQL"),
        ("[queries.a]\nexpr = 'up'\ntext = 'a'", "one of expr, title, defaults"),
        ("[queries.a]\nexpr = 'up'\ndefaults = { job = 1 }", "text"),
        ("[queries.1a]\nexpr = 'up'", "a name of letters, digits, - and _ that begins with a letter"),
    ],
)
def test_a_wrong_query_is_refused_with_its_place(text: str, expected: str) -> None:
    error = error_of(text)
    assert error.expected == expected
    assert error.location is not None


def test_the_default_context_must_be_there() -> None:
    error = error_of("context = 'prd'\n[contexts.prod]\nurl = 'http://host'")
    assert error.location == Location("regobs.toml", 1, 11)
    assert error.next_step == "did you mean prod?"


_PROD = "[contexts.prod]\nurl = 'http://host'\n"


_ALERTS = "[deploy.a]\nkind = 'alertmanager'\nreceivers = 'r'\ncontext = 'prod'\n"


def test_a_target_of_deployments_is_read_relative_to_the_file() -> None:
    config = read(f"{_PROD}[deploy.rules]\nkind = 'rules'\ndirectory = 'out'\ncontext = 'prod'")
    here = Path("regobs.toml").parent
    assert config.deploy == {"rules": DeploySettings("rules", here / ".regobs-deploy/rules", here / "out", "prod")}
    other = read(f"{_PROD}[deploy.rules]\nkind = 'rules'\ndirectory = '/r'\ncontext = 'prod'\nstate = '/s'")
    assert (other.deploy["rules"].directory, other.deploy["rules"].state) == (Path("/r"), Path("/s"))


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        ("[deploy.rules]\nkind = 'loki'\ndirectory = 'r'\ncontext = 'prod'", "loki"),
        ("[deploy.logs]\nkind = 'elasticsearch'", None),
        ("[deploy.logs]\nkind = 'elasticsearch'\nurl = 'http://host'\nspace = 'a'", "space"),
        ("[deploy.logs]\nkind = 'elasticsearch'\nurl = 'http://me:pw@host'", None),
        ("[deploy.logs]\nkind = 'kibana'\nurl = 'http://host'\nspace = 'A b'", "A b"),
        ("[deploy.logs]\nkind = 'kibana'\nurl = 'http://host'\npassword = 'a'", "password"),
        ("[deploy.rules]\nkind = 'grafana'\nurl = 'http://host'\nfolder = 'a'\ndirectory = 'r'", "directory"),
        ("[deploy.rules]\nkind = 'grafana'\nurl = 'http://host'", None),
        ("[deploy.rules]\nkind = 'elasticsearch'\nurl = 'http://host'\nclient_cert = 'a'", "client_cert"),
        ("[deploy.rules]\nkind = 'ruler'\ncontext = 'prod'", None),
        ("[deploy.rules]\nkind = 'ruler'\ncontext = 'prod'\napi = 'http://me:pw@host/api'", None),
        ("[deploy.rules]\nkind = 'ruler'\ncontext = 'prod'\napi = 'http://host/api'\nnamespace = 'a/b'", "a/b"),
        ("[deploy.rules]\nkind = 'grafana'\nurl = 'http://host'\nfolder = 'a b'", "a b"),
        (_ALERTS, "alertmanager"),
        (f"{_ALERTS}file = 'a'\napi = 'http://h'", "alertmanager"),
        ("[deploy.a]\nkind = 'alertmanager'\nfile = 'a'\ncontext = 'prod'", None),
        ("[deploy.a]\nkind = 'alertmanager'\nfile = 'a'\nreceivers = 'r'", None),
        ("[deploy.rules]\nkind = 'rules'\ndirectory = 'r'\ncontext = 'prd'", "prd"),
        ("[deploy.rules]\nkind = 'kubernetes'", None),
        ("[deploy.rules]\nkind = 'kubernetes'\nnamespace = 'a'\nkinds = ['Secret']", "Secret"),
        ("[deploy.rules]\nkind = 'kubernetes'\nnamespace = 'a'\nurl = 'http://host'", "url"),
        ("[deploy.rules]\nkind = 'rules'\ndirectory = 'r'\ncontext = 'prod'\ntoken = 'a'", "token"),
        ("[deploy.rules]\nkind = 'rules'\ncontext = 'prod'", None),
        ("[deploy.rules]\nkind = 'rules'\ndirectory = 'r'", None),
        ("[deploy.rules]\ndirectory = 'r'\ncontext = 'prod'", None),
        ("[deploy.'../rules']\nkind = 'rules'\ndirectory = 'r'\ncontext = 'prod'", None),
    ],
)
def test_a_wrong_target_of_deployments_is_refused_with_its_place(lines: str, value: str | None) -> None:
    error = error_of(_PROD + lines)
    assert error.location is not None
    assert value is None or value in str(error)


def test_a_key_of_another_kind_of_target_names_all_that_this_one_has() -> None:
    error = error_of(_PROD + "[deploy.a]\nkind = 'grafana'\nurl = 'http://host'\nfolder = 'a'\ndirectory = 'r'")
    assert error.expected == (
        "for the kind grafana some of url, folder, token_file, ca_file, client_cert, client_key, state"
    )


def test_why_there_is_no_service_monitor_is_said() -> None:
    error = error_of("[deploy.a]\nkind = 'kubernetes'\nnamespace = 'a'\nkinds = ['PrometheusRule', 'ServiceMonitor']")
    assert "a build has a PodMonitor, which finds the pods by their label" in str(error.expected)
    assert error.next_step == "name PodMonitor instead of ServiceMonitor"
    wrong = error_of("[deploy.a]\nkind = 'kubernetes'\nnamespace = 'a'\nkinds = 'ServiceMonitor'")
    assert "a list of words" in str(wrong)


def test_a_file_without_a_table_of_the_registry_says_nothing_of_what_it_has() -> None:
    every = Config().asked.capabilities
    assert read('[contexts.a]\nurl = "http://host"\n').asked.capabilities == every
    for said in ("[registry]\n", '[registry]\nversion = "4.32.0"\n', "[registry]\ncapabilities = []\n"):
        assert read(said).asked.capabilities < every


PROD = "[environments.prod]\nselector = 'env=\"prod\"'\n"
DEV = "[environments.dev]\nselector = 'env=\"dev\"'\n"
PROBE = "[registry]\ncapabilities = ['probe', 'redis_exporter']\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[prometheus]\ntargets = ['a:1']\n" + PROD, None),
        (
            "[prometheus]\ntargets = ['a:1']\n" + PROD + "targets = ['b:1']\n",
            ":2:11: targets is not used: [environments.prod]",
        ),
        (
            "[prometheus]\ntargets = ['a:1']\n" + PROD + DEV + "targets = ['b:1']\n",
            ":2:11: targets is not used, also for the other environments: [environments.dev] has its own",
        ),
        (
            PROBE + "[prometheus]\nprobes = ['http://a']\n" + PROD + "probes = ['http://b']\n",
            ":4:10: probes is not used",
        ),
        (
            PROBE
            + "[prometheus.exporters]\nredis_exporter = ['a:1']\n"
            + PROD
            + "exporters = { redis_exporter = ['b:1'] }\n",
            ":4:18: redis_exporter is not used",
        ),
        ("[prometheus]\nprobes = ['http://a']\n", ":2:10: probes is not used: probe is not among the `capabilities`"),
        ("[prometheus.exporters]\nblackbox_exporter = ['a:1']\n", ":2:21: blackbox_exporter is not used: probe is not"),
        (
            PROD + "exporters = { redis_exporter = ['b:1'] }\n",
            ":3:13: redis_exporter is not used: redis_exporter is not",
        ),
        ("[prometheus.scrape_labels]\nenv = 'prod'\n" + PROD, None),
        ("[prometheus.scrape_labels]\nenv = 'dev'\n" + PROD, ":2:7: env is not used: selector of [environments.prod]"),
        (
            "[prometheus]\nselector = 'a=\"b\"'\nscrape_labels = {a = 'c'}",
            ":3:17: a is not used: selector of [prometheus]",
        ),
        (
            "[environments.prod]\nselector = 'env=~\"p.*\"'\ntargets = ['a:1']\n",
            ":3:11: these targets get no label that fits env=~",
        ),
        ("[environments.prod]\nselector = 'instance=~\"p.*\"'\ntargets = ['a:1']\n", None),
        (
            "[prometheus.scrape_labels]\nenv = 'p1'\n[environments.p]\nselector = 'env=~\"p.*\"'\ntargets = ['a:1']\n",
            None,
        ),
    ],
)
def test_what_another_setting_takes_the_place_of_is_told_with_its_place(text: str, told: str | None) -> None:
    notes = read(text).notes
    assert len(notes) == (told is not None)
    assert all(note.startswith(f"regobs.toml{told}") for note in notes)


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (PROBE + "[prometheus]\nprobes = []\n", "prometheus.probes", 4),
        ("[prometheus]\ntargets = []\n", "prometheus.targets", 2),
        (
            "[prometheus]\nselector = 'env=~\"c|d\"'\n" + PROD.replace('="prod"', '=~"a|b"'),
            "environments.prod.selector",
            4,
        ),
        ('[prometheus]\nselector = \'env=~"a|b", env!~"a|b"\'\n', "prometheus.selector", 2),
        ('[prometheus]\nselector = \'env=~"a|b", env=~"b|c", env!="b"\'\n', "prometheus.selector", 2),
        (PROBE + PROD + "probes = []\n", "environments.prod.probes", 5),
        (PROD + "targets = []\n", "environments.prod.targets", 3),
        (PROBE + PROD + "exporters = { redis_exporter = [] }\n", "environments.prod.exporters.redis_exporter", 5),
        (PROBE + "[prometheus.exporters]\nblackbox_exporter = []\n", "prometheus.exporters.blackbox_exporter", 4),
        ("[prometheus.exporters]\ncadvisor = ['a:1']\n", "prometheus.exporters.cadvisor", 2),
        (
            PROBE + PROD + "exporters = {blackbox_exporter = ['a:1']}",
            "environments.prod.exporters.blackbox_exporter",
            5,
        ),
        ("[prometheus]\nselector = 'env=\"dev\"'\n" + PROD, "environments.prod.selector", 4),
        ("[prometheus]\nselector = 'env=~\"dev|test\"'\n" + PROD, "environments.prod.selector", 4),
        (PROD.replace('prod"', 'prod", env="dev"'), "environments.prod.selector", 2),
        ('[prometheus]\nselector = \'a="b", a!="b"\'\n', "prometheus.selector", 2),
    ],
)
def test_what_could_never_be_scraped_or_seen_is_refused(text: str, key: str, line: int) -> None:
    error = error_of(text)
    assert error.message == f"wrong value of {key}"
    assert error.location is not None
    assert (error.location.line, bool(error.expected and error.next_step)) == (line, True)


@pytest.mark.parametrize("others", ['env=~"b|c"', 'env=~".*"', 'env!~"a"', 'env=~"(c|d)|b"', 'env=~"[ef]"'])
def test_alternatives_with_a_common_value_or_of_more_values_are_taken(others: str) -> None:
    config = read(f"[prometheus]\nselector = 'env=~\"a|b|e\"'\n[environments.p]\nselector = '{others}'\n")
    assert [one.name for one in config.environments] == ["p"]
