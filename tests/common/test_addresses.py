"""One judgement of addresses: what is none is refused, what is unusual and right is taken, by all who take one."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.common.addresses import fault_of_host, fault_of_port, fault_of_url, same_host
from regobs.config import load_config
from regobs.errors import ConfigError, InputError, RegobsError
from regobs.exporters.outside import Origin
from regobs.exporters.probe_settings import checked_url
from regobs.logs.elasticsearch.access import Access
from regobs.prometheus.address import Address

WRONG = [
    "https://reg.example:0",
    "https://reg.example:65536",
    "https://reg.example:5000x",
    "https://reg.example:\u0665000",
    "https://reg example",
    "https://reg.example\t",
    "https://reg.example\n",
    "https://reg\u00a0example",
    "https://reg%2fexample",
    "https://reg%20example",
    "https://a..b",
    "https://.a",
    "https://.",
    "https://",
    "https://:5000",
    "https:///reg.example",
    "https:/reg.example",
    "https:reg.example",
    "https://reg.example//",
    "https://reg\\example",
    "https://reg!example",
    "https://reg,example",
    "https://[::1",
    "https://[::1]x",
    "https://[reg.example]",
    "https://[::g]",
    "https://::1",
    "https://1.2.3.256",
    "https://1.2.3.4.5",
    "https://1",
    "https://256",
    "https://127.1",
    "https://0x7f.1",
    "https://1.",
    "https://xn--",
    "https://reg.xn--",
    "https://XN--a",
    "https://xn--zzzzzz99999",
    "https://xn--reg-.example",
    "https://[fe80::1%25]x",
    "https://[fe80::1%]",
    "https://[fe80::1%2525lo]",
    "https://[fe80::1%25l%6f]",
    f"https://{'a' * 64}.example",
    f"https://{'a.' * 127}a",
]
RIGHT = [
    "https://reg.example",
    "http://reg.example:1",
    "https://reg.example:65535",
    "https://reg.example/",
    "https://reg.example:/",
    "https://REG.example.",
    "https://reg.example.:443",
    "https://[::1]",
    "https://[2001:db8::1]:5000",
    "https://[fe80::1%25eth0]:5000",
    "https://[fe80::1%eth0]",
    "https://[fe80::1%2525]",
    "https://xn--strae-oqa.example",
    "https://reg.XN--MNCHEN-3YA",
    "https://10.0.0.1.",
    "https://10.0.0.1:5000",
    "https://my_registry:5000",
    "https://registry",
    "https://xn--mnchen-3ya.example",
    "https://münchen.example",
    f"https://{'a' * 63}.example",
    f"https://{'a.' * 126}a",
    "https://1password.example",
]


@pytest.mark.parametrize("url", WRONG, ids=range(len(WRONG)))
def test_an_address_that_is_none_is_refused_by_all_who_take_one(url: str, tmp_path: Path) -> None:
    assert fault_of_url(url)
    with pytest.raises(ConfigError, match=r"the address (has|is)"):
        checked_url(url, {})
    found = CliRunner().invoke(regobs, ["export", "probe", "--url", url, "--check-config"])
    assert isinstance(found.exception, RegobsError)
    if url == url.strip():
        for read in (Address.parse, lambda text: Access.of(text, environ={})):
            with pytest.raises(InputError):
                read(url)
    for key in ("grafana.url", "kibana.url", "alerts.runbook_url", "contexts.x.url", "contexts.x.proxy"):
        section, _, name = key.rpartition(".")
        more = 'url = "http://h"\n' if name == "proxy" else ""
        with pytest.raises(ConfigError, match=name):
            load_config(settings(tmp_path, f"[{section}]\n{more}{name} = {toml(url)}\n"))
    with pytest.raises(ConfigError, match="probes"):
        load_config(settings(tmp_path, f"[prometheus]\nprobes = [{toml(url)}]\n"))


@pytest.mark.parametrize("url", RIGHT, ids=range(len(RIGHT)))
def test_an_unusual_address_is_taken_by_all_who_take_one(url: str, tmp_path: Path) -> None:
    assert not fault_of_url(url)
    assert checked_url(url, {})
    assert Address.parse(url).url
    assert CliRunner().invoke(regobs, ["export", "probe", "--url", url, "--check-config"]).exit_code == 0
    sections = ("grafana", "kibana")
    for section in sections:
        assert getattr(load_config(settings(tmp_path, f"[{section}]\nurl = {toml(url)}\n")), section).url == url
    config = load_config(settings(tmp_path, f"[contexts.x]\nurl = {toml(url)}\nproxy = {toml(url)}\n"))
    assert (config.contexts["x"].url, config.contexts["x"].proxy) == (url, url)


@pytest.mark.parametrize(
    ("url", "user", "query", "right"),
    [
        ("https://h/prefix", False, False, True),
        ("https://h/a/b/", False, False, True),
        ("https://h/a%2Fb", False, False, True),
        ("https://h/a%zz", False, False, False),
        ("https://h/a//b", False, False, False),
        ("https://h/?x", False, False, False),
        ("https://h#", False, False, False),
        ("https://h/?x#y", False, True, True),
        ("https://u:p@h", False, True, False),
        ("https://u@h", False, False, False),
        ("https://@h", False, False, False),
        ("https://u:p@h", True, False, True),
        ("https://u:p@h:0", True, False, False),
        ("ftp://h", True, True, False),
        ("h:5000", True, True, False),
        ("", True, True, False),
    ],
)
def test_user_and_query_are_taken_where_they_may_be(url: str, user: bool, query: bool, right: bool) -> None:
    assert (not fault_of_url(url, user=user, query=query)) is right


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("127.0.0.1:9100", True),
        ("my_host:1", True),
        ("[::1]:65535", True),
        ("reg.example.:443", True),
        ("reg.example", False),
        ("reg.example:0", False),
        ("reg.example:", False),
        ("reg.example:65536", False),
        ("a..b:1", False),
        ("a b:1", False),
        ("a%2fb:1", False),
        ("[a]:1", False),
        ("u@h:1", False),
        ("h:1/", False),
    ],
)
def test_targets_of_scrapes_are_judged_alike(address: str, right: bool, tmp_path: Path) -> None:
    file = settings(tmp_path, f"[prometheus]\ntargets = [{toml(address)}]\n")
    if right:
        load_config(file)
    else:
        with pytest.raises(ConfigError, match="host:port"):
            load_config(file)


@pytest.mark.parametrize(
    ("listen", "right"),
    [
        ("127.0.0.1:0", True),
        ("[::]:9520", True),
        ("localhost:65535", True),
        ("localhost:65536", False),
        ("a..b:9520", False),
        ("a b:9520", False),
        ("[::1:9520", False),
        ("[fe80::1%lo]:9520", True),
        ("[fe80::1%25]:9520", True),  # the interface of that number
        ("[fe80::1%25lo]:9520", False),
        ("1:9520", False),
        (":9520", False),
    ],
)
def test_an_address_to_listen_at_may_have_port_0(listen: str, right: bool) -> None:
    words = ["export", "probe", "--url", "https://h", "--check-config", "--listen", listen]
    found = CliRunner().invoke(regobs, words)
    assert (found.exit_code == 0) is right
    assert right or isinstance(found.exception, InputError)


@pytest.mark.parametrize(("listen", "told"), [("127.0.0.1", "has no port"), (":9520", "has no host")])
def test_what_an_address_to_listen_at_lacks_is_named(listen: str, told: str) -> None:
    words = ["export", "probe", "--url", "https://h", "--check-config", "--listen", listen]
    found = CliRunner().invoke(regobs, words).exception
    assert isinstance(found, InputError)
    assert str(found.next_step).endswith(told)


@pytest.mark.parametrize(
    ("dsn", "right"),
    [
        ("postgresql://u@h:5432/d", True),
        ("postgresql://u@[::1]:5432/d", True),
        ("postgresql://u@a:1,b:2/d", True),
        ("host=/run/postgresql dbname=d", True),
        ("dbname=d", True),
        ("", True),
        ("postgresql://u:hidden@h:0/d", False),
        ("postgresql://u:hidden@a..b/d", False),
        ("host=a,b%2fc password=hidden", False),
        ("host=a port=1,65536 password=hidden", False),
        ("hostaddr=192.0.2.1 password=hidden", True),
        ("host=a,b hostaddr=192.0.2.1,::1 password=hidden", True),
        ("hostaddr=nonsense password=hidden", False),
        ("hostaddr=192.0.2.256 password=hidden", False),
        ("host=a,b hostaddr=192.0.2.1,::g password=hidden", False),
        ("hostaddr=localhost password=hidden", False),
        ("hostaddr=1 password=hidden", False),
        ("hostaddr=fe80::1%lo password=hidden", True),
        ("hostaddr=fe80::1%25lo password=hidden", False),
    ],
)
def test_the_hosts_of_a_connection_string_are_judged_alike(dsn: str, right: bool) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    if right:
        judge(dsn)
        return
    with pytest.raises(InputError, match="the connection string") as caught:
        judge(dsn)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "right"),
    [
        ("connect_timeout=5", True),
        ("connect_timeout=-1", True),  # libpq waits for ever
        ("connect_timeout=abc", False),
        ("connect_timeout=5s", False),
        ("connect_timeout=", False),
        ("keepalives_idle=1.5", False),
        ("tcp_user_timeout=99999999999", False),
        ("sslmode=verify-full", True),
        ("sslmode=foo", False),
        ("sslmode=", False),
        ("target_session_attrs=prefer-standby", True),
        ("target_session_attrs=foo", False),
        ("channel_binding=foo", False),
        ("gssencmode=foo", False),
        ("load_balance_hosts=foo", False),
    ],
)
def test_values_that_libpq_does_not_take_are_refused_by_name(option: str, right: bool) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    dsn, name = f"postgresql://u:hidden@h/d?{option}", option.partition("=")[0]
    if right:
        judge(dsn)
        return
    with pytest.raises(InputError, match=f"the connection string has a {name}") as caught:
        judge(dsn)
    assert str(caught.value.expected).startswith(f"{name} as ")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("dsn", "named"),
    [
        ("postgresql://u:hidden@h/d?sslmdoe=hidden2", "sslmdoe"),
        ("postgresql://u@h/d?sslmode=require&foo=hidden", "foo"),
        ("host=h sslmdoe=hidden password=hidden2", "sslmdoe"),
        ("host=h passwrd=hidden", "passwrd"),
        ("password=hidden host=h foo = hidden2", "foo"),
        ("host=h password=it hidden=secret", ""),
        ("host=h password = it hidden=secret", ""),
        ("host=h sslpassword=it hidden=secret", ""),
        ("postgresql://u:p/a?hidden=secret@h/d", ""),
        ("postgresql://u:p/a?hidden=secret@h/d?sslmode=require", ""),
        ("host=h 'hidden'=secret", ""),
        ("host=h password='hidden", ""),
        ("hidden", ""),
    ],
)
def test_an_option_that_libpq_does_not_know_is_named_and_no_part_of_a_password(dsn: str, named: str) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    with pytest.raises(InputError) as caught:
        judge(dsn)
    told = f"has an option {named} that libpq does not know" if named else "is none of libpq"
    assert caught.value.message == f"the connection string {told}"
    assert "hidden" not in str(caught.value)
    assert "secret" not in str(caught.value)
    if named == "sslmdoe":
        assert str(caught.value.expected).startswith("options of libpq: sslmode, ")


def test_a_variable_of_libpq_is_judged_as_the_connection_string_is_which_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    monkeypatch.setenv("PGSSLMODE", "foo")
    judge("host=h sslmode=require")
    for dsn in ("", "host=h"):
        with pytest.raises(InputError, match="a variable of libpq has a sslmode") as caught:
            judge(dsn)
        assert "PGSSLMODE" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("dsn", "right"),
    [
        ("host=a", True),
        ("host=a,b", False),
        ("hostaddr=192.0.2.1,192.0.2.2", False),
        ("postgresql://a,b/d?target_session_attrs=primary", True),
        ("postgresql://a,b/d?target_session_attrs=read-write", True),
        ("postgresql://a,b/d?target_session_attrs=standby", False),
        ("postgresql://a,b/d?target_session_attrs=prefer-standby", False),
        ("", False),  # PGHOST
    ],
)
def test_a_leader_is_not_chosen_among_several_servers(dsn: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    monkeypatch.setenv("PGHOST", "a,b")
    judge(dsn)
    if right:
        judge(dsn, leader=True)
        return
    with pytest.raises(InputError, match="another server") as caught:
        judge(dsn, leader=True)
    assert "target_session_attrs=primary" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("dsn", "hint"),
    [("postgresql://u:p@ss@h/r", "%40 stands for @"), ("host=db password=two words", "single quotes")],
)
def test_what_to_do_about_a_password_depends_on_the_form_of_the_connection_string(dsn: str, hint: str) -> None:
    judge = pytest.importorskip("regobs.exporters.database_connection").judge_dsn
    with pytest.raises(InputError) as caught:
        judge(dsn)
    assert hint in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://REG.example", "https://reg.example"),
        ("https://reg.example.", "https://reg.example"),
        ("https://reg.example:443", "https://reg.example/"),
        ("http://reg.example:80", "http://reg.example"),
        ("https://[::1]", "https://[0:0:0:0:0:0:0:1]:443"),
        ("https://münchen.example", "https://xn--mnchen-3ya.example"),
        ("HTTPS://127.0.0.1", "https://127.0.0.1"),
        ("https://[fe80::1%25lo]", "https://[FE80:0::1%lo]:443"),
    ],
)
def test_two_spellings_of_a_server_are_one(one: str, other: str) -> None:
    assert Origin.of(one).known_as == Origin.of(other).known_as


def test_a_zone_leads_to_the_server_and_is_not_told_to_it() -> None:
    origin = Origin.of("https://[fe80::1%25lo]:5000")
    assert (origin.host, origin.address, origin.authority) == ("fe80::1%lo", "fe80::1", "[fe80::1]:5000")


def test_servers_that_differ_stay_apart() -> None:
    urls = ("https://a", "http://a", "https://a:444", "https://b", "https://a.b", "https://[::1]", "https://[::2]")
    assert len({Origin.of(url).known_as for url in urls}) == len(urls)


def test_hosts_and_ports_alone() -> None:
    assert not fault_of_host("a_b.c.")
    assert fault_of_host("")
    assert (bool(fault_of_port("0")), bool(fault_of_port("0", least=0)), bool(fault_of_port(""))) == (True, False, True)
    assert same_host("FE80:0::1%eth0") == "fe80::1%eth0"


def toml(text: str) -> str:
    return '"' + "".join(f"\\u{ord(one):04x}" if one in '"\\' or not one.isprintable() else one for one in text) + '"'


def settings(folder: Path, text: str) -> Path:
    file = folder / "regobs.toml"
    file.write_text(text)
    return file
