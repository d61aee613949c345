"""The dashboards that a Grafana shows now, and its annotations, read through its HTTP API.

Documented at https://grafana.com/docs/grafana/latest/developers/http_api/ (folder/dashboard search, dashboard by uid,
annotations).
The token of a service account with the role Viewer is enough. It comes from the environment or from a file, never from
the command line, and stands in no error.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
import requests.auth

from regobs.common.addresses import fault_of_url
from regobs.common.http_session import HttpSession
from regobs.common.reasons import reason_of, shape_of
from regobs.errors import InputError, Location, ServerError
from regobs.grafana.boards import ReadDashboard, board_of
from regobs.grafana.render import TAGS

TOKEN_VARIABLE = "GRAFANA_TOKEN"  # noqa: S105 - a name, no token
PREFIX = "regobs-"
_TIMEOUT_SECONDS = 30.0
_MOST = 5000  # Grafana's own limit of a search
_MOST_ANNOTATIONS = 1000
_EXPECTED = "the HTTP API of Grafana 9 or later"


@dataclass(frozen=True, slots=True)
class Annotation:
    """What somebody noted at a time, seconds since 1970, in one line."""

    time: float
    text: str


def is_address(text: str) -> bool:
    """Whether this is the address of a server rather than a path."""
    return text.startswith(("http://", "https://"))


def read_token(file: Path | None) -> str | None:
    """The token of a file, or else of the environment; None for none. Raises InputError."""
    if file is None:
        return os.environ.get(TOKEN_VARIABLE) or None
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(file, "the file of the token cannot be read") from error
    if not token or not token.isascii() or len(token.split()) != 1:
        raise _unusable(file, "the file holds no token")
    return token


def _unusable(file: Path, message: str) -> InputError:
    expected = "a file that holds the token of a service account and nothing else"
    return InputError(message, location=Location(str(file)), expected=expected, next_step="correct --token-file")


def read_live(address: str, token: str | None) -> dict[str, ReadDashboard]:
    """The dashboards with our tag, by the part of their uid that is their file's name.

    Raises InputError for an address with a password in it, ServerError for a server that does not answer as Grafana.
    """
    with _open(address, token) as session:
        root = address.rstrip("/")
        found = _get(session, root, "/api/search", {"type": "dash-db", "tag": TAGS[0], "limit": str(_MOST)})
        if not isinstance(found, list) or not all(isinstance(one, dict) and one.get("uid") for one in found):
            raise _stranger(root, "what /api/search answers is no list of dashboards")
        return dict(sorted(_board(session, root, str(one["uid"])) for one in found))


def read_annotations(
    address: str, token: str | None, tags: Sequence[str], start: float, end: float
) -> tuple[Annotation, ...]:
    """The annotations with all of the tags from start to end (seconds since 1970), in order of time.

    Raises InputError for an address with a password in it, ServerError for a server that does not answer as Grafana.
    """
    asked: dict[str, str | list[str]] = {
        "from": str(round(start * 1000)),
        "to": str(round(end * 1000)),
        "tags": list(tags),
        "type": "annotation",
        "limit": str(_MOST_ANNOTATIONS),
    }
    root = address.rstrip("/")
    with _open(address, token) as session:
        found = _get(session, root, "/api/annotations", asked, what="annotations", option="--grafana-token-file")
    try:
        read = [Annotation(float(one["time"]) / 1000, " ".join(str(one.get("text", "")).split())) for one in found]
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _stranger(root, "what /api/annotations answers is no list of annotations") from error
    return tuple(sorted(read, key=lambda one: (one.time, one.text)))


def _open(address: str, token: str | None) -> requests.Session:
    """A session with the token. Raises InputError for an address with a password in it."""
    if "@" in address.partition("://")[2].partition("/")[0]:
        raise InputError(
            "the address holds a password",
            expected="an address without one",
            next_step=f"make a token for a service account and put it into {TOKEN_VARIABLE}",
        )
    if fault := fault_of_url(address):
        raise InputError(
            f"the address of Grafana {fault}",
            expected="http://127.0.0.1:3000, with a path if there is one",
            next_step="give the address at which Grafana's own pages begin",
        )
    session = HttpSession()
    if token:
        session.auth = BearerAuth(token)
    return session


class BearerAuth(requests.auth.AuthBase):
    """Sends a token; a header alone would lose to an entry of ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _board(session: requests.Session, root: str, uid: str) -> tuple[str, ReadDashboard]:
    answer = _get(session, root, f"/api/dashboards/uid/{quote(uid, safe='')}", {})
    try:
        return uid.removeprefix(PREFIX), board_of(answer["dashboard"])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _stranger(root, f"the dashboard {uid} is not whole: {shape_of(error)}") from error


def _get(
    session: requests.Session,
    root: str,
    path: str,
    params: Mapping[str, str | list[str]],
    *,
    what: str = "dashboards",
    option: str = "--token-file",
) -> Any:
    try:
        answer = session.get(root + path, params=params, timeout=_TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        raise ServerError(
            f"{root} cannot be reached",
            value=reason_of(error),
            expected=_EXPECTED,
            next_step="check the address and that the server runs",
        ) from error
    if answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
        refused = answer.status_code == requests.codes.unauthorized and "Authorization" in answer.request.headers
        step = f"put it into {TOKEN_VARIABLE}, or name its file with {option}"
        raise ServerError(
            f"{root} does not let us read its {what}{': it refuses the token' if refused else ''}",
            value=f"{answer.status_code} for {path}",
            expected="the token of a service account with the role Viewer",
            next_step=f"it may have expired, or be of another Grafana: make a new one and {step}" if refused else step,
        )
    if answer.status_code != requests.codes.ok:
        raise _stranger(root, f"{path} answers {answer.status_code}")
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:  # also a number of thousands of digits, brackets within brackets
        raise _stranger(root, f"{path} answers no JSON") from error


def _stranger(root: str, message: str) -> ServerError:
    step = "give the address at which Grafana's own pages begin"
    return ServerError(message, value=root, expected=_EXPECTED, next_step=step)
