"""Notifications: events in the envelope of CNCF Distribution, posted to webhooks, one queue for each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import requests

from examples.registry.settings import Endpoint
from regobs.instrument import Instruments
from regobs.instrument.adapters import notifications

_MEDIA_TYPE = "application/vnd.docker.distribution.events.v1+json"

log = logging.getLogger("registry.notifications")


class Webhook:
    """One endpoint: a bounded queue, and the task that empties it."""

    def __init__(self, endpoint: Endpoint, instruments: Instruments) -> None:
        self._endpoint = endpoint
        self._observed = notifications.Endpoint(instruments, endpoint.name)
        self._queue: asyncio.Queue[tuple[dict[str, Any], notifications.Event]] = asyncio.Queue(endpoint.queue_size)
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no credentials of who started us
        chosen = (endpoint.name, endpoint.url, endpoint.timeout)
        log.info("configuring endpoint %s (%s), timeout=%gs, headers=map[]", *chosen)

    def offer(self, event: dict[str, Any], artifact: str) -> None:
        """Put an event into the queue, or drop it."""
        observed = self._observed.queued(action=event["action"], artifact=artifact)
        try:
            self._queue.put_nowait((event, observed))
        except asyncio.QueueFull:
            observed.dropped()
            log.warning(
                "queue full, dropping event", extra={"event_id": event["id"], "queue_size": self._queue.qsize()}
            )

    async def run(self) -> None:
        """Deliver one event after the other, for ever."""
        while True:
            event, observed = await self._queue.get()
            if await self._deliver(event, observed):
                observed.delivered()
            else:
                observed.lost()
                log.warning("eventqueue: event lost: no attempt is left", extra={"event_id": event["id"]})
            self._queue.task_done()

    async def drain(self, seconds: float) -> None:
        """Wait until the queue is empty, so long at most."""
        log.info("event queue: closing", extra={"remaining_events": self._queue.qsize()})
        try:
            await asyncio.wait_for(self._queue.join(), seconds)
        except TimeoutError:
            log.warning("eventqueue: received termination signal", extra={"remaining_events": self._queue.qsize()})

    async def _deliver(self, event: dict[str, Any], observed: notifications.Event) -> bool:
        wait = self._endpoint.backoff
        for number in range(self._endpoint.max_retries + 1):
            if number:
                await asyncio.sleep(wait)
                wait *= 2
            with observed.attempt() as attempt:
                status = await asyncio.to_thread(self._post, event)
                if status is not None:
                    attempt.answered(status)
            if status is not None and 200 <= status < 400:
                return True
        return False

    def _post(self, event: dict[str, Any]) -> int | None:
        """The status of the answer, None without one."""
        try:
            answer = self._session.post(
                self._endpoint.url,
                json={"events": [event]},
                headers={"Content-Type": _MEDIA_TYPE},
                timeout=self._endpoint.timeout,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            extra = {"event_id": event["id"], "error": f"{type(error).__name__} of endpoint {self._endpoint.name}"}
            log.error("backoffSink: error writing event", extra=extra)  # noqa: TRY400 (its text names hosts, no cause)
            return None
        return answer.status_code


class Notifier:
    """All endpoints."""

    def __init__(self, endpoints: Iterable[Endpoint], instruments: Instruments) -> None:
        self.webhooks = [Webhook(endpoint, instruments) for endpoint in endpoints]
        self._instance = str(uuid4())

    def notify(
        self, action: str, artifact: str, target: dict[str, Any], request: dict[str, Any], user: str = ""
    ) -> None:
        """Tell every endpoint what was done, to what, by which request and whom."""
        event = {
            "id": str(uuid4()),
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "action": action,
            "target": {**target, **({"length": target["size"]} if "size" in target else {})},
            "request": {"id": str(uuid4()), **request},
            "actor": {"name": user} if user else {},
            "source": {"instanceID": self._instance},
        }
        for webhook in self.webhooks:
            webhook.offer(event, artifact)

    async def drain(self, seconds: float) -> None:
        """Give what is queued a last chance."""
        await asyncio.gather(*(webhook.drain(seconds) for webhook in self.webhooks))
