"""The small server that an application is scraped from."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from regobs.instrument import Instruments, MetricsServer, MetricsWSGI


def test_a_hundred_clients_at_once_are_let_in_without_a_second_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    server = MetricsServer(MetricsWSGI(Instruments("gitlab")), "127.0.0.1", 0)
    taken, free = threading.Event(), threading.Event()
    process = server._server.process_request

    def busy(request: Any, address: Any) -> None:
        taken.set()
        free.wait(30)  # nothing is accepted meanwhile
        process(request, address)

    monkeypatch.setattr(server._server, "process_request", busy)
    address = ("127.0.0.1", server._server.server_port)
    with ExitStack() as stack:
        stack.enter_context(socket.create_connection(address, timeout=5))
        assert taken.wait(10)
        for _ in range(100):
            stack.enter_context(socket.create_connection(address, timeout=0.9))  # the kernel tries again after 1 s
        free.set()
    assert requests.get(f"{server.url}/metrics", timeout=10).status_code == 200
    server.stop()
