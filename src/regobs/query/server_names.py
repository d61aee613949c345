"""The names that a server has, for completion: asked once, kept for minutes, empty when it does not answer in time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regobs.common.files import beside
from regobs.errors import EndpointError, RegobsError

if TYPE_CHECKING:
    from regobs.prometheus import Prometheus
    from regobs.prometheus.search import SearchPart

KEPT = 300.0  # seconds
PATIENCE = 2.0  # seconds that a person waits for a completion
_NO_SEARCH, _AWAY = "no search", "away"  # what is kept of a server beside its names


class KeptNames:
    """Series, labels and values of the server that `connect` opens, which is called when something is not kept yet.

    `file` keeps them for the next process, None for this one alone. One file is one server; it holds no secret.
    """

    def __init__(
        self, connect: Callable[[], Prometheus], file: Path | None = None, *, now: Callable[[], float] = time.time
    ) -> None:
        self._connect, self._file, self._now = connect, file, now
        self._server: Prometheus | None = None
        self._kept: dict[str, Any] = _read(file)

    def series(self, begun: str = "") -> Mapping[str, str]:
        """The names of series, those that begin with a text at least, each with type, unit and help where stated."""
        found = self._searched("metric_names", begun) if begun else None  # the first thousand of all help nobody
        if found is None:
            found = self._asked("series", _series)
        return found if isinstance(found, dict) else {}

    def labels(self, metric: str, begun: str = "") -> tuple[str, ...]:
        """The names of the labels of a series, or of all; those that begin with a text at least."""
        matches = (metric,) if metric else ()
        found = self._searched("label_names", begun, matches)
        if found is None:
            found = self._asked(f"labels {metric}", lambda server: server.label_names(matches))
        return tuple(found)

    def values(self, label: str, selector: str, begun: str = "") -> tuple[str, ...]:
        """The values of a label, of the series of a selector or of all; those that begin with a text at least."""
        matches = (selector,) if selector else ()
        found = self._searched("label_values", begun, matches, label)
        if found is None:
            found = self._asked(f"values {label} {selector}", lambda server: server.label_values(label, matches))
        return tuple(found)

    def _searched(
        self, part: SearchPart, begun: str, matches: tuple[str, ...] = (), label: str = ""
    ) -> dict[str, str] | None:
        """What the search API of the server finds; None on a server without it, which is asked that once."""
        if self._fresh(_NO_SEARCH):
            return None
        key = f"search {part} {label} {' '.join(matches)} "
        for length in range(len(begun) + 1):  # all that begins with a shorter text has what begins with this one
            kept = self._fresh(key + begun[:length])
            if kept and (kept[1] or length == len(begun)):
                return dict(kept[0])
        if self._fresh(_AWAY) is not None:
            return {}
        try:
            found = self._open().search(part, begun, matches, label=label)
        except EndpointError:
            self._kept[_NO_SEARCH] = [self._now(), True]
            return None
        except RegobsError:
            self._kept[_AWAY] = [self._now(), []]
            return {}
        self._kept[key + begun] = [self._now(), [dict(found.names), found.whole]]
        self._write()
        return dict(found.names)

    def _open(self) -> Prometheus:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _fresh(self, key: str) -> Any:
        """What is kept, None where it is too old or nothing is."""
        kept = self._kept.get(key)
        return kept[1] if isinstance(kept, list) and len(kept) == 2 and 0 <= self._now() - kept[0] < KEPT else None

    def _asked(self, key: str, ask: Callable[[Prometheus], Any]) -> Any:
        kept = self._fresh(key)
        if kept is not None:
            return kept
        try:
            found = ask(self._open())
        except RegobsError:
            self._kept[key] = [self._now(), []]  # not again with the next letter
            return []
        self._kept[key] = [self._now(), found]
        self._write()
        return found

    def _write(self) -> None:
        if self._file is None:
            return
        fresh = {key: one for key, one in self._kept.items() if self._now() - one[0] < KEPT and one[1]}
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with beside(self._file, 0o600) as new:
                new.write_text(json.dumps(fresh), encoding="utf-8")


def names_file(folder: Path, *identity: str) -> Path:
    """The file of a server among the kept names."""
    return folder / f"{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:32]}.json"


def _read(file: Path | None) -> dict[str, Any]:
    try:
        found = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _series(server: Prometheus) -> dict[str, str]:
    names = server.label_values("__name__")
    try:
        stated = server.metadata()
    except RegobsError:
        stated = {}
    return {name: _what(stated, name) for name in names}


def _what(stated: Mapping[str, Mapping[str, str]], name: str) -> str:
    """What the server says of a series; metadata is under the name of its family."""
    from regobs.prometheus.search import described  # noqa: PLC0415 - loads requests

    families = (name, *(name.removesuffix(end) for end in ("_total", "_bucket", "_sum", "_count", "_created")))
    return described(next((stated[family] for family in families if family in stated), {}), name)
