"""Answers of servers that are no registries: a step fails, and the probe goes on."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from regobs.catalog import probe as metrics
from regobs.exporters import probe_steps
from regobs.exporters.outside import Address, ClientConnections, Deadline, Origin, Resolver, StepError, Trust
from regobs.exporters.probe import _REQUESTS, TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget, StepTiming
from regobs.instrument import Instruments
from tests.exporters.probed import DEEP, outcomes, probe_of, steps
from tests.stub_server import StubHandler, StubServer


@pytest.mark.parametrize("body", [DEEP, b"[]", b"{", b"\xff\xfe", b'{"layers": 1, "tags": 5}'], ids=range(5))
@pytest.mark.parametrize("status", [200, 500])
def test_json_that_is_none_or_has_no_end_fails_the_step(body: bytes, status: int) -> None:
    class Odd(StubHandler):
        def do_GET(self) -> None:
            self.answer(200 if self.path == "/v2/" else status, b"{}" if self.path == "/v2/" else body)

    with StubServer(Odd) as server:
        found = outcomes(server)
    assert found["base"].result == "ok"
    assert found["pull_manifest"].result == ("answer" if status == 200 else "status")
    assert found["push"].result in {"answer", "status"}
    if body[:1] != b"{" or status == 500:
        assert found["health"].result == "answer"


@pytest.mark.parametrize(
    ("body", "version", "result"),
    [
        (b"{}", "", "ok"),
        (b"", "registry/2.0", "ok"),
        (b"<html>welcome</html>", "registry/2.0", "ok"),
        (b"<html>welcome</html>", "", "answer"),
        (b"", "", "answer"),
        (b"[]", "", "answer"),
        (DEEP, "", "answer"),
    ],
)
def test_a_page_that_is_no_registry_fails_the_base(body: bytes, version: str, result: str) -> None:
    class Page(StubHandler):
        def do_GET(self) -> None:
            self.answer(200, body, more={"Docker-Distribution-Api-Version": version} if version else {})

    with StubServer(Page) as server:
        assert outcomes(server)["base"].result == result


@pytest.mark.parametrize("host", ["login.invalid", "127.0.0.1:1"], ids=["no name", "no server"])
@pytest.mark.parametrize("known", [False, True], ids=["auth", "base"])
def test_a_base_that_leads_to_another_host_is_no_registry_wherever_that_host_is(host: str, known: bool) -> None:
    class Leading(StubHandler):
        def do_GET(self) -> None:
            if known and "Authorization" not in self.headers:
                self.answer(401, b"", more={"WWW-Authenticate": 'Basic realm="x"'})
            else:
                self.answer(302, b"", more={"Location": f"http://{host}/login"})

    with StubServer(Leading) as server, TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("x")
        found = steps(probe_of(ProbeTarget("x", server.url, username_file=secret, password_file=secret)))
    step = found["base" if known else "auth"]
    assert step.result == "answer"
    assert f"another host, http://{host}/login" in step.text


class KeepingRegistry(StubServer):
    """Stores tags; where `wrong` is the method or the word of an address, its answer is a refusal."""

    def __init__(self, wrong: str) -> None:
        self.tags: set[str] = set()
        registry = self

        class Handler(StubHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                place, name = self.path.split("?")[0].rsplit("/", 2)[1:]
                if self.command == "PUT" and place == "manifests":
                    registry.tags.add(name)  # also where the answer then says that it failed
                if wrong in {self.command, f"{self.command} {place}", f"{self.command} {name}"}:
                    self.answer(405, b"{}")
                elif name == "list":
                    self.answer(200, json.dumps({"tags": sorted(registry.tags)}).encode())
                else:
                    status = {"POST": 202, "PUT": 201, "DELETE": 202}.get(self.command, 200)
                    self.answer(status, b"{}", more={"Location": "/v2/x/blobs/uploads/1"})

            do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

        super().__init__(Handler)


@pytest.mark.parametrize("restarted", [False, True], ids=["one process", "a process each round"])
@pytest.mark.parametrize("wrong", ["DELETE", "PUT manifests", "GET list"])
def test_images_that_stay_are_bounded_whatever_keeps_them(
    wrong: str, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_steps, "_MOST_LEFT", 3)
    with KeepingRegistry(wrong) as registry:
        target = ProbeTarget("x", registry.url)
        probe = probe_of(target)
        for _ in range(6):
            if restarted:
                probe = probe_of(target)
            assert steps(probe)["delete"].result != "ok"
    assert 0 < len(registry.tags) <= 4  # and the one that is taken over


@pytest.mark.parametrize("often", ["push", "read_back", "delete"])
def test_a_round_that_pushes_reads_back_and_deletes_whichever_of_the_three_is_due(often: str) -> None:
    class Works(StubHandler):
        def do_GET(self) -> None:
            self.answer(200, b"{}")

    timing = {step: StepTiming(0 if step == often else 300, 5) for step in DEFAULT_TIMING}
    with StubServer(Works) as server:
        probe = TargetProbe(ProbeTarget("x", server.url), timing, Instruments("gitlab"))
        keeps = TargetProbe(ProbeTarget("x", server.url, delete=False), timing, Instruments("gitlab"))
        for _ in range(3):
            assert {"push", "read_back", "delete"} <= {one.step for one in probe.run()}
        done = [{one.step for one in keeps.run()} for _ in range(2)]
    if often != "delete":
        assert done[1] == {"resolve", "connect", "auth", "push", "read_back"}


@pytest.mark.parametrize("then", ["silence", "page", "gone"])
def test_a_failing_check_is_no_series_where_the_debug_port_answers_no_more(then: str) -> None:
    answers = [(503, b'{"storage": "x", "sha256:%s": "y"}' % (b"a" * 64)), (200, b"{}"), (503, b'{"storage": "x"}')]

    class Health(StubHandler):
        def do_GET(self) -> None:
            if answers:
                self.answer(*answers[0])
            elif then == "page":
                self.answer(404, b"<html>")

    def shown() -> dict[str, float]:
        probe.run(all_steps=True)
        return {labels["check"]: value for _, labels, value in instruments.gauge(metrics.FAILING_CHECKS).samples()}

    instruments = Instruments("gitlab")
    with ExitStack() as stack:
        debug = stack.enter_context(StubServer(Health))
        target = ProbeTarget("x", "http://127.0.0.1:1", debug_url=debug.url)
        probe = TargetProbe(target, DEFAULT_TIMING, instruments)
        assert shown() == {"storage": 1, "other": 1}
        del answers[0]
        assert shown() == {"storage": 0, "other": 0}
        del answers[0]
        assert shown() == {"storage": 1, "other": 0}
        del answers[0]
        if then == "gone":
            stack.close()
        assert shown() == {"other": 0}  # what overflowed cannot be removed


def test_a_fault_that_nobody_thought_of_fails_the_step_and_the_next_round_works(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Works(StubHandler):
        def do_GET(self) -> None:
            self.answer(200, b"{}")

    with StubServer(Works) as server:
        probe = probe_of(ProbeTarget("x", server.url, push=False))
        monkeypatch.setattr("regobs.exporters.probe._REQUESTS", {**_REQUESTS, "base": odd})
        failed = steps(probe)
        monkeypatch.undo()
        worked = steps(probe)
    assert (failed["base"].result, failed["base"].text) == ("answer", "LookupError: odd")
    assert worked["base"].result == "ok"


def odd(*_: object) -> None:
    raise LookupError("odd")


def test_an_answer_that_was_cut_by_its_time_limit_is_not_in_the_way_of_the_next_request() -> None:
    class Slow(StubHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/slow":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"x")
                ended.wait(10)
                self.close_connection = True
            else:
                self.answer(200, b"{}")

    ended = threading.Event()
    with StubServer(Slow) as server:
        line = ClientConnections(Trust().context(), Resolver())
        assert line.ask("GET", f"{server.url}/quick", Deadline(5)).status == 200
        with pytest.raises(StepError, match=r"not done within 0\.2 s") as caught:
            line.ask("GET", f"{server.url}/slow", Deadline(0.2))
        assert caught.value.reason == "timeout"
        assert line.ask("GET", f"{server.url}/quick", Deadline(5)).status == 200
        line.close()
        ended.set()


def test_an_address_of_a_kind_that_this_machine_does_not_have_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[..., socket.socket] = socket.socket

    def no_ipv6(family: int = -1, *rest: int, **more: object) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return make(family, *rest, **more)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr("regobs.exporters.outside.socket.socket", no_ipv6)
        line = ClientConnections(Trust().context(), Resolver())
        origin = Origin("http", "localhost", listener.getsockname()[1])
        six: Address = (socket.AF_INET6, ("::1", origin.port))
        four: Address = (socket.AF_INET, ("127.0.0.1", origin.port))
        line.connect(origin, [six, four], Deadline(5)).close()
        with pytest.raises(StepError, match="not supported"):
            line.connect(origin, [six], Deadline(5))


def test_a_look_up_that_hangs_is_in_the_way_of_no_other_host_and_of_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    look_up, ended, asked = socket.getaddrinfo, threading.Event(), Counter[str]()

    def hanging(host: str, port: int, **more: Any) -> list[Any]:
        if not more.get("flags", 0) & socket.AI_NUMERICHOST:
            asked[host] += 1
            if host == "hangs.test":
                ended.wait(20)
                raise OSError("ended")
        return look_up(host, port, **more)

    class Health(StubHandler):
        def do_GET(self) -> None:
            self.answer(200, b"{}")

    monkeypatch.setattr("regobs.exporters.outside.socket.getaddrinfo", hanging)
    timing = {step: StepTiming(1, 0.3 if step == "resolve" else 5) for step in DEFAULT_TIMING}
    with StubServer(Health) as debug:
        by_name = debug.url.replace("127.0.0.1", "localhost")
        for url in (debug.url, by_name):
            target = ProbeTarget("x", "http://hangs.test", debug_url=url)
            probe = TargetProbe(target, timing, Instruments("gitlab"))
            first, second = steps(probe), steps(probe)
            assert (first["resolve"].result, first["health"].result) == ("dns", "ok")
            assert (second["resolve"].result, second["health"].result) == ("dns", "ok")
            assert "still hangs" in second["resolve"].text
        resolver = Resolver()
        assert resolver.resolve("::1", 5, Deadline(5))[0][1][:2] == ("::1", 5)
        with pytest.raises(StepError):
            resolver.resolve("hangs.test", 5, Deadline(0.1))
        ended.set()
    assert set(asked) == {"hangs.test", "localhost"}
