"""What errors and notes show of an answer's text, without what opened the server, which may repeat it."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests

from regobs.secrets import MASK

_TAG = re.compile(r"<(?:style|script)\b[^<]*|<[^<>]*>?")  # at most 1000 characters are read


def without_secrets(body: Mapping[str, Any], response: requests.Response) -> Mapping[str, Any]:
    """An answer of the API whose errors and warnings repeat nothing of what opened the server."""
    shown: dict[str, Any] = {}
    for name in ("error", "warnings", "infos"):
        said = body.get(name)
        if said and isinstance(said, str):
            shown[name] = masked_text(said, response)
        elif said and isinstance(said, list):
            shown[name] = [masked_text(str(one), response) for one in said]
    return {**body, **shown}


def answer_words(response: requests.Response, longest: int = 300) -> str:
    """What a server says in an answer, on one line, without what opened it."""
    return " ".join(masked_text(response.text[: 4 * longest], response).split())[:longest]


def excerpt(response: requests.Response) -> str:
    """The type of an answer and how its text begins, of a page what a person reads there."""
    kind = response.headers.get("Content-Type", "no content type").split(";")[0]
    text = masked_text(response.text[:1000], response)
    if "html" in kind:
        text = " ".join(dict.fromkeys(" ".join(part.split()) for part in _TAG.split(text)))  # title and heading repeat
    text = " ".join(text.split())[:80]
    return f"{kind}: {text}" if text else kind


def masked_text(text: str, response: requests.Response) -> str:
    from regobs.secrets import is_secret_header, redacted_text  # noqa: PLC0415 - of an error or a warning only

    for name, value in response.request.headers.items():  # a server may repeat what it refuses
        if name in {"Authorization", "Proxy-Authorization", "Cookie"} or is_secret_header(name):
            for secret in _parts(str(value)):
                text = text.replace(secret, MASK)
    return redacted_text(text)


def _parts(sent: str) -> list[str]:
    """The words of a header that opens a server, and the password that is encoded in one."""
    words = sent.split()
    if len(words) == 2 and words[0].lower() == "basic":
        with suppress(ValueError):  # what is no base64
            words.append(b64decode(words[1]).decode("utf-8", "replace").partition(":")[2])
    return [word for word in words if word]
