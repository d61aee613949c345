"""The metadata database as a pod sees it: queries, pools of connections, the choice of a replica."""

from __future__ import annotations

from random import Random

from regobs.catalog import database, load_balancing, sql_pool
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread, spreads
from regobs.simulate.faults import FaultName
from regobs.simulate.journal import BackgroundLog
from regobs.simulate.plan import Plan
from regobs.simulate.shared import SharedServices, SharingPart
from regobs.simulate.steps import TimeStep, Work

_QUERY = 0.003  # seconds, median
_BUSY = 0.004  # seconds that a query holds its connection
_CHECK = 60.0  # seconds between two checks of the lag
_DNS = 60.0
_WRITES = ("create", "delete", "link", "associate", "update")
_PRIMARY = "10.0.2.10:5432"


class Database(SharingPart):
    """Queries and pools of one pod."""

    def __init__(
        self,
        plan: Plan,
        instruments: Instruments,
        rng: Random,
        shared: SharedServices,
        log: BackgroundLog | None = None,
    ) -> None:
        super().__init__(plan, instruments, rng, shared, log)
        self._most = plan.connections.database
        self._balanced = plan.has(Capability.LOAD_BALANCING)
        self._checked = self._resolved = 0.0
        self._hosts = [(_PRIMARY, "primary")]
        if self._balanced:
            self._hosts += [(replica.name, "replica") for replica in shared.replicas]
            added = instruments.counter(load_balancing.POOL_EVENTS)
            added.child(event="replica_added", reason="discovered").inc(len(shared.replicas))

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Count the queries of this step, and look at the pools."""
        for name, count in work.queries.items():
            self._in.counter(database.QUERIES).child(name=name).inc(count)
            seconds = spreads(self._rng, _QUERY * moment.slowness, 0.8, count)
            self._in.histogram(database.QUERY_DURATION).child(name=name).observe_many(seconds)
        total = work.queries.total()
        for address, kind in self._hosts:
            share = total if len(self._hosts) == 1 or kind == "primary" else total // len(self._hosts)
            self._pool(moment, address, kind, share)
        if self._balanced:
            self._elect(moment, work)
            self._watch(moment)

    def _pool(self, moment: TimeStep, address: str, kind: str, queries: int) -> None:
        labels = {"db_name": "registry", "host_addr": address, "host_type": kind}
        most = self._most
        leaking = moment.suffers(FaultName.POOL_EXHAUSTION) and kind == "primary"
        wanted = events(self._rng, _BUSY * moment.slowness * queries / moment.seconds + 0.3)
        used = most if leaking else min(most, wanted)
        full = used == most
        open_now = max(used, min(most, 5 + used))
        for gauge, value in (
            (sql_pool.MAX_OPEN, most),
            (sql_pool.OPEN, open_now),
            (sql_pool.IN_USE, used),
            (sql_pool.IDLE, open_now - used),
        ):
            self._in.gauge(gauge).child(**labels).set(value)
        waits = queries * 9 // 10 if full else events(self._rng, queries * 0.0002)
        closed = events(self._rng, moment.seconds / 60)
        for counter, amount in (
            (sql_pool.WAITS, waits),
            (sql_pool.WAIT_SECONDS, waits * (spread(self._rng, 1.5) if full else 0.01)),
            (sql_pool.CLOSED_MAX_IDLE, closed),
            (sql_pool.CLOSED_IDLE_TIME, closed // 2),
            (sql_pool.CLOSED_LIFETIME, closed // 3),
        ):
            self._in.counter(counter).child(**labels).inc(amount)

    def _elect(self, moment: TimeStep, work: Work) -> None:
        reads = sum(n for name, n in work.queries.items() if not any(verb in name for verb in _WRITES))
        lost = moment.suffers(FaultName.REDIS_LOSS)
        late = sum(replica.lag > 1 for replica in self._shared.replicas)
        healthy = any(not replica.quarantined for replica in self._shared.replicas)
        behind = 0.02 + 0.5 * late / len(self._shared.replicas)
        primary = reads if lost or not healthy else sum(self._rng.random() < behind for _ in range(reads))
        reason = "error" if lost else "not_up_to_date" if healthy else "all_quarantined"
        family = self._in.counter(load_balancing.TARGETS)
        family.child(target_type="replica", fallback=False, reason="selected").inc(reads - primary)
        family.child(target_type="primary", fallback=True, reason=reason).inc(primary)
        missed = reads if lost else sum(self._rng.random() < 0.1 for _ in range(reads))
        looked = self._in.counter(load_balancing.LSN_CACHE_LOOKUPS)
        looked.child(result="hit").inc(reads - missed)
        looked.child(result="miss").inc(missed)
        calls = self._in.histogram(load_balancing.LSN_CACHE_DURATION)
        # A key that is not there is an error too, see the pitfalls of the catalog.
        for count, operation, error in (
            (reads - missed, "get", False),
            (missed, "get", True),
            (work.events["push", "manifest"], "set", lost),
        ):
            seconds = spreads(self._rng, 0.1 if lost else 0.0009, 0.5, count)
            calls.child(operation=operation, error=error).observe_many(seconds)

    def _watch(self, moment: TimeStep) -> None:
        events_family = self._in.counter(load_balancing.POOL_EVENTS)
        for replica in self._shared.changed:
            event = "replica_quarantined" if replica.quarantined else "replica_reintegrated"
            events_family.child(event=event, reason="replication_lag").inc()
            if self._log is not None:
                self._log.replica(replica.name, replica.lag, replica.lag_bytes, quarantined=replica.quarantined)
        self._in[load_balancing.POOL_SIZE].set(len(self._shared.replicas))
        for replica in self._shared.replicas:
            status = self._in.gauge(load_balancing.POOL_STATUS)
            status.child(replica=replica.name, status="online").set(not replica.quarantined)
            status.child(replica=replica.name, status="quarantined").set(replica.quarantined)
        if moment.time - self._checked >= _CHECK:
            self._checked = moment.time
            for replica in self._shared.replicas:
                self._in.gauge(load_balancing.LAG_BYTES).child(replica=replica.name).set(replica.lag_bytes)
                self._in.histogram(load_balancing.LAG_SECONDS).child(replica=replica.name).observe(replica.lag)
        if moment.time - self._resolved >= _DNS:
            self._resolved = moment.time
            for kind in ("srv", "host"):
                child = self._in.histogram(load_balancing.DNS_LOOKUPS).child(lookup_type=kind, error=False)
                child.observe(spread(self._rng, 0.004))
