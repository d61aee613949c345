"""The small server that an application is scraped from."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from regobs.instrument import Instruments, MetricsServer, MetricsWSGI
from regobs.instrument.http.metrics_server import OpenConnections


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


@pytest.fixture
def ends() -> Iterator[Callable[[], tuple[socket.socket, socket.socket]]]:
    """Makes the server's and the client's end of a connection."""
    made: list[socket.socket] = []

    def pair() -> tuple[socket.socket, socket.socket]:
        server, client = socket.socketpair()
        client.settimeout(0.1)
        made.extend((server, client))
        return server, client

    yield pair
    for one in made:
        one.close()


Ends = Callable[[], tuple[socket.socket, socket.socket]]


def test_a_connection_that_was_closed_for_another_is_not_closed_a_second_time(ends: Ends) -> None:
    connections = OpenConnections(2)
    pairs = [ends() for _ in range(4)]
    for number in range(3):
        assert connections.admit(number, pairs[number][0])
    assert pairs[0][1].recv(1) == b""
    connections.waits(0, pairs[0][0])  # its thread has not noticed yet
    assert connections.admit(3, pairs[3][0])
    assert pairs[1][1].recv(1) == b""
    for _, client in pairs[2:]:
        with pytest.raises(TimeoutError):
            client.recv(1)


def test_a_connection_that_tls_takes_over_keeps_its_place_and_learns_that_it_was_closed(ends: Ends) -> None:
    connections = OpenConnections(2)
    (first, client), (second, other), (third, _), (fourth, _) = [ends() for _ in range(4)]
    assert connections.admit("first", first)
    assert connections.admit("second", second)
    secured = socket.socket(fileno=first.detach())
    assert connections.wrapped("first", secured)
    assert connections.admit("third", third)
    assert client.recv(1) == b""  # still the one that has waited longest
    taken_over = socket.socket(fileno=second.detach())
    assert connections.admit("fourth", fourth)  # meanwhile the second has no descriptor that could be closed
    assert not connections.wrapped("second", taken_over)
    taken_over.close()
    secured.close()
    assert other.recv(1) == b""


def test_the_limit_of_connections_holds_however_late_closed_ones_end(ends: Ends) -> None:
    connections = OpenConnections(2)
    for number in range(20):
        assert connections.admit(number, ends()[0])
    for number in range(18):  # closed long ago
        connections.release(number)
    for number in (18, 19):
        connections.busy(number)
    assert not connections.admit(20, ends()[0])
    connections.release(18)
    assert connections.admit(20, ends()[0])
