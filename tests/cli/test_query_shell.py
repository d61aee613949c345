"""The shell of `regobs query`, driven in a pseudo-terminal, and its parts."""

from __future__ import annotations

import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.cli.query_after import Afterwards
from regobs.cli.query_asking import Asking
from regobs.cli.query_expr import expr
from regobs.cli.query_prompt import chart, history, history_file, unfinished
from regobs.cli.query_shell import HELP, ShellSession
from regobs.cli.query_shell import shell as shell_command
from regobs.cli.server_options import ServerOptions
from regobs.config.reading import read_config
from regobs.errors import ExitCode
from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.query.show import Shown
from regobs.query.times import AskedRange
from tests.prometheus.stub import NOT_FOUND, Reply, Stub, success, vector
from tests.terminal import Terminal

PROGRAM = Path(sys.executable).with_name("regobs")
MATRIX = success({
    "resultType": "matrix",
    "result": [
        {"metric": {"code": code}, "values": [[1_781_710_200 + 60 * n, str(n * int(code) % 700)] for n in range(60)]}
        for code in ("200", "404")
    ],
})  # fmt: skip
REPLIES = {
    "/api/v1/query": vector(({"code": "200"}, "1500")),
    "/api/v1/query_range": MATRIX,
    "/api/v1/stores": NOT_FOUND,
    "/api/v1/label/__name__/values": success(["up", "my_own_series"]),
    "/api/v1/metadata": success({"my_own_series": [{"type": "gauge", "help": "what I measure", "unit": ""}]}),
    "/api/v1/labels": success(["rack", "code"]),
    "/api/v1/label/rack/values": success(["rack-a1"]),
}
CLEAR = "\x01\x0b"  # Ctrl-A, Ctrl-K


def environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub(REPLIES) as server:
        yield server


@pytest.fixture
def shell(stub: Stub, tmp_path: Path) -> Iterator[Terminal]:
    """The shell of a person who types `regobs query`."""
    settings = f'context = "here"\n[contexts.here]\nurl = "{stub.url}"\n[contexts.there]\nurl = "{stub.url}"\n'
    (tmp_path / "regobs.toml").write_text(settings)
    with Terminal([str(PROGRAM), "query"], environment(tmp_path), tmp_path) as terminal:
        terminal.wait("here>")
        yield terminal


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (("--context", "there"), "there>"),
        (("--context=there", "--at", "1781710200"), "there at 1781710200>"),
        (("--context", "there", "--format", "json"), "Missing argument 'EXPR'"),
        (("--context", "nowhere"), "no such context"),
    ],
)
def test_options_without_an_expression_open_the_shell_with_them(
    stub: Stub, tmp_path: Path, options: tuple[str, ...], shown: str
) -> None:
    (tmp_path / "regobs.toml").write_text(f'[contexts.there]\nurl = "{stub.url}"\n')
    with Terminal([str(PROGRAM), "query", *options], environment(tmp_path), tmp_path) as terminal:
        terminal.wait(shown)


def test_series_labels_values_functions_and_panels_drop_down_as_they_are_typed(shell: Terminal) -> None:
    shell.type("registry_", "registry_bbm_job_batch_size", "gauge ro")
    shell.type("\t", "gauge rows: ")  # the whole help of the one that is chosen
    shell.type(CLEAR + "registry_", "here> registry_\n")
    shell.type("gc_run", "registry_gc_runs_total", "counter runs: Runs of a worker")
    shell.type(CLEAR + "my_o", "my_own_series", "gauge: what I measure")
    shell.type(CLEAR + "histogram_q", "histogram_quantile", "function")
    shell.type(CLEAR + "registry_http_requests_total{me", "method", "label: get, put")
    shell.type('thod="pa', "patch", "value of method")
    shell.type('tch", rack="', "rack-a1", "value of rack")
    shell.type(CLEAR + "rate(registry_http_requests_total[5", "5m", "window")
    shell.type(CLEAR + "\\pa", "\\panel", "command")
    shell.type("nel requ", "overview / Requests, 5 min", "panel")


