"""Several records on one line: lists of JSON, answers of servers, batches, and what Fluent Bit writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from regobs.logs.reading.lenient import UNDECODABLE, decode

# What has objects in a list: `aws logs`, Datadog's answers.
_LISTS = ("events", "data", "logs")
_OF_LISTS = re.compile(rb'\{\s{0,9}"(?:events|data|logs)":')
_BEHIND = re.compile(rb"\}[ \t\r]{0,9}\{")
_DECODER = json.JSONDecoder()
_OF_FLUENT_BIT = re.compile(rb"(?:[\w.*/-]{1,200}: )?(?=\[\[?[0-9])")  # the tag, before time and record


def listed(content: bytes) -> list[bytes]:
    """The objects of a list that stands on one line, or of a batch; none when it is neither."""
    if content[-2:] == b"}]" and (tag := _OF_FLUENT_BIT.match(content)):
        return _of_fluent_bit(content[tag.end() :])
    if is_batch(content):
        return _of_batch(content)
    is_list = content[:1] == b"[" and content[-2:] == b"}]"
    if not is_list and not (_OF_LISTS.match(content) and b'"message"' in content):
        return []
    try:
        records = records_of(decode(content))
    except UNDECODABLE:
        return []
    return [msgspec.json.encode(one) for one in records] if all(isinstance(one, dict) for one in records) else []


def _of_fluent_bit(content: bytes) -> list[bytes]:
    """The record of `[TIME, {...}]` or `[[TIME, {...}], {...}]`, with the time where it has none."""
    try:
        found = decode(content)
    except UNDECODABLE:
        return []
    if len(found) != 2 or not isinstance(found[1], dict):
        return []
    time = found[0][0] if isinstance(found[0], list) else found[0]
    return [msgspec.json.encode({"date": time, **found[1]})]


def is_batch(content: bytes) -> bool:
    """Whether events for Splunk's HTTP Event Collector stand one behind the other, as one request may have them."""
    if content[:1] != b"{" or b'"event"' not in content or not _BEHIND.search(content):
        return False
    found = next(_values(content.decode(errors="replace")), None)
    return found is not None and _is_event(found[0]) and found[1]


def _is_event(record: dict[str, Any]) -> bool:
    return "event" in record and "msg" not in record


def _of_batch(content: bytes) -> list[bytes]:
    """The events of a batch; none where something else stands among them."""
    found = list(_values(content.decode(errors="replace")))
    whole = found and not found[-1][1] and all(_is_event(record) for record, _ in found)
    return [msgspec.json.encode(record) for record, _ in found] if whole else []


def _values(text: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """Objects of JSON that stand one behind the other, each with whether one follows; they end where one is none."""
    place = 0
    while place < len(text):
        try:
            record, place = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        while text[place : place + 1] in {" ", "\t", "\r"}:
            place += 1
        if not isinstance(record, dict):
            return
        yield record, place < len(text)


def records_of(found: Any) -> list[Any]:
    """The objects of a document, and what an answer has in a list: those of notifications have no message."""
    if isinstance(found, list):
        return [record for one in found for record in ([one] if isinstance(one, list) else records_of(one))]
    for name in _LISTS if isinstance(found, dict) else ():
        records = found.get(name)
        if isinstance(records, list) and records and all(map(_has_message, records)):
            return records
    return [found]


def _has_message(record: Any) -> bool:
    """Whether an object, or one of Datadog's in it, has a message."""
    inner = [record, *(record.get(name) for name in ("attributes", "content"))] if isinstance(record, dict) else []
    return any(isinstance(one, dict) and isinstance(one.get("message"), str) for one in inner)
