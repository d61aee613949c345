"""The storage driver: time of its calls, and the sizes of the blobs that go through it.

    from regobs.instrument.adapters.storage import BlobSizes, observed_driver

    driver = observed_driver(FilesystemDriver("/srv"), instruments, "filesystem")
    driver.put("/docker/registry/v2/x", b"...")         # action="PutContent"

    sizes = BlobSizes(instruments)
    sizes.served(4711, redirect=False)
    sizes.stored(4711)

What the real registry times is timed: content, stat, list, move, delete of one path, and the making of a URL; failed
calls like the others. Readers, writers, walks and deletes of many files are not; they and all else pass untouched.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from regobs.catalog import storage
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

D = TypeVar("D")
Observe = Callable[[float], None]

# Method of a driver: the action of the label.
METHODS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("get", "get_content"), "GetContent"),
        **dict.fromkeys(("put", "put_content"), "PutContent"),
        **dict.fromkeys(("url", "url_for", "redirect_url"), "URLFor"),
        "stat": "Stat",
        "list": "List",
        "move": "Move",
        "delete": "Delete",
    }
)
_RENAMED = {"URLFor": "RedirectURL"}  # in CNCF Distribution 3


def observed_driver(
    driver: D, instruments: Instruments, name: str, *, methods: Mapping[str, str] = METHODS, **labels: object
) -> D:
    """The driver with its calls timed, also those of an async driver.

    `name` is the driver's name as the registry spells it: filesystem, inmemory, gcs, s3_v2... `methods` says which of
    its methods is which action. `labels` are further labels that an old version has, such as `migration_path`.
    """
    return cast("D", _Driver(driver, Recorder(instruments, storage.ACTIONS), name, methods, labels))


class _Driver:
    """Stands for a driver; not a subclass, so that it wraps any object. A call of the driver to itself is not timed."""

    def __init__(
        self, driver: object, actions: Recorder, name: str, methods: Mapping[str, str], labels: Mapping[str, object]
    ) -> None:
        self._driver = driver
        self._actions = actions
        self._labels = {**labels, "driver": name}
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._driver, name)
        action = self._methods.get(name)
        if action is None or not callable(found):
            return found
        if not self._actions.has("action", action):
            action = _RENAMED.get(action, action)
        labels = {**self._labels, "action": action}

        def observe(seconds: float) -> None:
            self._actions.observe(seconds, **labels)

        timed = _timed(found, observe)
        self.__dict__[name] = timed  # found without this function from now on
        return timed

    def __repr__(self) -> str:
        return f"<observed {self._driver!r}>"


def _timed(call: Callable[..., Any], observe: Observe) -> Callable[..., Any]:
    def timed(*args: Any, **options: Any) -> Any:
        start = perf_counter()
        try:
            answer = call(*args, **options)
        except BaseException:
            observe(perf_counter() - start)
            raise
        if inspect.isawaitable(answer):
            return _awaited(answer, start, observe)
        return _ended(answer, perf_counter() - start, observe)

    return timed


async def _awaited(answer: Awaitable[Any], start: float, observe: Observe) -> Any:
    try:
        found = await answer
    except BaseException:
        observe(perf_counter() - start)
        raise
    return _ended(found, perf_counter() - start, observe)


def _ended(answer: Any, spent: float, observe: Observe) -> Any:
    """The answer of a call that took so long; a listing that is made while it is read is observed at its end."""
    opened = hasattr(answer, "read")  # an open file can be read step by step too
    if isinstance(answer, Iterator) and not opened:
        return _Steps(answer, spent, observe)
    if isinstance(answer, AsyncIterator) and not opened:
        return _AsyncSteps(answer, spent, observe)
    observe(spent)
    return answer


class _Listing:
    """A listing that is made while it is read: the driver's time, without that of the reader."""

    def __init__(self, items: Any, spent: float, observe: Observe) -> None:
        self._items = items
        self._spent = spent
        self._observe: Observe | None = observe

    def __getattr__(self, name: str) -> Any:
        return getattr(self._items, name)

    def __del__(self) -> None:
        self._end()

    def _end(self) -> None:
        if self._observe is not None:
            self._observe(self._spent)
            self._observe = None


class _Steps(_Listing):
    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        start = perf_counter()
        ended = True
        try:
            item = next(self._items)
            ended = False
        finally:
            self._spent += perf_counter() - start
            if ended:
                self._end()
        return item

    def close(self) -> None:
        """What a reader calls who has seen enough."""
        try:
            getattr(self._items, "close", bool)()
        finally:
            self._end()

    def __enter__(self) -> Self:
        self._items.__enter__()
        return self

    def __exit__(self, *problem: object) -> Any:
        try:
            return self._items.__exit__(*problem)
        finally:
            self._end()


class _AsyncSteps(_Listing):
    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        start = perf_counter()
        ended = True
        try:
            item = await anext(self._items)
            ended = False
        finally:
            self._spent += perf_counter() - start
            if ended:
                self._end()
        return item

    async def aclose(self) -> None:
        """What a reader calls who has seen enough."""
        try:
            if hasattr(self._items, "aclose"):
                await self._items.aclose()
        finally:
            self._end()


class BlobSizes:
    """Sizes of blobs. GitLab registry has them; with another flavor nothing is recorded."""

    def __init__(self, instruments: Instruments, **labels: object) -> None:
        self._served = Recorder(instruments, storage.BLOB_DOWNLOADS)
        self._stored = Recorder(instruments, storage.BLOB_UPLOADS)
        self._labels = labels

    def served(self, size: int, *, redirect: bool) -> None:
        """A GET or HEAD of a blob was answered: its whole size, also for a part of it; and whether by a redirect."""
        self._served.observe(size, redirect=redirect, **self._labels)

    def stored(self, size: int) -> None:
        """A blob is about to be stored for the first time (not one that the store already holds)."""
        self._stored.observe(size, **self._labels)
