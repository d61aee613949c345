"""The control endpoint of a served fleet: what it is, and faults that strike and are repaired while it runs.

    GET    /                  the fleet: simulated time, pods with their addresses and zones, active faults
    GET    /targets           the pods with their zones, for http_sd_configs of Prometheus
    POST   /faults            {"name": "error-burst", "for": "5m"}: it strikes now, `for` so much simulated time
    DELETE /faults/NAME       it is repaired now

Answers are JSON; an error has the fields `error`, `value`, `expected` and `next`, as far as they are known. It listens
on loopback. A page in a browser on this machine can reach that too: a request that names another host (DNS rebinding)
or an origin is refused.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

import msgspec

from regobs.errors import InputError, MachineError
from regobs.instrument.http.access_log import timestamp
from regobs.simulate.clock import seconds_of
from regobs.simulate.faults import Fault, FaultName
from regobs.simulate.serve import FleetServing, LoopbackServer

_LARGEST = 4096  # bytes of a body
_PATIENCE = 10.0  # seconds for a client to send its request
_FAULTS, TARGETS = "/faults", "/targets"


class FaultCommand(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a POST."""

    name: str
    duration: str = msgspec.field(name="for")


class RefusedCommand(Exception):  # noqa: N818 (an answer, raised to leave the handler)
    """An answer other than the one that was asked for."""

    def __init__(self, status: HTTPStatus, error: str, **details: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **details}


class Control:
    """Listens on 127.0.0.1 while the `with` lasts; `url` has no slash at its end. Port 0 takes a free one."""

    def __init__(self, served: FleetServing, port: int) -> None:
        self._served = served
        try:
            self._server = LoopbackServer(("127.0.0.1", port), type("Handler", (_Handler,), {"control": self}))
        except OSError as error:
            raise MachineError(
                f"no control endpoint on 127.0.0.1:{port}", value=error.strerror, next_step="name another --control"
            ) from None
        self.hosts = {f"{name}:{self._server.server_address[1]}" for name in ("127.0.0.1", "localhost")}
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def state(self) -> dict[str, Any]:
        """The fleet as a GET shows it."""
        fleet = self._served.fleet
        elapsed = fleet.elapsed
        return {
            "time": timestamp(fleet.time),
            "elapsed": elapsed,
            "pods": [
                {"name": pod.name, "address": address, "up": pod.up, "zone": fleet.plan.zone(pod.number)}
                for pod, address in zip(fleet.pods, self._served.addresses, strict=True)
            ],
            "faults": [_shown(fault, elapsed) for fault in fleet.faults.faults if fault.progress(elapsed) is not None],
        }

    def targets(self) -> list[dict[str, Any]]:
        """A group of one target for each pod, see prometheus.io/docs/prometheus/latest/http_sd."""
        pods = zip(self._served.fleet.pods, self._served.addresses, strict=True)
        return [{"targets": [address], "labels": pod.labels} for pod, address in pods]

    def strike(self, body: bytes) -> dict[str, Any]:
        """Start the fault of a POST. Raises InputError or RefusedCommand."""
        try:
            order = msgspec.json.decode(body, type=FaultCommand)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            expected = 'an object such as {"name": "error-burst", "for": "5m"}'
            raise RefusedCommand(
                HTTPStatus.BAD_REQUEST,
                "the body does not name a fault and its duration",
                value=str(error),
                expected=expected,
            ) from None
        elapsed = self._served.fleet.elapsed
        fault = Fault(FaultName.read(order.name), elapsed, seconds_of(order.duration, "`for`"))
        if fault.duration == 0:
            raise InputError("the duration of the fault is 0", value=order.duration, expected="a time such as 5m")
        self._served.fleet.plan.check_fault(fault.name)
        self._served.fleet.faults.strike(fault)
        return _shown(fault, elapsed)

    def repair(self, name: str) -> dict[str, Any]:
        """Repair the fault of a DELETE. Raises InputError or Refusal."""
        if not self._served.fleet.faults.repair(FaultName.read(name), self._served.fleet.elapsed):
            raise RefusedCommand(HTTPStatus.NOT_FOUND, "this fault is not active", value=name)
        return {"name": name}


def _shown(fault: Fault, elapsed: float) -> dict[str, Any]:
    return {"name": fault.name, "started": fault.start, "remaining": fault.start + fault.duration - elapsed}


class _Handler(BaseHTTPRequestHandler):
    control: Control
    timeout = _PATIENCE

    def do_GET(self) -> None:
        self._answer(HTTPStatus.OK)

    def do_POST(self) -> None:
        self._answer(HTTPStatus.CREATED)

    def do_DELETE(self) -> None:
        self._answer(HTTPStatus.OK)

    def _answer(self, status: HTTPStatus) -> None:
        body: dict[str, Any] | list[dict[str, Any]]
        try:
            body = self._act()
        except RefusedCommand as refusal:
            status, body = refusal.status, refusal.body
        except InputError as error:
            status = HTTPStatus.BAD_REQUEST
            details = {"value": error.value, "expected": error.expected, "next": error.next_step}
            body = {"error": error.message, **{key: str(text) for key, text in details.items() if text is not None}}
        text = msgspec.json.encode(body) + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _act(self) -> dict[str, Any] | list[dict[str, Any]]:
        if self.headers.get("Host") not in self.control.hosts or "Origin" in self.headers:
            raise RefusedCommand(HTTPStatus.FORBIDDEN, "this endpoint is for programs on this machine")
        path = self.path.partition("?")[0]
        if self.command == "GET" and path == "/":
            return self.control.state()
        if self.command == "GET" and path == TARGETS:
            return self.control.targets()
        if self.command == "POST" and path == _FAULTS:
            return self.control.strike(self._body())
        if self.command == "DELETE" and path.startswith(f"{_FAULTS}/"):
            return self.control.repair(path.removeprefix(f"{_FAULTS}/"))
        known = f"/, {TARGETS}, {_FAULTS} or {_FAULTS}/NAME"
        raise RefusedCommand(HTTPStatus.NOT_FOUND, "there is nothing here", expected=known, value=path)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            raise RefusedCommand(HTTPStatus.LENGTH_REQUIRED, "the body has no length", expected="a Content-Length")
        if len(length) > len(str(_LARGEST)) or int(length) > _LARGEST:
            self.close_connection = True
            most = f"at most {_LARGEST} bytes"
            raise RefusedCommand(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "the body is too large", expected=most)
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        pass
