"""Redis as a pod sees it: commands, pipelines, pools of connections."""

from __future__ import annotations

from random import Random

from regobs.catalog import redis
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spreads
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import Plan
from regobs.simulate.steps import TimeStep, Work

# Commands of each instance, with how many of them a request causes.
_COMMANDS = {
    "cache": (("get", 0.5), ("set", 0.06), ("ttl", 0.02), ("pipeline", 0.05), ("ping", 0.02)),
    "loadbalancing": (("get", 0.4), ("set", 0.05), ("evalsha", 0.02)),
    "ratelimiting": (("evalsha", 0.6),),
}


class Cache:
    """The Redis instances that a pod is connected to."""

    def __init__(self, plan: Plan, instruments: Instruments, rng: Random) -> None:
        self._in = instruments
        self._rng = rng
        self._size = plan.connections.redis
        balanced = plan.has(Capability.LOAD_BALANCING)
        self._instances = [name for name in _COMMANDS if name != "loadbalancing" or balanced]

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Commands of the requests of this step. A command that fails is in no counter, as in the real registry."""
        lost = moment.suffers(FaultName.REDIS_LOSS)
        for instance in self._instances:
            done = 0
            for command, share in _COMMANDS[instance]:
                count = events(self._rng, work.requests * share + 0.02 * moment.seconds)
                done += count
                if not lost:
                    self._run(instance, command, count)
            self._pool(instance, done, lost=lost)

    def _run(self, instance: str, command: str, count: int) -> None:
        seconds = spreads(self._rng, 0.0006, 0.7, count)
        self._in.histogram(redis.COMMANDS).child(instance=instance, command=command).observe_many(seconds)
        if command == "pipeline":
            for inner in ("set", "expire"):
                self._in.counter(redis.PIPELINED).child(instance=instance, command=inner).inc(count)

    def _pool(self, instance: str, asked: int, *, lost: bool) -> None:
        misses = asked if lost else events(self._rng, asked * 0.01)
        for gauge, amount in (
            (redis.POOL_HITS, asked - min(asked, misses)),
            (redis.POOL_MISSES, misses),
            (redis.POOL_TIMEOUTS, asked // 3 if lost else 0),
            (redis.POOL_STALE, 2 if lost else events(self._rng, 0.01)),
        ):
            self._in.gauge(gauge).child(instance=instance).inc(amount)
        total = 0 if lost else min(self._size, 6 + int(self._rng.random() * 4))
        self._in.gauge(redis.POOL_TOTAL).child(instance=instance).set(total)
        self._in.gauge(redis.POOL_IDLE).child(instance=instance).set(max(0, total - 1 - int(self._rng.random() * 4)))
        self._in.gauge(redis.POOL_MAX).child(instance=instance).set(self._size)
