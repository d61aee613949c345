"""A strict stub of the search API of Prometheus 3.13, by its documentation and its observed order of results.

https://prometheus.io/docs/prometheus/latest/querying/api/#searching-metric-names-label-names-and-label-values
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.prometheus.stub import Reply, Request, failure

_BOTH = {"match[]", "search[]", "fuzz_threshold", "fuzz_alg", "case_sensitive", "sort_by", "sort_dir", "include_score",
         "start", "end", "limit", "batch_size"}  # fmt: skip
_OWN = {"metric_names": {"include_metadata"}, "label_names": set(), "label_values": {"label"}}
TYPE = "application/x-ndjson; charset=utf-8"


def lines(*objects: Mapping[str, Any]) -> Reply:
    return Reply(200, "".join(f"{json.dumps(one)}\n" for one in objects), TYPE)


def search(part: str, names: Sequence[str | Mapping[str, str]], most: int = 10_000) -> Callable[[Request], Reply]:
    """An endpoint over such names, or over records of metrics with type, help and unit; `most` is its own limit."""
    records = [{"value" if part == "label_values" else "name": one} if isinstance(one, str) else one for one in names]

    def answer(request: Request) -> Reply:
        params = request.params
        if wrong := _wrong(part, params, most):
            return failure(400, "bad_data", wrong)
        begun, limit = params.get("search[]", [""])[0], int(params.get("limit", [str(min(100, most))])[0])
        exact = params.get("fuzz_threshold", ["0"])[0] == "100"
        found = [one for one in records if _fits(_name(one), begun, exact=exact)]
        by_score = params.get("sort_by") == ["score"]
        found.sort(key=lambda one: (by_score and not _name(one).startswith(begun), _name(one)))
        if params.get("include_metadata") != ["true"]:
            found = [{key: one[key] for key in one if key in {"name", "value"}} for one in found]
        shown, size = found[:limit], int(params.get("batch_size", ["100"])[0])
        batches = [shown[at : at + size] for at in range(0, len(shown), size)] or [[]]
        return lines(*({"results": one} for one in batches), {"status": "success", "has_more": len(found) > limit})

    return answer


def _name(record: Mapping[str, str]) -> str:
    return record.get("name", record.get("value", ""))


def _fits(name: str, begun: str, *, exact: bool) -> bool:
    """A beginning always fits; a lower threshold takes what has the letters in their order too."""
    letters = iter(name)
    return name.startswith(begun) or (not exact and all(one in letters for one in begun))


def _wrong(part: str, params: Mapping[str, list[str]], most: int) -> str:
    unknown = set(params) - _BOTH - _OWN[part]
    limit = params.get("limit", ["1"])[0]
    checks = {
        f"unknown parameters {unknown}": bool(unknown),
        'missing required parameter "label"': part == "label_values" and not params.get("label"),
        "sort_by=score requires search[] to be set": params.get("sort_by") == ["score"] and "search[]" not in params,
        "invalid sort_by": params.get("sort_by", ["alpha"])[0] not in {"alpha", "score"},
        "invalid limit": not limit.isdigit() or limit == "0",
        "invalid fuzz_threshold": not 0 <= int(params.get("fuzz_threshold", ["0"])[0]) <= 100,
        f"limit {limit} exceeds the configured maximum": limit.isdigit() and int(limit) > most,
    }
    return next((text for text, wrong in checks.items() if wrong), "")
