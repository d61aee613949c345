"""A label of an application never holds a password, whatever the application takes for a name."""

from __future__ import annotations

import pytest

from regobs.instrument import Instruments
from regobs.instrument.adapters.notifications import Endpoint
from regobs.instrument.adapters.sql_pool import PoolStatistics, observe_pool

SECRET = "Zq9xK3vTr8Lm"


@pytest.mark.parametrize(
    "name", [f"https://u:{SECRET}@h/?token={SECRET}", f"https://h/hook?token={SECRET}", f"u:{SECRET}@h"]
)
def test_an_endpoint_that_is_named_by_its_address_shows_no_password(name: str) -> None:
    instruments = Instruments("gitlab")
    for _ in range(2):
        Endpoint(instruments, name).queued(action="push", artifact="manifest").delivered()
    text = instruments.render().decode()
    assert SECRET not in text
    assert "[FILTERED]" in text
    (events,) = [line for line in text.splitlines() if line.startswith("registry_notifications_events_total{")][:1]
    assert events.endswith(" 2")  # both are one series


@pytest.mark.parametrize(
    "address",
    [f"u:{SECRET}@db", f"u:{SECRET}@db:5432", f"postgres://u:{SECRET}@db/registry", f"host=db password={SECRET}"],
)
def test_a_pool_that_is_named_by_its_dsn_shows_no_password(address: str) -> None:
    instruments = Instruments("gitlab")
    observe_pool(instruments, PoolStatistics, db_name=address, host_addr=address)
    text = instruments.render().decode()
    assert SECRET not in text
    assert 'host_addr="' in text


def test_an_ordinary_address_stays_as_it_is() -> None:
    instruments = Instruments("gitlab")
    Endpoint(instruments, "harbor-hook").queued(action="push", artifact="manifest")
    observe_pool(instruments, PoolStatistics, db_name="registry", host_addr="db.example.com:5432")
    text = instruments.render().decode()
    assert 'endpoint="harbor-hook"' in text
    assert 'host_addr="db.example.com:5432"' in text
