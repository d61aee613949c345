"""Calls of an HTTP API that answers in JSON, as Grafana, Elasticsearch and Kibana have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from regobs.common.http_session import HttpSession
from regobs.deploy.told import answer_error
from regobs.errors import ServerError
from regobs.prometheus.failures import unreachable

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
    """The API at `url`. `enter` makes a session ready at the first call. Secrets stand in no error."""

    def __init__(self, url: str, words: ApiWords, enter: Callable[[requests.Session], None]) -> None:
        self.url, self._words, self._enter = url.rstrip("/"), words, enter
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
        data = json_of(answer)
        if answer.status_code == requests.codes.not_found and missing and data is not None:
            return None
        if data is None or answer.status_code != requests.codes.ok:
            raise self.refused(answer, f"{method} {self.url}{path}", _said(data))
        return data

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """An answer of any status but 401 and 403. `more` is what requests takes."""
        try:
            if self._session is None:
                session = HttpSession()
                self._enter(session)
                self._session = session
            own = (
                self._session.verify if isinstance(self._session.verify, str) else None
            )  # else REQUESTS_CA_BUNDLE wins
            answer = self._session.request(
                method, self.url + path, timeout=_TIMEOUT, allow_redirects=False, verify=own, **more
            )
        except requests.RequestException as error:
            raise unreachable(self.url, error, _TIMEOUT, self._words.expected) from error
        if answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
            refused = ServerError(
                f"{self.url} does not let us do this",
                value=f"{answer.status_code} for {method} {path}",
                expected=self._words.allowed,
                next_step=self._words.credentials,
            )
            refused.status = answer.status_code
            raise refused
        return answer

    def refused(self, answer: requests.Response, doing: str, said: str | None = None) -> ServerError:
        """The error of an answer that nobody can use; `doing` names method and address, `said` is the reason in it."""
        return answer_error(answer, doing, said=said, expected=self._words.expected, next_step=self._words.next_step)

    def strange(self, message: str, value: str = "") -> ServerError:
        """An error that tells of an answer that nobody expects from this API."""
        return ServerError(
            message,
            value=f"{self.url}: {value}" if value else self.url,
            expected=self._words.expected,
            next_step=self._words.next_step,
        )


def json_of(answer: requests.Response) -> Any:
    """The body as data; None where it is no JSON."""
    try:
        return answer.json()
    except (ValueError, RecursionError):  # also a number of thousands of digits, brackets within brackets
        return None


def _said(data: Any) -> str:
    """What a server gives as the reason: Grafana and Kibana `message`, Elasticsearch `error.reason`."""
    if not isinstance(data, dict):
        return "no JSON" if data is None else ""
    error = data.get("error")
    reason = error.get("reason") if isinstance(error, dict) else error
    return str(data.get("message") or reason or "")[:_LONGEST]
