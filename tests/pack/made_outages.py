"""A recording of thirteen outages that is made, not taken: what a real registry showed in each, signal by signal.

Healthy series are those of `tests/data/outages-first.om.gz`, with their labels and rates. What each fault changes, and
when, is what was seen on a GitLab registry 4.32 with PostgreSQL, a standby and Redis while it was broken on purpose:
clients that gave up are booked as 202 or 400, a hung server makes its exporter vanish, answers of health checks and of
the rate limiter are counted nowhere. Times are seconds from the start; a scrape takes place every 15 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.pack.replay import STEP, Values, load

HEALTHY = Path(__file__).parents[1] / "data/outages-first.om.gz"
_FROM, _TO = 1795878000, 1795878690  # of the healthy part, unix seconds
START = 1795881705  # of the made recording, unix seconds; a multiple of 15
LENGTH = 2835
_COUNTERS = ("_total", "_count", "_bucket", "_hits", "_misses", "_timeouts")
_INSTANCE = 'instance="127.0.0.1:27101",job="registry"'
_PROBE = '{instance="https://registry.example.com/v2/",job="blackbox"}'
_REGISTRY = r".*job=.registry.*"
_ANSWERED = r"registry_(http|storage)_.*"
_UNSEEN = -1.0  # the value of a counter whose series begins with its first event


@dataclass(frozen=True, slots=True)
class Change:
    """What the series whose text matches do from `start` to `end`: `gone`, a `rate`, `times` their rate, or `values`.

    Of `values`, the first holds at the start, the last at the end, and between the two it goes straight on.
    """

    series: str
    start: float
    end: float
    gone: bool = False
    rate: float | None = None
    times: float | None = None
    values: tuple[float, float] | None = None

    def at(self, time: float) -> float:
        """The value of a gauge at a time between start and end."""
        assert self.values is not None
        first, last = self.values
        return first + (last - first) * (time - self.start) / (self.end - self.start)


@dataclass(frozen=True, slots=True)
class Outage:
    """What was done, from when to when, and what is to be told: with a probe from outside, and without one."""

    what: str
    start: int
    end: int
    cause: str
    pages: bool
    changes: tuple[Change, ...]
    without_probe: str = ""


def http(code: str, method: str, route: str) -> str:
    """A series of requests, for a pattern or to begin."""
    return f'registry_http_requests_total{{code="{code}",{_INSTANCE},method="{method}",route="{route}"}}'


def exactly(series: str) -> str:
    """The pattern of one series."""
    return re.escape(series)


UPLOADS, UPLOAD = "/v2/{name}/blobs/uploads/", "/v2/{name}/blobs/uploads/{uuid}"
MANIFEST = "/v2/{name}/manifests/{reference}"


def _books(start: int, end: int, counted: dict[tuple[str, str, str], int], *, hang: bool = False) -> Iterator[Change]:
    """So many requests of each code, method and route between start and end; those that hang take 10 s."""
    for (code, method, route), count in counted.items():
        rate = count / (end - start)
        total = http(code, method, route)
        yield Change(exactly(total), start, end, rate=rate)
        taken = total.replace("requests_total", "request_duration_seconds_count")
        yield Change(exactly(taken), start, end, rate=rate)
        within = taken.replace("_count{", "_bucket{").replace(",method", ',le="5",method')
        yield Change(exactly(within), start, end, rate=0 if hang else rate)


def _probe(start: int, end: int, status: int, seconds: float = 0.002) -> Iterator[Change]:
    yield Change(r"probe_success.*", start, end, values=(0, 0))
    yield Change(r"probe_http_status_code.*", start, end, values=(status, status))
    yield Change(r"probe_duration_seconds.*", start, end, values=(seconds, seconds))


def _restart(start: int, dark: int) -> Iterator[Change]:
    """The registry ends and is back after so many seconds: its counters begin anew."""
    yield Change(r"(?!up|scrape_).*job=.registry.*", start, start + dark, gone=True)
    yield Change(rf"up\{{{_INSTANCE}.*", start, start + dark, values=(0, 0))
    yield from _probe(start, start + dark, 0)


def _without_redis(start: int, end: int, instances: str, *, misses_from: int, connections: int = 0) -> Iterator[Change]:
    """No command ends well. A Redis that hangs still accepts connections, one for each caller that waits."""
    yield Change(rf"registry_redis_pool_stats_idle_conns.*{instances}.*", misses_from, end, values=(0, 0))
    open_ = (connections, connections)
    yield Change(rf"registry_redis_pool_stats_total_conns.*{instances}.*", misses_from, end, values=open_)
    yield Change(rf"registry_redis_pool_stats_misses.*{instances}.*", misses_from, end, rate=5)
    yield Change(rf"registry_redis_pool_stats_hits.*{instances}.*", start, end, rate=0)
    yield Change(rf"registry_redis_single_commands_count.*{instances}.*", start, end, rate=0)
    lsn = r"registry_database_lb_lsn_cache_operation_duration_seconds_count.*"
    yield Change(lsn, start, end, rate=0)


def _lb(reason: str) -> str:
    kind, fallback = ("replica", "false") if reason == "selected" else ("primary", "true")
    labels = f'fallback="{fallback}",{_INSTANCE},reason="{reason}",target_type="{kind}"'
    return f"registry_database_lb_targets_total{{{labels}}}"


_LSN_ERROR = (
    f'registry_database_lb_lsn_cache_operation_duration_seconds_count{{error="true",{_INSTANCE},operation="set"}}'
)
_STORAGE_ERROR = (
    f'registry_gc_delete_duration_seconds_count{{artifact="blob",backend="storage",error="true",{_INSTANCE}}}'
)
_LAG = r"pg_stat_replication_pg_wal_lsn_diff.*"
_ENDPOINT = f'registry_notifications_delivery_total{{delivery_type="lost",endpoint="good",{_INSTANCE}}}'
_BLOBS = r"node_filesystem_{}.*var/lib/registry.*"


def _hung_database(start: int, end: int, in_use: tuple[float, float], waits: float) -> Iterator[Change]:
    """Its exporter waits as well: only that it does not answer is seen."""
    yield Change(r"up\{.*job=.postgres.*", start, end, values=(0, 0))
    yield Change(r"pg_.*", start, end, gone=True)
    yield Change(r"go_sql_dbstats_connections_in_use.*primary.*", start, end, values=in_use)
    yield Change(r"go_sql_dbstats_connections_wait_seconds_total.*primary.*", start, end, rate=waits)


OUTAGES = {
    "1a": Outage(
        "the storage is remounted read-only, which its health check does not see",
        *(256, 326, "RegistryDiskReadOnly", True),
        (
            Change(_BLOBS.format("readonly"), 256, 326, values=(1, 1)),
            Change(r"registry_http_.*blobs/uploads/.*", 256, 326, rate=0),
            *_books(256, 326, {("500", "post", UPLOADS): 64}),
            Change(exactly(_STORAGE_ERROR), 262, 326, rate=0.2),
            Change(r".*gc_delete.*backend=.storage.,error=.false.*", 256, 326, rate=0),
        ),
    ),
    "1b": Outage(
        "the storage's directory is closed to the registry, whose health check then refuses every request",
        *(346, 496, "RegistryRefusesRequests", True),
        (
            *_books(346, 354, {("500", "get", "/v2/{name}/blobs/{digest}"): 58}),
            Change(_ANSWERED, 354, 498, rate=0),
            *_probe(358, 498, 503),
        ),
        without_probe="RegistryRequestsStopped",
    ),
    "2": Outage(
        "the storage has no byte left, which its health check does not see",
        *(556, 706, "RegistryDiskFull", True),
        (
            Change(_BLOBS.format("avail_bytes"), 556, 706, values=(0, 100_000)),
            *_books(
                *(556, 706),
                {("500", "put", UPLOAD): 28, ("500", "post", UPLOADS): 22, ("500", "patch", UPLOAD): 10}
                | {("416", "patch", UPLOAD): 7},
            ),
        ),
    ),
    "a restart": Outage(
        "the registry is restarted for the next fault and sleeps before it listens",
        *(766, 827, "", False),
        tuple(_restart(766, 61)),
    ),
    "3": Outage(
        "Redis is stopped, without rate limiter",
        *(843, 995, "RegistryRedisDown", False),
        (
            Change(r"redis_(?!up).*", 843, 995, gone=True),
            Change(r"redis_up.*", 843, 995, values=(0, 0)),
            *_without_redis(843, 995, "(cache|loadbalancing)", misses_from=843),
            Change(exactly(_LSN_ERROR), 843, 995, rate=3),
            Change(exactly(_lb("selected")), 843, 995, rate=0),
            Change(exactly(_lb("error")), 843, 995, rate=11),
        ),
    ),
    "a second restart": Outage("for the next fault", 1055, 1075, "", pages=False, changes=tuple(_restart(1055, 20))),
    "4": Outage(
        "Redis hangs, and the rate limiter refuses every request without it",
        *(1091, 1241, "RegistryRateLimiterUnreachable", True),
        (
            Change(r"up\{.*job=.redis.*", 1091, 1241, values=(0, 0)),
            Change(r"redis_.*", 1091, 1241, gone=True),
            *_without_redis(1091, 1241, "cache", misses_from=1110, connections=2),
            *_without_redis(1091, 1241, "ratelimiting", misses_from=1091, connections=3),
            Change(_ANSWERED, 1092, 1242, rate=0),
            *_probe(1091, 1242, 503, seconds=0.5),
        ),
    ),
    "5": Outage(
        "the standby of PostgreSQL is stopped; the registry does not take it back until it is restarted",
        *(1301, 1422, "RegistryReplicaPoolEmpty", False),
        (
            Change(r"registry_database_lb_pool_size.*", 1301, 1608, values=(0, 0)),
            Change(exactly(_lb("selected")), 1301, 1608, rate=0),
            Change(exactly(_lb("no_replica")), 1301, 1608, rate=10),
            Change(r"go_sql_dbstats_.*host_type=.replica.*", 1301, 1608, gone=True),
            Change(_LAG, 1301, 1422, gone=True),
        ),
    ),
    "5b": Outage(
        "the standby stops replaying while the registry does not use it",
        *(1467, 1607, "RegistryPostgresqlReplicaLags", False),
        (Change(_LAG, 1467, 1607, values=(0, 1.9e6)),),
    ),
    "a third restart": Outage("to have the standby", 1608, 1618, "", pages=False, changes=tuple(_restart(1608, 10))),
    "6": Outage(
        "the primary of PostgreSQL hangs: writes wait until their clients give up",
        *(1652, 1802, "RegistryDatabaseHangs", True),
        (
            *_hung_database(1652, 1802, (10, 10), waits=10),
            Change(r"registry_http_.*(post|put|patch|delete).*", 1652, 1802, rate=0),
            *_books(
                *(1655, 1802),
                {("202", "post", UPLOADS): 61, ("202", "patch", UPLOAD): 11, ("400", "put", UPLOAD): 13}
                | {("400", "delete", MANIFEST): 22},
                hang=True,
            ),
            *_books(1655, 1802, {("503", "delete", MANIFEST): 10}),
        ),
    ),
    "7": Outage(
        "a table of PostgreSQL is locked: the registry's writes and the exporter wait for it",
        *(1862, 2012, "RegistryDatabaseHangs", True),
        (
            *_hung_database(1862, 2012, (4, 8), waits=0),
            Change(r"registry_http_.*(put|mount).*", 1862, 2012, rate=0),
            *_books(1865, 2012, {("400", "put", UPLOAD): 75, ("400", "post", UPLOADS): 20}, hang=True),
            *_books(1865, 2012, {("400", "get", "/v2/_catalog"): 4}, hang=True),
        ),
    ),
    "8": Outage(
        "no client comes through any more, only the probe of /v2/",
        *(2072, 2202, "RegistryNoTraffic", True),
        (
            Change(_ANSWERED, 2072, 2202, rate=0),
            *_books(2072, 2202, {("200", "get", "/v2/"): 26}),
        ),
    ),
    "9": Outage(
        "eight busy programs leave the registry next to no CPU",
        *(2232, 2353, "RegistryStarvedOfCpu", True),
        (
            Change(r"(?!up|scrape_).*job=.registry.*", 2236, 2351, gone=True),
            Change(rf"up\{{{_INSTANCE}.*", 2236, 2351, values=(0, 0)),
            Change(rf"scrape_duration_seconds\{{{_INSTANCE}.*", 2236, 2351, values=(5, 5)),
            Change(r"node_cpu_seconds_total.*idle.*", 2232, 2353, rate=0.005),
            Change(r"node_cpu_seconds_total.*user.*", 2232, 2353, rate=0.99),
            *_probe(2234, 2353, 0, seconds=4.5),
        ),
    ),
    "10": Outage(
        "an endpoint of notifications accepts events and never answers",
        *(2398, 2528, "RegistryNotificationsStuck", False),
        (
            Change(r"registry_notifications_delivery_total.*delivered.*good.*", 2398, 2528, rate=0),
            Change(exactly(_ENDPOINT), 2406, 2528, rate=0.14),
            Change(r"registry_notifications_pending.*good.*", 2398, 2528, values=(0, 790)),
        ),
    ),
    "11": Outage(
        "the registry is killed and started every 20 s",
        *(2568, 2688, "RegistryRestarting", True),
        tuple(
            change
            for start, dark in ((2568, 15), (2588, 20), (2608, 20), (2628, 1), (2648, 1), (2668, 1))
            for change in _restart(start, dark)
        ),
    ),
    "5c": Outage(
        "the standby stops replaying while the registry reads from it",
        *(2713, 2823, "RegistryPostgresqlReplicaLags", False),
        (
            Change(_LAG, 2713, 2823, values=(0, 2.9e6)),
            Change(exactly(_lb("selected")), 2713, 2773, times=0.3),
            Change(exactly(_lb("selected")), 2773, 2823, rate=0),
            Change(exactly(_lb("not_up_to_date")), 2713, 2773, rate=7),
            Change(exactly(_lb("not_up_to_date")), 2773, 2823, rate=11),
            Change(r"registry_database_lb_lag_bytes.*", 2743, 2803, values=(926_016, 926_016)),
            Change(r"registry_database_lb_lag_bytes.*", 2803, LENGTH, values=(2_352_656, 2_352_656)),
        ),
    ),
}
# Each of these happens alone, with nothing before it that keeps back a burn or what stays after its end.
ALONE = {
    "unwritable": Outage(
        "the storage takes no writes, and nothing but the answers says so",
        *(300, 600, "RegistryUploadsFail", True),
        (
            Change(r"registry_http_.*blobs/uploads/.*", 300, 600, rate=0),
            *_books(300, 600, {("500", "post", UPLOADS): 270}),
        ),
    ),
    "full": Outage(
        "the storage has no byte left",
        *(300, 600, "RegistryDiskFull", True),
        (
            Change(_BLOBS.format("avail_bytes"), 300, 600, values=(0, 100_000)),
            *_books(300, 600, {("500", "put", UPLOAD): 56, ("500", "post", UPLOADS): 44, ("500", "patch", UPLOAD): 20}),
        ),
    ),
    "hung cache": Outage(
        "Redis hangs, without rate limiter: its exporter hangs too, and row counts stay away when it is back",
        *(300, 600, "RegistryRedisUnreachable", False),
        (
            Change(r"up\{.*job=.redis.*", 300, 600, values=(0, 0)),
            Change(r"redis_.*", 300, 600, gone=True),
            *_without_redis(300, 600, "(cache|loadbalancing)", misses_from=300, connections=2),
            Change(exactly(_LSN_ERROR), 300, 600, rate=3),
            Change(exactly(_lb("selected")), 300, 600, rate=0),
            Change(exactly(_lb("error")), 300, 600, rate=11),
            Change(r"registry_database_rows.*", 355, LENGTH, gone=True),
        ),
    ),
    "stopped": Outage(
        "the primary of PostgreSQL is stopped: writes fail, reads go on",
        *(300, 600, "RegistryDatabaseDown", True),
        (
            Change(r"pg_(?!up).*", 300, 600, gone=True),
            Change(r"pg_up.*", 300, 600, values=(0, 0)),
            Change(r"registry_http_.*(post|put|patch|delete).*", 300, 600, rate=0),
            *_books(300, 600, {("503", "post", UPLOADS): 240, ("503", "delete", MANIFEST): 60}),
        ),
    ),
}
# Two outages, the second of which begins a minute after the end of the first.
TWICE = (
    Outage("the registry is away", 300, 480, "RegistryDown", pages=True, changes=tuple(_restart(300, 180))),
    Outage(
        "it is back with a password that the database refuses: every request of clients fails",
        *(540, 1260, "RegistryRouteFails", True),
        (
            Change(_ANSWERED, 540, 1260, rate=0),
            *_books(540, 1260, {("503", "post", UPLOADS): 360, ("503", "delete", MANIFEST): 360}),
        ),
    ),
)
# One endpoint of notifications answers 500 all the time.
ALWAYS = ("RegistryNotificationsStuck", "RegistryNotificationsLost", "RegistryNotificationsDropped")


def recording(outages: Iterable[Outage], length: int, *, probe: bool) -> dict[str, Values]:
    """The values of each series by the number of the step, for so many seconds, as `replay.load` reads them."""
    changes = [change for outage in outages for change in outage.changes]
    restarts = sorted(
        {change.start for change in changes if change.gone and change.series.startswith("(?!up|scrape_)")}
    )
    made: dict[str, Values] = {}
    for series, (value, rate) in _healthy(probe=probe).items():
        mine = [change for change in changes if re.fullmatch(change.series, series)]
        of_registry = re.fullmatch(_REGISTRY, series) is not None
        if series.partition("{")[0].endswith(_COUNTERS):
            made[series] = _counter(value, rate, mine, restarts if of_registry else [])
        elif series.startswith("process_start_time_seconds") and of_registry:
            made[series] = _started(restarts, mine)
        else:
            # Of the gauges only this one grows while all is well: it counts dropped events for ever.
            made[series] = _gauge(value, rate if "pending" in series else 0, mine)
    last = START // STEP + length // STEP
    return {series: {step: value for step, value in values.items() if step <= last} for series, values in made.items()}


def _healthy(*, probe: bool) -> dict[str, tuple[float, float]]:
    """Of every series what it begins with, and by how much it grows each second."""
    found: dict[str, tuple[float, float]] = {}
    for series, values in load(HEALTHY).items():
        times = sorted(step for step in values if _FROM <= step * STEP <= _TO)
        if len(times) > 2 and "pgbouncer" not in series:
            first, last = float(values[times[0]]), float(values[times[-1]])
            found[series] = (first, (last - first) / (times[-1] - times[0]) / STEP)
    for series in found:  # another program kept the CPU busy when these were taken
        if series.startswith("node_cpu"):
            found[series] = (100, 0.6 if 'mode="idle"' in series else 0.05)
    # What no client asked for, and no fault provoked, has no series before.
    new = [http(code, method, route) for code, method, route in _BOOKED]
    durations = [one.replace("requests_total", "request_duration_seconds_count") for one in new]
    within = [one.replace("_count{", "_bucket{").replace(",method", ',le="5",method') for one in durations]
    for series in (*new, *durations, *within, _LSN_ERROR, _STORAGE_ERROR, _ENDPOINT, _lb("no_replica")):
        found.setdefault(series, (_UNSEEN, 0))
    if probe:
        found |= {f"probe_success{_PROBE}": (1, 0), f"probe_http_status_code{_PROBE}": (200, 0)}
        found |= {f"probe_duration_seconds{_PROBE}": (0.002, 0), f"up{_PROBE}": (1, 0)}
    return found


_BOOKED = (
    *(("500", "post", UPLOADS), ("500", "put", UPLOAD), ("500", "patch", UPLOAD), ("416", "patch", UPLOAD)),
    *(("400", "post", UPLOADS), ("400", "put", UPLOAD), ("400", "get", "/v2/_catalog"), ("400", "delete", MANIFEST)),
    *(("503", "delete", MANIFEST), ("500", "get", "/v2/{name}/blobs/{digest}"), ("503", "post", UPLOADS)),
)


def _times() -> Iterator[tuple[int, int]]:
    """The number of each step, and its time from the start."""
    return ((START // STEP + number, number * STEP) for number in range(LENGTH // STEP + 1))


def _active(changes: list[Change], time: float) -> Change | None:
    """The last of the changes that hold at a time."""
    return next((one for one in reversed(changes) if one.start <= time < one.end), None)


def _counter(value: float, rate: float, changes: list[Change], restarts: list[float]) -> Values:
    """Grows second by second, and begins anew with each restart."""
    values: Values = {}
    now, least = 0, 1 if value == _UNSEEN else 0
    value = max(value, 0)
    for step, time in _times():
        while now < time:
            change = _active(changes, now)
            if now in restarts:
                value = 0
            grows = rate if change is None else change.rate if change.rate is not None else rate * (change.times or 0)
            value, now = value + grows, now + 1
        change = _active(changes, time)
        if int(value + 1e-9) >= least and not (change and change.gone):
            values[step] = repr(float(int(value + 1e-9)))
    return values


def _gauge(value: float, rate: float, changes: list[Change]) -> Values:
    found: Values = {}
    for step, time in _times():
        change = _active(changes, time)
        if change is None or not change.gone:
            usual = value + rate * time
            found[step] = repr(usual if change is None or change.values is None else change.at(time))
    return found


def _started(restarts: list[float], changes: list[Change]) -> Values:
    found: Values = {}
    for step, time in _times():
        change = _active(changes, time)
        if change is None or not change.gone:
            found[step] = repr(START + max([-600.0, *(one for one in restarts if one <= time)]))
    return found
