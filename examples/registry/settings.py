"""What can be set. Secrets come from the environment: a file gets copied and shown around."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from regobs.errors import InputError, Location

FILE, SECRET, PASSWORD = "REGISTRY_SETTINGS", "REGISTRY_HTTP_SECRET", "REGISTRY_PASSWORD"  # of the environment


class Endpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook. Seconds; an event is lost after `max_retries` further attempts, the waits between them double."""

    name: str
    url: str
    timeout: float = 1.0
    backoff: float = 1.0
    max_retries: int = 10
    queue_size: int = 3000


class Garbage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Online garbage collection, in seconds. An idle worker waits twice as long each time, up to `max_backoff`."""

    interval: float = 5.0
    max_backoff: float = 3600.0
    review_after: float = 86400.0


class HealthChecks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Checks of storage and database, each `interval` seconds; `threshold` failures in a row stop the service."""

    interval: float = 10.0
    threshold: int = 3


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At most `rate` requests in `period` seconds for each address and process, and `burst` at once (0: `rate`)."""

    name: str
    rate: int
    period: float = 1.0
    burst: int = 0


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings file. Addresses are `host:port`; with a `user` every request needs his password.

    More than one of `workers` need the directory `counters`, on a local disk and the user's own: they count there.
    """

    root: str
    database: str
    redis: str
    address: str = "127.0.0.1:5000"
    debug_address: str = "127.0.0.1:5001"
    user: str = ""
    workers: int = 1
    counters: str = ""
    count_interval: float = 10.0
    garbage: Garbage = Garbage()
    health: HealthChecks = HealthChecks()
    limit: Limit | None = None
    endpoints: tuple[Endpoint, ...] = ()

    @property
    def password(self) -> str:
        """The password of `user`."""
        return os.environ.get(PASSWORD, "")

    @property
    def secret(self) -> bytes:
        """What upload states are signed with."""
        return os.environ[SECRET].encode()


def read(path: Path) -> Settings:
    """The settings of a TOML file. InputError for what is wrong or missing in it."""
    try:
        settings = msgspec.toml.decode(path.read_bytes(), type=Settings)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError("the settings can not be used", location=Location(str(path)), value=str(error)) from error
    if settings.user and not settings.password:
        raise InputError("a user needs a password", location=Location(str(path)), next_step=f"set {PASSWORD}")
    if settings.limit and (settings.limit.rate < 1 or settings.limit.period <= 0):
        raise InputError("this limit lets nobody in", location=Location(str(path)), next_step="set a `rate` from 1 on")
    if settings.workers > 1 and not settings.counters:
        raise InputError("workers count together", location=Location(str(path)), next_step="set `counters`")
    return settings


def host_and_port(address: str) -> tuple[str, int]:
    """Both parts of `host:port`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError("this is no address", value=address, expected="host:port")
    return host, int(port)
