"""Troubles that last, such as a full disk: an exporter logs when one begins, when it changes, and when it is over."""

from __future__ import annotations

import logging


class LastingTroubles:
    """What is wrong just now, by what fails; each is told once however often it is met."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._now: dict[str, str] = {}

    def met(self, what: str, fault: OSError | str) -> None:
        """`what` is a whole message, such as "the state cannot be stored"."""
        error = fault if isinstance(fault, str) else fault.strerror or str(fault)
        if self._now.get(what) != error:
            self._now[what] = error
            self._log.error(what, extra={"error": error})

    def over(self, what: str) -> None:
        """It works, as it mostly does."""
        if self._now.pop(what, None) is not None:
            self._log.info("no longer: %s", what)
