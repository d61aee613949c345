"""The search API of Prometheus 3.13 and later: names and values that begin with a text, as lines of JSON.

https://prometheus.io/docs/prometheus/latest/querying/api/#searching-metric-names-label-names-and-label-values
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from regobs.common.frozen import frozen
from regobs.errors import EndpointError

SearchPart = Literal["metric_names", "label_names", "label_values"]
CONTENT_TYPE = "application/x-ndjson"
_MOST_TIMES = ("start", "0")  # without it the last hour only, while the lists of names are of all times


@frozen
class FoundNames:
    """What was found, each with what the server says of it; `whole` where there is nothing beside it."""

    names: Mapping[str, str]
    whole: bool
    warnings: tuple[str, ...] = ()


def search_params(begun: str, matches: Iterable[str], label: str, limit: int | None) -> list[tuple[str, str]]:
    """The parameters of a request. The highest threshold leaves what begins with the text, not what resembles it."""
    params = [("match[]", match) for match in matches] + ([("label", label)] if label else [])
    if begun:
        params += [("search[]", begun), ("fuzz_threshold", "100"), ("sort_by", "score")]
    if limit is not None:
        params += [("limit", str(limit)), ("batch_size", str(limit))]
    return [*params, _MOST_TIMES]


def read_found(url: str, part: SearchPart, text: str) -> FoundNames:
    """The answer of a search. Raises EndpointError for one that is none, or that ends with an error.

    One that breaks off between two lines is not the whole, and no error, as the documentation wants it.
    """
    names: dict[str, str] = {}
    warnings: dict[str, None] = {}
    whole = False
    for line in _lines(url, part, text):
        warnings.update(dict.fromkeys(map(str, line.get("warnings") or ())))
        if "results" in line:
            names.update(_named(item, part) for item in line["results"] or ())
            continue
        if line.get("status") != "success":
            raise _none(url, part, f"{line.get('errorType', 'error')}: {line.get('error', '')}")
        whole = not line.get("has_more")
    return FoundNames(names, whole, tuple(warnings))


def _lines(url: str, part: str, text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.split("\n"):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            raise _none(url, part, line[:100]) from None
        if not isinstance(found, dict):
            raise _none(url, part, line[:100])
        yield found


def _named(item: Mapping[str, Any], part: SearchPart) -> tuple[str, str]:
    if part == "label_values":
        return str(item["value"]), ""
    if part == "label_names":
        return str(item["name"]), ""
    return str(item["name"]), described(item, str(item["name"]))


def described(entry: Mapping[str, Any], name: str) -> str:
    """What a server says of a series: type, unit and help; what it is by its name where nothing is said."""
    if not entry.get("type"):
        return "recorded series" if ":" in name else "series"
    unit = f" {entry['unit']}" if entry.get("unit") else ""
    return f"{entry['type']}{unit}: {entry.get('help', '')}"


def _none(url: str, part: str, said: str) -> EndpointError:
    return EndpointError(f"{url} does not answer /api/v1/search/{part} as Prometheus does", value=said or None)
