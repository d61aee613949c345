"""From the path of a request to the word of its route: `/v2/a/b/manifests/latest` is `manifest`.

The grammar is that of the registry's router (gorilla/mux with strict slashes over the patterns of distribution's
reference and go-digest packages): what the router answers itself (404 without a route, 301 to the clean path) has no
route here and is not counted there. Checked against a running docker-registry 2.8.2.
"""

from __future__ import annotations

import re
from posixpath import normpath
from typing import TypeVar

from regobs.catalog import http
from regobs.catalog.model import Flavor

V = TypeVar("V")

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_NAME = re.compile(rf"(?:{_HOST}(?:\.{_HOST})*(?::[0-9]+)?/)?{_PART}(?:/{_PART})*", re.ASCII).fullmatch
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII).fullmatch
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", re.ASCII).fullmatch
SENT_AWAY = frozenset({301, 302, 307, 308, 404})  # statuses of a path that is not clean and was not served
_KEPT = 4096  # paths, and names of repositories, that are remembered; all are forgotten when there are more
_LONGEST = 512  # characters of a remembered path; a name has at most 255, a reference at most 128
_DIGITS = 64  # of a SHA-256
_NEW = "\0"  # no word
_UPLOAD = re.compile(r"[a-zA-Z0-9_.=-]+", re.ASCII).fullmatch

_SINGLE = {"/v2/": "base", "/v2/_catalog": "catalog"}
_V1 = "/gitlab/v1/"
_V1_REPOSITORIES = "/gitlab/v1/repositories/"
_V1_PATHS = "/gitlab/v1/repository-paths/"


class Routes:
    """The routes of one flavor below a prefix (`http.prefix` of the registry's configuration)."""

    def __init__(self, flavor: Flavor, prefix: str = "") -> None:
        self._prefix = prefix.rstrip("/")
        form = http.REQUESTS.form(flavor)
        label = form.label("route") if form else None
        self._words = frozenset(label.words if label else ())
        self._names: dict[str, bool] = {}
        self._paths: dict[str, str | None] = {}
        self._digests: dict[str, str | None] = {}  # by what stands before a digest
        self.known = self._paths.get  # the word of a path that is remembered; None for others

    def word(self, path: str) -> str | None:
        """The word of the route that a decoded path without query belongs to, None where there is none."""
        word = self._paths.get(path, _NEW)
        if word is _NEW:
            digest = path[-_DIGITS:]
            if path[-_DIGITS - 8 : -_DIGITS] == "/sha256:" and _is_alphanumeric(digest):
                # Of new digests there is no end, and the route is the same for all of a repository.
                return self._of_digests(path[:-_DIGITS])
            word = self._find(path)
            _remember(self._paths, path, word)
        return word

    def _of_digests(self, before: str) -> str | None:
        word = self._digests.get(before, _NEW)
        if word is _NEW:
            word = self._find(before + "0" * _DIGITS)
            _remember(self._digests, before, word)
        return word

    def normalised(self, path: str) -> str | None:
        """The word of the route that a path with empty, `.` or `..` parts has once it is clean; None for a clean one.

        The registry's router sends such a path away (301), some frameworks serve it.
        """
        if "/." not in path and "//" not in path:
            return None
        clean = normpath("/" + path.lstrip("/")) + ("/" if path.endswith("/") else "")
        return self.word(clean)

    def _find(self, path: str) -> str | None:
        if self._prefix:
            if not path.startswith(self._prefix):
                return None
            path = path[len(self._prefix) :]
        if path.startswith("/v2/"):
            return self._v2(path)
        word = _v1(path) if path.startswith(_V1) else None
        return word if word in self._words else None

    def _v2(self, path: str) -> str | None:
        rest, _, last = path.rpartition("/")
        rest, _, kind = rest.rpartition("/")
        if kind == "manifests":
            word = "manifest" if _is_digest(last) or _TAG(last) else None
        elif kind == "blobs":
            word = "blob" if _is_digest(last) else None
        elif kind == "uploads" and rest.endswith("/blobs"):
            rest = rest[:-6]
            word = "upload_start" if not last else "upload" if _UPLOAD(last) else None
        elif kind == "tags" and last == "list":
            word = "tags"
        else:
            return _SINGLE.get(path)
        return word if word and self._is_name(rest[4:]) else None

    def _is_name(self, name: str) -> bool:
        known = self._names.get(name)
        if known is None:
            known = _NAME(name) is not None
            _remember(self._names, name, known)
        return known


def _remember(known: dict[str, V], key: str, value: V) -> None:
    if len(known) >= _KEPT:
        known.clear()
    if len(key) <= _LONGEST:
        known[key] = value


def _is_alphanumeric(text: str) -> bool:
    """Whether it has letters and digits of ASCII only. As bytes, because `isalnum` of text takes 20 times as long."""
    return text.isascii() and text.encode().isalnum()


def _is_digest(text: str) -> bool:
    if text.startswith("sha256:") and _is_alphanumeric(text[7:]):
        return True
    return ":" in text and _DIGEST(text) is not None


def _v1(path: str) -> str | None:  # noqa: PLR0911 (one return a route)
    if path == _V1:
        return "v1_base"
    if path == "/gitlab/v1/statistics/":
        return "v1_statistics"
    if path.startswith(_V1_PATHS) and path.endswith("/repositories/list/"):
        return "v1_sub_repositories" if _NAME(path, len(_V1_PATHS), len(path) - 19) else None
    if not path.startswith(_V1_REPOSITORIES) or not path.endswith("/"):
        return None
    start, end = len(_V1_REPOSITORIES), len(path) - 1
    if path.endswith("/tags/list/") and _NAME(path, start, end - 10):
        return "v1_tags"
    name, _, tag = path[start:end].rpartition("/tags/detail/")
    if name and _NAME(name) and _TAG(tag):
        return "v1_tag_detail"
    return "v1_repository" if _NAME(path, start, end) else None
