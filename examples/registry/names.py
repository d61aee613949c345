"""What repositories, tags and digests are called: parts of a path that the router matches, and query parameters."""

from __future__ import annotations

import re

from starlette.convertors import Convertor, register_url_convertor

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
REPOSITORY = rf"{_PART}(?:/{_PART})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[0-9a-f]{64}"
_LONGEST = 255


class _Text(Convertor[str]):
    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def register() -> None:
    """Let routes name `{x:repository}`, `{x:digest}` and `{x:reference}`."""
    for name, regex in (("repository", REPOSITORY), ("digest", DIGEST), ("reference", f"{DIGEST}|{TAG}")):
        register_url_convertor(name, type(name, (_Text,), {"regex": regex})())


def is_repository(text: str) -> bool:
    """Whether this can be the path of a repository."""
    return len(text) <= _LONGEST and re.fullmatch(REPOSITORY, text) is not None


def is_digest(text: str) -> bool:
    """Whether this is a digest that we can check."""
    return re.fullmatch(DIGEST, text) is not None