def test_a_query_of_several_lines_is_asked_when_its_brackets_are_closed(shell: Terminal, stub: Stub) -> None:
    shell.type("sum by (code) (\r", "\n.....")
    assert all(one.path != "/api/v1/query" for one in stub.requests)
    shell.type("rate(registry_http_requests_total[5m]))\r", "1.5K req/s", "requests/s")
    sent = [one.params["query"][0] for one in stub.requests if one.path == "/api/v1/query"]
    assert sent == ["sum by (code) (\nrate(registry_http_requests_total[5m]))"]


def test_what_is_wrong_stands_over_a_caret_before_anything_is_sent_and_is_there_to_be_mended(
    shell: Terminal, stub: Stub
) -> None:
    text = "sum(rate(registry_http_in_flight_requests[5m]))"
    shown = shell.type(f"{text}\r", "its rate makes no sense", "expected: a counter")
    lines = shown.splitlines()
    place = lines.index(f"  value:    {text}")
    assert lines[place + 1] == " " * (12 + len("sum(rate(")) + "^"
    assert all(one.path != "/api/v1/query" for one in stub.requests)
    shell.wait(f"expected: a counter; of a gauge delta, deriv or its value over time\nhere> {text}")
    assert shell.cursor[1] == len("here> sum(rate(")
    shell.type("\x08" * len("rate(") + "delta(\r", "1.5 K")
    sent = [one.params["query"][0] for one in stub.requests if one.path == "/api/v1/query"]
    assert sent == [text.replace("rate", "delta")]


def test_commands_change_the_range_draw_save_and_explain(shell: Terminal, stub: Stub, tmp_path: Path) -> None:
    shell.type("sum by (code) (rate(registry_http_requests_total[5m]))\r", "1.5K req/s")
    shell.type("\\range 6h\r", "here[6h]>")
    shell.type("\\plot\r", "req/s┤", "15:30", "404")
    asked = next(one.params for one in reversed(stub.requests) if one.path == "/api/v1/query_range")
    assert float(asked["end"][0]) - float(asked["start"][0]) == pytest.approx(6 * 3600, abs=200)
    shell.type("\\range off\r", "\nhere>")
    shell.type("\\save codes\r", "added [queries.codes]")
    assert "codes" in (tmp_path / "regobs.toml").read_text()
    shell.type("\\explain\r", "└─ rate")
    shell.type("\\why\r", "It is not empty")
    shell.type("\\context there\r", "there>")
    shell.type("\\nothing\r", "no such command")
    shell.type("\\panel overview / Requests, 5 min\r", "there> sum")
    shell.send(CLEAR + "\\quit\r")
    assert shell.ended() == 0


def test_lines_of_before_come_back_from_a_file_that_only_the_user_can_read(shell: Terminal, tmp_path: Path) -> None:
    shell.type("vector(42)\r", "1500")
    shell.send("\x04")
    assert shell.ended() == 0
    file = tmp_path / ".local" / "state" / "regobs" / "query_history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with Terminal([str(PROGRAM), "query", "shell"], environment(tmp_path), tmp_path) as again:
        again.wait("here>")
        deadline = time.monotonic() + 60  # the editor reads the file beside the person who types
        while "here> vector(42)" not in again.shown:
            assert time.monotonic() < deadline, again.shown
            again.send("\x1b[A")
            time.sleep(0.2)


LINES = ("sum by (code) (up)", "up + 1", "sum(up)", "vector(42)")


