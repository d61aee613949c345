"""Calls of an HTTP API that answers in JSON, as Grafana, Elasticsearch and Kibana have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from regobs.errors import ServerError

_TIMEOUT = 60.0  # seconds
_LONGEST = 300  # characters of what a server says


@dataclass(frozen=True, slots=True)
class ApiWords:
    """What errors say of an API: what is expected, whom it lets in, where that is set, and what to look at."""

    expected: str
    allowed: str
    credentials: str
    next_step: str


class JsonApi:
    """The API at `url`, for the deployment target `target`. `enter` makes a session ready at the first call.

    Every method raises ServerError with the target's name; secrets stand in no error.
    """

    def __init__(self, target: str, url: str, words: ApiWords, enter: Callable[[requests.Session], None]) -> None:
        self._target, self.url, self._words, self._enter = target, url.rstrip("/"), words, enter
        self._session: requests.Session | None = None

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        missing: bool = False,
    ) -> Any:
        """The JSON of an answer; None for 404 where something may be missing."""
        answer = self.send(method, path, params=params, json=body)
        data = _json(answer)
        if answer.status_code == requests.codes.not_found and missing and data is not None:
            return None
        if data is None or answer.status_code != requests.codes.ok:
            raise self.strange(f"{method} {path} answers {answer.status_code}", _said(data))
        return data

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """An answer of any status but 401 and 403. `more` is what requests takes."""
        try:
            if self._session is None:
                session = requests.Session()
                self._enter(session)
                self._session = session
            answer = self._session.request(method, self.url + path, timeout=_TIMEOUT, allow_redirects=False, **more)
        except requests.RequestException as error:
            raise ServerError(
                f"{self._target}: {self.url} cannot be reached",
                value=type(error).__name__,
                expected=self._words.expected,
                next_step="check the address and that the server runs",
            ) from error
        if answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
            raise ServerError(
                f"{self._target}: {self.url} does not let us do this",
                value=f"{answer.status_code} for {method} {path}",
                expected=self._words.allowed,
                next_step=self._words.credentials,
            )
        return answer

    def strange(self, message: str, value: str = "") -> ServerError:
        """An error that tells of an answer that nobody expects from this API."""
        return ServerError(
            f"{self._target}: {message}",
            value=f"{self.url}: {value}" if value else self.url,
            expected=self._words.expected,
            next_step=self._words.next_step,
        )


def _json(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except requests.JSONDecodeError:
        return None


def _said(data: Any) -> str:
    """What a server gives as the reason: Grafana and Kibana `message`, Elasticsearch `error.reason`."""
    if not isinstance(data, dict):
        return "no JSON" if data is None else ""
    error = data.get("error")
    reason = error.get("reason") if isinstance(error, dict) else error
    return str(data.get("message") or reason or "")[:_LONGEST]
