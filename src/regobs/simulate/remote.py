"""A fleet that another process simulates, by its control endpoint."""

from __future__ import annotations

from typing import Any

import requests

from regobs.common.programs import local_session
from regobs.common.reasons import reason_of
from regobs.errors import InputError, ServerError
from regobs.simulate.faults import FaultName

_TIMEOUT = 10.0


class FleetClient:
    """The control endpoint at `url`. Raises InputError for what it refuses, ServerError when it is not there."""

    def __init__(self, url: str) -> None:
        if not url.startswith("http://"):
            raise InputError(
                "this is not the address of a control endpoint",
                value=url,
                expected="a URL such as http://127.0.0.1:9499",
            )
        self.url = url.rstrip("/")

    def state(self) -> dict[str, Any]:
        """The fleet: `time`, `elapsed`, `pods` and active `faults`, see `regobs.simulate.control`."""
        return self._ask("GET", "/")

    def addresses(self) -> tuple[str, ...]:
        """Host and port of each pod: the targets of a scrape."""
        return tuple(pod["address"] for pod in self.state()["pods"])

    def strike(self, name: FaultName, duration: str) -> dict[str, Any]:
        """Let a fault strike for a simulated time such as `5m`."""
        return self._ask("POST", "/faults", {"name": name, "for": duration})

    def repair(self, name: FaultName) -> None:
        """Repair a fault."""
        self._ask("DELETE", f"/faults/{name}")

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            with local_session() as session:
                answer = session.request(method, self.url + path, json=body, timeout=_TIMEOUT)
                content = answer.json()
        except requests.RequestException as error:
            raise ServerError(
                "no simulated fleet answers",
                value=f"{self.url}: {reason_of(error)}",
                next_step="start one with `regobs simulate --control PORT`",
            ) from None
        except (ValueError, RecursionError):  # a number of thousands of digits, brackets within brackets
            content = None
        if not isinstance(content, dict) or (not answer.ok and "error" not in content):
            raise ServerError("this is not the control endpoint of a fleet", value=f"{self.url} {answer.status_code}")
        if not answer.ok:
            details = {key: content.get(key) for key in ("value", "expected")}
            raise InputError(str(content["error"]), next_step=content.get("next"), **details)
        return content
