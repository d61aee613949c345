"""A folder of a Grafana, with the dashboards of a build, through its HTTP API.

Documented at https://grafana.com/docs/grafana/latest/developers/http_api/ (dashboard, folder, search, annotations). The
token of a service account with the role Editor is enough. Grafana changes one dashboard at a time: while a deployment
runs, some are new and some are old.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from regobs.deploy.board_changes import board_changes
from regobs.deploy.json_api import ApiWords, JsonApi
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.errors import InputError, ServerError
from regobs.grafana.live import TOKEN_VARIABLE, BearerAuth, read_token
from regobs.grafana.outputs import FOLDER
from regobs.prometheus.connection import Connection

_MOST = 5000  # Grafana's own limit of a search
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_ADDED = ("id", "version")  # by Grafana, to what was saved
_WORDS = ApiWords(
    expected="the HTTP API of Grafana 9 or later",
    allowed="the token of a service account with the role Editor",
    credentials=f"put it into {TOKEN_VARIABLE}, or name its file: token_file of this target in regobs.toml",
    next_step="give the address at which Grafana's own pages begin, and see its log",
)


class GrafanaFolder:
    """The dashboards of one folder, by `<uid>.json`. Of `connection` only the certificates count."""

    def __init__(
        self,
        name: str,
        url: str,
        folder: str,
        token_file: Path | None,
        tags: tuple[str, ...] = (),
        *,
        connection: Connection | None = None,
    ) -> None:
        self._name, self._folder, self._token_file, self._tags = name, folder, token_file, tags
        self._connection = connection
        self._api = JsonApi(url, _WORDS, self._enter)
        self._ask = self._api.ask
        self._seen: dict[str, Any] = {}  # the version of each dashboard when it was read last
        self._saved: dict[str, Any] = {}  # and of those that the last `write` saved

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The dashboards of a build, by their uid."""
        boards = (data for name, data in files.items() if name.startswith(f"{FOLDER}/") and name.endswith(".json"))
        return {f"{board['uid']}.json": _canonical(board) for board in map(json.loads, boards)}

    def read(self) -> dict[str, bytes]:
        """Every dashboard of the folder; nothing where there is no such folder."""
        if self._ask("GET", f"/api/folders/{quote(self._folder, safe='')}", missing=True) is None:
            return {}
        query = {"type": "dash-db", "folderUIDs": self._folder, "limit": str(_MOST)}
        listed = self._ask("GET", "/api/search", params=query)
        if not isinstance(listed, list) or not all(isinstance(one, dict) and one.get("uid") for one in listed):
            raise self._api.strange("what /api/search answers is no list of dashboards")
        found, self._seen = {}, {}
        for one in listed:
            board = self._board(str(one["uid"]))
            if board is not None:
                name = f"{one['uid']}.json"
                found[name], self._seen[name] = _canonical(board["dashboard"]), board["dashboard"].get("version")
        return found

    def _board(self, uid: str) -> dict[str, Any] | None:
        answer = self._ask("GET", f"/api/dashboards/uid/{quote(uid, safe='')}", missing=True)
        if answer is None:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("dashboard"), dict):
            raise self._api.strange(f"the dashboard {uid} is not whole")
        return answer

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is a dashboard of this uid: letters, digits, `-` and `_`, as Grafana has them."""
        uid = json.loads(content)["uid"]
        return name == f"{uid}.json" and _UID.fullmatch(uid) is not None

    def check(self, objects: Objects) -> None:
        """Refuse a dashboard whose uid another folder has: to save it here would take it away there."""
        here = self.read()
        for name in objects:
            if name in here:
                continue
            board = self._board(name.removesuffix(".json"))
            if board is not None:
                folder = board.get("meta", {}).get("folderUid", "")
                raise InputError(
                    "a dashboard of this uid is in another folder",
                    value=f"{name.removesuffix('.json')} in {folder or 'the root folder'}",
                    expected=f"none, or one in {self._folder}",
                    next_step="move or delete it there, or name that folder in regobs.toml",
                )

    def write(self, before: Objects, after: Objects) -> None:
        """One dashboard at a time: those that differ are saved, those that went away are deleted.

        Grafana refuses with 412 what somebody saved since `read`, and a new one whose title another has in the folder.
        """
        self._saved = {}
        if self._ask("GET", f"/api/folders/{quote(self._folder, safe='')}", missing=True) is None and after:
            self._ask("POST", "/api/folders", body={"uid": self._folder, "title": self._folder})
        gone = [name for name in before if name not in after]
        titles = {json.loads(content).get("title") for content in after.values()}
        first = [name for name in gone if json.loads(before[name]).get("title") in titles]  # a folder has a title once
        for name in first:
            self._delete(name)
        for name, content in after.items():
            if before.get(name) != content:
                self._save(name, content)
        for name in gone:
            if name not in first:
                self._delete(name)

    def _save(self, name: str, content: bytes) -> None:
        body = {
            "dashboard": json.loads(content) | {"id": None, "version": self._seen.get(name, 0)},
            "folderUid": self._folder,
            "message": "regobs deploy",
            "overwrite": False,
        }
        try:
            answer = self._ask("POST", "/api/dashboards/db", body=body)
        except ServerError as error:
            if error.status == requests.codes.precondition_failed and "same name" in str(error.value):
                error.status = None
                error.next_step = "rename or move the other dashboard of this title in the folder, and deploy again"
            raise
        self._saved[name] = answer.get("version") if isinstance(answer, dict) else None

    def _delete(self, name: str) -> None:
        self._refuse_saved_since(name)
        self._ask("DELETE", f"/api/dashboards/uid/{quote(name.removesuffix('.json'), safe='')}", missing=True)

    def _refuse_saved_since(self, name: str) -> None:
        """Raise ServerError for a dashboard that somebody saved since `read`: a deletion takes no version."""
        uid = name.removesuffix(".json")
        board = self._board(uid)
        if board is not None and name in self._seen and board["dashboard"].get("version") != self._seen[name]:
            error = ServerError(f"somebody else saved the dashboard {uid} at the same time", value=self._api.url)
            error.status = requests.codes.precondition_failed
            raise error

    def edited_since(self, found: Objects) -> list[str]:
        """Dashboards that have another version than our save gave them, or are gone again."""
        return [name for name, version in self._saved.items() if name not in found or self._seen[name] != version]

    def verify(self, objects: Objects) -> None:
        """Every dashboard can be read, and is what was saved."""
        here = self.read()
        for name, content in objects.items():
            if here.get(name) != content:
                what = "is not what was saved" if name in here else "is not there"
                raise ServerError(
                    f"the dashboard {name.removesuffix('.json')} {what}",
                    value=self._api.url,
                    next_step="see whether something else writes to this folder, such as provisioning or Git Sync",
                )

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal: `read` leaves out what is not ours."""
        return ours == live

    def announce(self, text: str) -> None:
        """Mark the moment on the dashboards that show annotations with these tags."""
        if self._tags:
            body = {"time": round(time.time() * 1000), "tags": list(self._tags), "text": text}
            self._ask("POST", "/api/annotations", body=body)

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Dashboards and panels added, removed, moved and changed."""
        return board_changes(_boards(before), _boards(after))

    def _enter(self, session: requests.Session) -> None:
        token = read_token(self._token_file)
        if token:
            session.auth = BearerAuth(token)
        if self._connection is not None:
            session.verify, session.cert = self._connection.verify, self._connection.certificate


def _canonical(board: Mapping[str, Any]) -> bytes:
    """A dashboard as it was saved: without what Grafana adds, keys in order."""
    plain = {key: value for key, value in board.items() if key not in _ADDED}
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _boards(objects: Objects) -> dict[str, dict[str, Any]]:
    return {name.removesuffix(".json"): json.loads(content) for name, content in objects.items()}