@pytest.mark.parametrize("typed", ["sum by", "up +", "sum("])  # each would go on in another line
def test_a_search_in_the_history_can_be_ended_after_any_letter(stub: Stub, tmp_path: Path, typed: str) -> None:
    kept = history(tmp_path / ".local" / "state" / "regobs" / "query_history")
    for line in LINES:
        kept.append_string(line)
    command = [str(PROGRAM), "query", "shell", "--prometheus", stub.url]
    with Terminal(command, environment(tmp_path), tmp_path) as shell:
        shell.wait(">\n")
        for end in ("\x03", "\x07"):  # Ctrl-C, Ctrl-G
            shell.type("\x12" + typed, f"`{typed}'")
            shell.type(end, ">\n")
        found = next(line for line in reversed(LINES) if typed in line)
        shell.type("\x12" + typed, f"`{typed}'", found)
        shell.type("\r", f"> {found}\n")
        assert "Traceback" not in shell.shown
        shell.send(CLEAR + "\\quit\r")
        assert shell.ended() == 0


def test_without_a_terminal_or_an_argument_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query"]) in {ExitCode.OK, ExitCode.INPUT}
    out, err = capsys.readouterr()
    assert "Usage: regobs query" in out + err


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("sum(", True),
        ("sum(up)", False),
        ("up +", True),
        ("up unless", True),
        ('up{a="b', True),
        ("sum by (", True),
        ("sum(\n\n", False),
        ("\\plot sum(", False),
        ("", False),
    ],
)
def test_enter_goes_on_where_something_is_open(text: str, *, waits: bool) -> None:
    assert unfinished(text) is waits


