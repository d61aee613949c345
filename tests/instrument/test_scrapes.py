from __future__ import annotations

from collections.abc import Generator

import pytest

from regobs.catalog import scrape
from regobs.instrument import Instruments, MetricsASGI, MetricsWSGI
from regobs.instrument.http.scrapes import Scrapes
from regobs.testing import sample, series
from tests.instrument.test_asgi import scope, serve


def counts(instruments: Instruments) -> dict[str, float]:
    return {dict(labels)["code"]: value for labels, value in series(instruments, scrape.REQUESTS).items()}


def test_every_status_is_there_before_the_first_scrape() -> None:
    instruments = Instruments("gitlab", strict=True)
    Scrapes(instruments)
    assert counts(instruments) == {"200": 0, "500": 0, "503": 0}


def test_a_scrape_sees_itself_running_and_is_counted_at_its_end() -> None:
    instruments = Instruments("gitlab", strict=True)
    app = MetricsASGI(instruments)
    first, second = [b"".join(part.get("body", b"") for part in serve(app, scope(path="/metrics"))) for _ in range(2)]
    assert b'_requests_total{code="200"} 0\n' in first
    assert b'_requests_total{code="200"} 1\n' in second
    assert b"promhttp_metric_handler_requests_in_flight 1\n" in first
    assert sample(instruments, scrape.IN_FLIGHT) == 0
    assert counts(instruments) == {"200": 2, "500": 0, "503": 0}


def test_a_scrape_that_breaks_off_counts_as_500() -> None:
    instruments = Instruments("distribution", strict=True)
    answer = MetricsWSGI(instruments)({}, lambda *_: lambda _: None)
    assert isinstance(answer, Generator)
    next(answer)
    assert sample(instruments, scrape.IN_FLIGHT) == 1
    answer.close()
    assert counts(instruments) == {"200": 0, "500": 1, "503": 0}
    assert sample(instruments, scrape.IN_FLIGHT) == 0


def test_an_error_of_the_exposition_goes_on_and_is_counted() -> None:
    instruments = Instruments("gitlab", strict=True)
    with pytest.raises(ZeroDivisionError), Scrapes(instruments).running():
        raise ZeroDivisionError
    assert counts(instruments)["500"] == 1
