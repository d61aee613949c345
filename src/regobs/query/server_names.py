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
from regobs.errors import RegobsError

if TYPE_CHECKING:
    from regobs.prometheus import Prometheus

KEPT = 300.0  # seconds
PATIENCE = 2.0  # seconds that a person waits for a completion


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

    def series(self) -> Mapping[str, str]:
        """The names of all series, each with type, unit and help where the server states them."""
        found = self._asked("series", _series)
        return found if isinstance(found, dict) else {}

    def labels(self, metric: str) -> tuple[str, ...]:
        """The names of the labels of a series, or of all."""
        return tuple(self._asked(f"labels {metric}", lambda server: server.label_names([metric] if metric else ())))

    def values(self, label: str, selector: str) -> tuple[str, ...]:
        """The values of a label, of the series of a selector or of all."""
        matches = [selector] if selector else ()
        return tuple(self._asked(f"values {label} {selector}", lambda server: server.label_values(label, matches)))

    def _asked(self, key: str, ask: Callable[[Prometheus], Any]) -> Any:
        kept = self._kept.get(key)
        if isinstance(kept, list) and len(kept) == 2 and 0 <= self._now() - kept[0] < KEPT:
            return kept[1]
        try:
            if self._server is None:
                self._server = self._connect()
            found = ask(self._server)
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
    families = (name, *(name.removesuffix(end) for end in ("_total", "_bucket", "_sum", "_count", "_created")))
    entry = next((stated[family] for family in families if family in stated), None)
    if entry is None:
        return "recorded series" if ":" in name else "series"
    unit = f" {entry['unit']}" if entry.get("unit") else ""
    return f"{entry.get('type', '')}{unit}: {entry.get('help', '')}"
