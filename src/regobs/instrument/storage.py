"""The storage driver: time of its calls, and the sizes of the blobs that go through it.

    from regobs.instrument.storage import BlobSizes, observed_driver

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
from collections.abc import Awaitable, Callable, Iterator, Mapping
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, cast

from regobs.catalog import storage
from regobs.instrument.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.instruments import Instruments

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
        later = False
        try:
            answer = call(*args, **options)
            if inspect.isawaitable(answer):
                later = True
                return _awaited(answer, start, observe)
            if inspect.isgenerator(answer):
                later = True
                return _stepped(answer, observe)
            return answer
        finally:
            if not later:
                observe(perf_counter() - start)

    return timed


async def _awaited(answer: Awaitable[Any], start: float, observe: Observe) -> Any:
    try:
        return await answer
    finally:
        observe(perf_counter() - start)


def _stepped(items: Iterator[Any], observe: Observe) -> Iterator[Any]:
    """A listing that is made while it is read: the driver's time, without that of the reader."""
    spent = 0.0
    try:
        while True:
            start = perf_counter()
            try:
                item = next(items)
            except StopIteration:
                return
            finally:
                spent += perf_counter() - start
            yield item
    finally:
        observe(spent)


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
