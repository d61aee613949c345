"""redis-py, sync and async: commands, pipelines and the pool of a client. Imports redis.

    from regobs.instrument.adapters.redis import AsyncObservedRedis, ObservedRedis

    cache = ObservedRedis.from_url("redis://cache:6379/0").observe(instruments, "cache")
    limits = AsyncObservedRedis.from_url(url).observe(instruments, "ratelimiting")

The instance is `cache`, `loadbalancing` or `ratelimiting`. As in the real registry only what ends well is in the times:
a failed command is missing, and so is one that is answered with nil (a cache miss). A pipeline is one command
`pipeline`, and each of its commands is counted by name (with MULTI and EXEC in a transaction), unless its first command
failed or was answered with nil; commands after it that fail are counted as errors too. Sources: go-redis 9.7
(`pipelineReadCmds`, `wrapMultiExec`) and its Prometheus hook.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Self

import redis
import redis.asyncio
from redis.asyncio.client import Pipeline as AsyncPipeline
from redis.client import Pipeline

from regobs.catalog import redis as metrics
from regobs.instrument.adapters.redis_pool import AsyncObservedPool, ObservedPool, observe_pool
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

__all__ = ["AsyncObservedRedis", "Commands", "ObservedRedis"]

_PIPELINE = "pipeline"


def _name(args: Iterable[Any]) -> str:
    """The name of a command: its first word in lower case, as go-redis has it."""
    first = next(iter(args), "")
    try:
        text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    except Exception:  # noqa: BLE001 (redis has taken it, or has said what is wrong with it)
        return ""
    return (text.split() or [""])[0].lower()


class Commands:
    """The command metrics of one client."""

    def __init__(self, instruments: Instruments, instance: str) -> None:
        self._instance = instance
        self._times = Recorder(instruments, metrics.COMMANDS)
        self._piped = Recorder(instruments, metrics.PIPELINED)
        self._piped_errors = Recorder(instruments, metrics.PIPELINED_ERRORS)

    def single(self, args: Iterable[Any], answer: object, start: float) -> None:
        """A command without an error was answered; a nil is what Go calls an error."""
        if answer is not None:
            self._times.observe(perf_counter() - start, command=_name(args), instance=self._instance)

    def pipeline(self, stack: list[Any], answers: list[Any], start: float, *, transaction: bool) -> None:
        """A pipeline came back. `answers` holds an exception for each command that failed."""
        if not answers or (not transaction and _bad(answers[0])):
            return
        names = [_name(args) for args, *_ in stack]
        self._times.observe(perf_counter() - start, command=_PIPELINE, instance=self._instance)
        for name in ["multi", *names, "exec"] if transaction else names:
            self._piped.add(1, command=name, instance=self._instance)
        for name, answer in zip(names, answers, strict=False):
            if isinstance(answer, Exception):
                self._piped_errors.add(1, command=name, instance=self._instance)


def _bad(answer: object) -> bool:
    return answer is None or isinstance(answer, Exception)


class ObservedRedis(redis.Redis):
    """A client that records from `observe` on."""

    _commands: Commands | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:
        """The same."""
        made: Any = super().from_url(url, **options)
        return made  # type: ignore[no-any-return]

    def observe(self, instruments: Instruments, instance: str) -> Self:
        """Record the commands and the pool of this client; returns the client."""
        self._commands = Commands(instruments, instance)
        pool = ObservedPool(self.connection_pool)
        self.connection_pool: Any = pool
        observe_pool(instruments, pool.use, instance)
        return self

    def client(self) -> Self:
        """The same, of one connection; it records too."""
        made: Any = super().client()  # type: ignore[no-untyped-call]
        made._commands = self._commands
        return made  # type: ignore[no-any-return]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """The same, timed."""
        start = perf_counter()
        answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        if self._commands is not None:
            self._commands.single(args, answer, start)
        return answer

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipeline:
        """The same, timed."""
        if self._commands is None:
            return super().pipeline(transaction, shard_hint)
        made = _Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.recorded = self._commands
        return made


class _Pipeline(Pipeline):
    recorded: Commands

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack = list(self.command_stack)
        transaction = bool(self.transaction or self.explicit_transaction)  # type: ignore[truthy-function]
        start = perf_counter()
        answers: Any = super().execute(raise_on_error=False)
        self.recorded.pipeline(stack, answers or [], start, transaction=transaction)
        if raise_on_error and answers:
            self.raise_first_error(stack, answers)  # type: ignore[no-untyped-call]
        return answers  # type: ignore[no-any-return]

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        start = perf_counter()
        answer = super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]
        self.recorded.single(args, answer, start)
        return answer


class AsyncObservedRedis(redis.asyncio.Redis):
    """An async client that records from `observe` on."""

    _commands: Commands | None = None

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Self:  # type: ignore[override]
        """The same."""
        made: Any = super().from_url(url, **options)
        return made  # type: ignore[no-any-return]

    def observe(self, instruments: Instruments, instance: str) -> Self:
        """Record the commands and the pool of this client; returns the client."""
        self._commands = Commands(instruments, instance)
        pool = AsyncObservedPool(self.connection_pool)
        self.connection_pool: Any = pool
        observe_pool(instruments, pool.use, instance)
        return self

    def client(self) -> Self:
        """The same, of one connection; it records too."""
        made: Any = super().client()
        made._commands = self._commands
        return made  # type: ignore[no-any-return]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """The same, timed."""
        start = perf_counter()
        answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        if self._commands is not None:
            self._commands.single(args, answer, start)
        return answer

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> AsyncPipeline:
        """The same, timed."""
        if self._commands is None:
            return super().pipeline(transaction, shard_hint)
        made = _AsyncPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.recorded = self._commands
        return made


class _AsyncPipeline(AsyncPipeline):
    recorded: Commands

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack = list(self.command_stack)
        transaction = bool(self.is_transaction or self.explicit_transaction)
        start = perf_counter()
        answers: Any = await super().execute(raise_on_error=False)
        self.recorded.pipeline(stack, answers or [], start, transaction=transaction)
        if raise_on_error and answers:
            self.raise_first_error(stack, answers)
        return answers  # type: ignore[no-any-return]

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        start = perf_counter()
        answer = await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]
        self.recorded.single(args, answer, start)
        return answer
