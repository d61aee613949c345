"""An exporter ends when it is told to."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import process_time

import pytest
import requests
from click.testing import CliRunner

from regobs.cli.export_options import read_address, serve
from regobs.cli.main import regobs
from regobs.common.programs import free_port
from regobs.errors import InputError, MachineError
from regobs.exporters.probe_settings import _REPOSITORY
from regobs.exporters.serving import ExporterApp, ExporterServer, answer, exporter_instruments, wait_for_end

PROGRAM = """
import signal, threading, time
from regobs.exporters.serving import wait_for_end

def hand_over():
    time.sleep(0.3)
    signal.pthread_kill(threading.get_ident(), signal.{name})
    time.sleep(30)

threading.Thread(target=hand_over, daemon=True).start()
print(wait_for_end())
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_that_the_kernel_hands_to_another_thread_ends_it_too(name: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout.strip() == name


def test_it_ends_without_a_signal_once_the_event_is_set_and_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    end = threading.Event()
    threading.Timer(0.05, end.set).start()
    assert wait_for_end(end) == ""
    assert signal.getsignal(signal.SIGTERM) is before


WRONG: dict[str, tuple[list[str], str]] = {
    "logs": (["registry.log"], ""),
    "probe": (["--url", "http://registry.example.com"], ""),
    "notifications": (["--state", "state"], ""),
    "database": (["--dsn-file", "dsn"], "host=127.0.0.1 port=1"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("option", ["--listen", "--web-config-file"])
def test_check_config_judges_every_option_that_has_settings(
    kind: str, option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words, dsn = WRONG[kind]
    Path("dsn").write_text(dsn)
    Path("web.yaml").write_text("basic_auth_users: {a: plain}")
    wrong = "1.2.3" if option == "--listen" else "web.yaml"
    found = CliRunner().invoke(regobs, ["export", kind, *words, "--check-config", option, wrong])
    assert isinstance(found.exception, InputError)
    assert not Path("state").exists()


@pytest.mark.parametrize("kind", ["logs", "probe", "notifications"])
def test_check_config_says_that_settings_are_right(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(regobs, ["export", kind, *WRONG[kind][0], "--check-config"])
    assert (found.exit_code, "settings are right" in found.output) == (0, True)


@pytest.mark.parametrize(
    "dsn", ["host=db password=two words-of-it", "postgresql://u:words-of-it@[::1/x", "words-of-it"]
)
@pytest.mark.parametrize("more", [["--check-config"], []])
def test_what_is_no_connection_string_ends_the_exporter_and_is_not_shown(
    dsn: str, more: list[str], tmp_path: Path
) -> None:
    (tmp_path / "dsn").write_text(dsn)
    words = ["export", "database", "--dsn-file", str(tmp_path / "dsn"), "--listen", "127.0.0.1:0"]
    found = CliRunner().invoke(regobs, [*words, *more])
    assert isinstance(found.exception, InputError)
    assert "words-of-it" not in f"{found.output} {found.exception} {vars(found.exception)}"


def test_the_process_may_open_as_many_files_as_its_hard_limit_allows() -> None:
    code = """
import resource
from regobs.exporters.serving import allow_descriptors
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
allow_descriptors()
files = [open("/dev/null") for _ in range(200)]
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("300 300\n", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::", "localhost"])
def test_a_server_listens_on_addresses_of_both_kinds(host: str) -> None:
    server = ExporterServer(ExporterApp(exporter_instruments(), lambda: True), host, 0)
    try:
        shown = f"[{host}]" if ":" in host else host
        assert server.url.startswith(f"http://{shown}:")
        assert requests.get(f"{server.url}/-/healthy", timeout=5).text == "healthy\n"
        if host == "::":  # all addresses, those of IPv4 among them
            assert requests.get(f"http://127.0.0.1:{server.url.rpartition(':')[2]}/-/ready", timeout=5).ok
        with pytest.raises(MachineError) as caught:
            ExporterServer(ExporterApp(exporter_instruments(), lambda: True), host, int(server.url.rpartition(":")[2]))
        assert f"{shown}:" in str(caught.value)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *[(method, "/event", 404) for method in ("GET", "HEAD", "POST", "PUT")],
        *[(method, "/events/", 404) for method in ("GET", "POST")],
        *[("POST", path, 405) for path in ("/", "/metrics", "/-/healthy", "/-/ready")],
        *[(method, "/events", 200) for method in ("GET", "POST")],
    ],
)
def test_an_unknown_path_is_not_found_whatever_the_method(method: str, path: str, status: int) -> None:
    told: list[str] = []
    takes = {"/events": lambda _, start: answer(start, "200 OK", "")}
    app = ExporterApp(exporter_instruments(), lambda: True, takes)
    content = app({"REQUEST_METHOD": method, "PATH_INFO": path}, lambda first, _: told.append(first))
    assert told[0].startswith(f"{status} ")
    assert b"/events" in b"".join(content) or status != 404


@pytest.mark.parametrize("listen", ["[::1]:9520", "::1:9520"])
def test_an_address_of_ipv6_may_have_brackets(listen: str) -> None:
    assert read_address(listen) == ("::1", 9520)


def test_a_folder_is_refused_where_files_are_followed_and_read_where_they_are_counted_once(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "a.log").write_text('{"level":"info","msg":"x","time":"2026-01-01T00:00:00Z"}\n')
    found = CliRunner().invoke(regobs, ["export", "logs", str(folder), "--listen", "127.0.0.1:0"])
    assert isinstance(found.exception, InputError)
    assert f"{folder}/*.log" in str(found.exception)
    assert CliRunner().invoke(regobs, ["export", "logs", str(folder), "--once"]).exit_code == 0


@pytest.mark.parametrize(
    "name", ["UPPER CASE", "Regobs/probe", "a//b", "/a", "a/", "a___b", "a..b", "-a", "a-", "a\n", "", "a" * 256, "ä"]
)
def test_what_is_no_name_of_a_repository_is_refused(name: str) -> None:
    words = ["export", "probe", "--url", "https://r.example", "--check-config", "--repository", name]
    found = CliRunner().invoke(regobs, words)
    assert isinstance(found.exception, InputError)
    assert "no name of a repository" in str(found.exception)


@pytest.mark.parametrize("name", ["a", "regobs/probe", "a__b", "a--b/c", "a.b_c-d/0", "a" * 255])
def test_a_name_of_a_repository_is_accepted(name: str) -> None:
    words = ["export", "probe", "--url", "https://r.example", "--check-config", "--repository", name]
    assert CliRunner().invoke(regobs, words).exit_code == 0


def test_the_names_of_repositories_are_judged_in_linear_time() -> None:
    began = process_time()
    for name in ("a" * 200_000 + "!", "a-" * 100_000 + "!", "a/" * 100_000 + "!", "a" + "-" * 200_000):
        assert re.fullmatch(_REPOSITORY, name) is None
    assert process_time() - began < 2


@pytest.mark.parametrize(("path", "answers"), [("/metrics", True), ("/events", False)])
def test_healthy_is_answered_until_the_work_has_ended_but_where_others_send(path: str, answers: bool) -> None:
    address, ended, found = ("127.0.0.1", free_port()), threading.Event(), list[bool]()

    class Work:
        def start(self) -> None:
            ended.set()

        def stop(self) -> None:
            try:
                found.append(requests.get(f"http://127.0.0.1:{address[1]}/-/healthy", timeout=5).ok)
            except requests.ConnectionError:
                found.append(False)

    serve(ExporterApp(exporter_instruments(), lambda: True), Work(), address, path=path, ended=ended)
    assert found == [answers]
