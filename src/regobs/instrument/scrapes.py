"""The scrapes that a process has answered, as the handler of the Go client library counts them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regobs.catalog import scrape
from regobs.instrument.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.instruments import Instruments


class Scrapes:
    """Counts them; every status is there from the start."""

    def __init__(self, instruments: Instruments) -> None:
        self._requests = Recorder(instruments, scrape.REQUESTS)
        self._in_flight = Recorder(instruments, scrape.IN_FLIGHT)
        if self._requests.family is not None:
            self._requests.family.zero()

    @contextmanager
    def running(self) -> Iterator[None]:
        """One scrape, which sees itself running and is counted at its end; one that breaks off counts as 500."""
        code = "500"
        self._in_flight.add(1)
        try:
            yield
            code = "200"
        finally:
            self._in_flight.add(-1)
            self._requests.add(1, code=code)