def test_a_history_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "state" / "query_history"
    file.parent.mkdir()
    file.write_text("")
    file.chmod(0o644)
    history(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    history(tmp_path / "state" / "query_history" / "no folder")  # kept for the session alone


def test_the_history_is_in_the_users_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert history_file() == tmp_path / "regobs" / "query_history"


def drawn(*series: RangeSeries) -> str:
    return chart(Shown("x", QueryAnswer("matrix", ranges=series), None, AskedRange(0, 3_600_000, 60_000)))


def test_a_chart_fits_a_terminal_and_tells_series_apart_without_colour() -> None:
    points = tuple((60.0 * n, float(n)) for n in range(60))
    many = [RangeSeries({"n": str(number)}, points) for number in range(10)]
    lines = drawn(*many).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 22
    assert lines[-1] == "... 2 more series"
    assert not re.search("\x1b", "".join(lines))
    assert "aa 0" in drawn(*many[:2])
    assert "bb 1" in drawn(*many[:2])
    assert drawn() == "no data"
    assert drawn(RangeSeries({}, ((0.0, float("nan")),))) == "no finite value"
    assert "00:00" in drawn(RangeSeries({}, ((0.0, 1.0), (1.0, float("inf")))))


def test_a_line_without_data_says_what_may_be_meant_and_a_saved_query_is_asked_by_its_name(
    stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Stub(dict(REPLIES) | {"/api/v1/query": vector()}) as empty:
        settings = f'[contexts.a]\nurl = "{stub.url}"\n[contexts.b]\nurl = "{empty.url}"\n'
        saved = "[queries.mine]\nexpr = 'sum(up)'\n[queries.more]\nexpr = 'sum(up{a=\"$a\"})'\n"
        config = read_config(settings + saved, tmp_path / "regobs.toml")
        session = ShellSession(ServerOptions(context="a"), config, Asking())
        session.handle("mine")
        assert capsys.readouterr() == ("sum(up)\ncode  value\n200    1500\n", "")
        session.handle("\\context b")
        session.handle("registry_http_request_total")
        out, err = capsys.readouterr()
        assert out == "no data\n"
        assert "registry_http_requests_total" in err
        assert "\\why says which part" in err
        session.handle("more")
        assert "parameters without a value" in capsys.readouterr().err
        session.handle("\\range 1h")
        session.handle("up[5m]")
        assert "no single value" in capsys.readouterr().err
        session.close()


def test_the_help_of_the_shell_fits_a_terminal() -> None:
    assert max(map(len, HELP.splitlines())) <= 80


def test_the_end_that_is_typed_while_an_answer_is_waited_for_ends_the_shell(tmp_path: Path) -> None:
    slow = Reply(body=vector(({"code": "200"}, "1500")).body, delay=3)
    with Stub(dict(REPLIES) | {"/api/v1/query": slow}) as stub:
        command = [str(PROGRAM), "query", "shell", "--prometheus", stub.url]
        with Terminal(command, environment(tmp_path), tmp_path) as terminal:
            terminal.wait(f"{stub.address}>")
            terminal.send("vector(42)\r")
            deadline = time.monotonic() + 60
            while not any(request.path == "/api/v1/query" for request in stub.requests):
                assert time.monotonic() < deadline, terminal.shown
                time.sleep(0.05)
            terminal.send("\x04")
            assert terminal.ended() == 0
            assert "1500" in terminal.shown


def test_a_shell_that_was_begun_at_a_moment_of_the_past_explains_and_asks_ranges_up_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    empty = success({"resultType": "matrix", "result": []})
    with Stub({"/api/v1/query": vector(({}, "1")), "/api/v1/query_range": empty}) as stub:
        config = read_config(f'[contexts.a]\nurl = "{stub.url}"\n', tmp_path / "regobs.toml")
        session = ShellSession(ServerOptions(context="a"), config, Asking(at="1700000000"))
        for line in ("up", "\\explain up", "\\why up"):
            session.handle(line)
        asked = [one.params["time"] for one in stub.requests if one.path.endswith("/query")]
        assert asked
        assert all(time == ["1700000000.0"] for time in asked)
        before = len(stub.requests)
        for line in ("\\plot up", "\\range 1h", "up", "\\range 2h", "\\why up"):
            session.handle(line)
        ranges = [one.params for one in stub.requests[before:] if one.path.endswith("/query_range")]
        assert len(ranges) > 2
        assert all(1_699_999_900 <= float(one["end"][0]) <= 1_700_000_000 for one in ranges)
        before = len(stub.requests)
        session.handle("\\explain up")
        explained = [one.params["time"] for one in stub.requests[before:] if one.path.endswith("/query")]
        assert explained
        assert all(1_699_999_900 <= float(time) <= 1_700_000_000 for (time,) in explained)
        session.handle("\\range off")
        session.handle("up")
        assert [one.params["time"] for one in stub.requests if one.path.endswith("/query")][-1] == ["1700000000.0"]
        session.close()


def test_the_shell_takes_what_a_query_takes_and_goes_to_another_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    of_one_answer = {"pairs", "unchecked", "everything", "shape", "text", *Afterwards.__dataclass_fields__}
    assert {one.name for one in expr.params} - {one.name for one in shell_command.params} == of_one_answer
    assert run(["query", "shell", "--at", "banana", "--prometheus", "http://127.0.0.1:9"]) == ExitCode.INPUT
    assert "--at is no time" in capsys.readouterr().err
    empty = success({"resultType": "matrix", "result": []})
    with Stub({"/api/v1/query": vector(({}, "1")), "/api/v1/query_range": empty}) as stub:
        config = read_config(f'[contexts.a]\nurl = "{stub.url}"\n', tmp_path / "regobs.toml")
        session = ShellSession(ServerOptions(context="a"), config, Asking(dedup=False))
        session.handle("\\at 1700000000")
        assert session.title == "a at 1700000000"
        session.handle("up")
        asked = [one.params for one in stub.requests if one.path.endswith("/query")][-1]
        assert (asked["time"], asked["dedup"]) == (["1700000000.0"], ["false"])
        session.handle("\\range 1h")
        session.handle("up")
        ranged = [one.params for one in stub.requests if one.path.endswith("/query_range")][-1]
        assert 1_699_999_900 <= float(ranged["end"][0]) <= 1_700_000_000
        assert session.title == "a[1h] at 1700000000"
        session.handle("\\at banana")
        assert "\\at is no time" in capsys.readouterr().err
        session.handle("\\at now")
        assert session.title == "a[1h]"
        session.close()
