"""The pool of a redis-py client, with what go-redis counts of its own: hits, misses, time-outs, connections.

Only public methods of a pool are used: what came out of it and went back. redis-py does not tell when it replaces a
stale connection, so that number stays 0. `redis` uses this module; it imports nothing of redis-py itself.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from regobs.catalog import redis as metrics
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

_UNLIMITED = 2**31  # what redis-py takes as the size of a pool when none is given


class PoolUse:
    """What was seen of a pool. The names are those of go-redis' PoolStats."""

    def __init__(self, most: int) -> None:
        self.max_conns = most if most < _UNLIMITED else 0
        self.hits = self.misses = self.timeouts = self.stale_conns = 0
        self._lock = Lock()
        self._known: WeakSet[Any] = WeakSet()
        self._used: set[int] = set()

    @property
    def total_conns(self) -> int:
        """Connections that exist."""
        return len(self._known)

    @property
    def idle_conns(self) -> int:
        """Those that nobody uses."""
        return max(0, len(self._known) - len(self._used))

    def taken(self, connection: Any) -> None:
        """A connection came out of the pool: a hit when it had come out before."""
        with self._lock:
            if connection in self._known:
                self.hits += 1
            else:
                self.misses += 1
                self._known.add(connection)
            self._used.add(id(connection))

    def refused(self) -> None:
        """There was none to be had."""
        with self._lock:
            self.timeouts += 1

    def given(self, connection: Any) -> None:
        """A connection went back."""
        with self._lock:
            self._used.discard(id(connection))


class _Observed:
    """Stands for a pool; everything but taking and giving is the pool's."""

    def __init__(self, pool: Any) -> None:
        self.__dict__.update(_pool=pool, use=PoolUse(int(getattr(pool, "max_connections", 0) or 0)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._pool, name, value)


class ObservedPool(_Observed):
    """Of a sync client."""

    def get_connection(self, *args: Any, **options: Any) -> Any:
        """The same, counted."""
        try:
            connection = self._pool.get_connection(*args, **options)
        except Exception as error:
            if _is_full(error):
                self.use.refused()
            raise
        self.use.taken(connection)
        return connection

    def release(self, connection: Any) -> Any:
        """The same, counted."""
        self.use.given(connection)
        return self._pool.release(connection)


class AsyncObservedPool(_Observed):
    """Of an async client."""

    async def get_connection(self, *args: Any, **options: Any) -> Any:
        """The same, counted."""
        try:
            connection = await self._pool.get_connection(*args, **options)
        except Exception as error:
            if _is_full(error):
                self.use.refused()
            raise
        self.use.taken(connection)
        return connection

    async def release(self, connection: Any) -> Any:
        """The same, counted."""
        self.use.given(connection)
        return await self._pool.release(connection)


def _is_full(error: Exception) -> bool:
    """Whether the pool had no connection, rather than the server. redis-py has a class for it since 5.3."""
    return type(error).__name__ == "MaxConnectionsError" or str(error) in {
        "Too many connections",
        "No connection available.",
    }


_SHOWN = {
    "hits": metrics.POOL_HITS,
    "misses": metrics.POOL_MISSES,
    "timeouts": metrics.POOL_TIMEOUTS,
    "stale_conns": metrics.POOL_STALE,
    "total_conns": metrics.POOL_TOTAL,
    "idle_conns": metrics.POOL_IDLE,
    "max_conns": metrics.POOL_MAX,
}


def observe_pool(instruments: Instruments, use: PoolUse, instance: str) -> None:
    """Show the numbers of a pool under the name of its instance."""
    for name, metric in _SHOWN.items():
        child = Recorder(instruments, metric).child(instance=instance)
        if child is not None:
            child.read_from(lambda name=name: float(getattr(use, name)))
