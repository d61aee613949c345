"""Lines of `registry database import` are judged by the schema of their own message, also without a component."""

from __future__ import annotations

import json
from typing import Any

import pytest

from regobs.logs.judging.report import to_data
from regobs.logs.messages.message import GAP, read_messages
from tests.logs.judging.test_validate import judged_lines
from tests.logs.lines import text_of

MESSAGES = [one for one in read_messages("gitlab-commands") if one.component == "import"]
BASE = {
    "time": "2026-11-23T11:05:00Z", "pre_import": True, "repository_import": True, "common_blobs": True,
    "dry_run": False, "instance_id": "a",
}  # fmt: skip
DIGEST = "sha256:" + "ab" * 32
TAG = {"repository": "a/b", "tag_name": "1", "count": 1, "total": 2}
LINES: list[dict[str, Any]] = [
    {"level": "info", "msg": "starting metadata import"},
    {"level": "info", "msg": "importing tag", **TAG, "digest": DIGEST},
    {"level": "info", "msg": "importing tag", **TAG, "digest": ""},  # its link is missing
    {"level": "warning", "msg": "missing tag link, skipping", "error": "unknown tag", **TAG, "digest": ""},
    {"level": "info", "msg": "importing manifest", **TAG, "digest": DIGEST},
    {"level": "info", "msg": "importing layer", **TAG, "digest": DIGEST, "media_type": "l", "size": 7},
    {"level": "info", "msg": "importing blob", "digest": DIGEST, "count": 0, "size": 7},
    {"level": "error", "msg": "error importing repository", "error": "x", "repository": "a/b", "count": 1},
    {"level": "info", "msg": "metadata import complete", "duration_s": 1.5, "tags": 4, "blobs": 3, "manifests": 2},
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_an_import_is_known_and_valid(line: dict[str, Any]) -> None:
    found = to_data(judged_lines(BASE | line, strict=True))
    assert (found["valid"], found["unknown_messages"], found["unknown_fields"]) == (1, 0, 0), json.dumps(found)


@pytest.mark.parametrize(
    "line",
    [
        {"level": "info", "msg": "importing tag", "digest": DIGEST},  # of which tag?
        {"level": "info", "msg": "importing manifest", "repository": "a/b", "digest": ""},
        {"level": "info", "msg": "metadata import complete"},
        {"level": "info", "msg": "creating tag", "error": "x"},
        {"level": "warning", "msg": "missing tag link, skipping", **TAG},
    ],
)
def test_a_line_that_lacks_what_its_message_must_have_is_invalid(line: dict[str, Any]) -> None:
    assert judged_lines(BASE | line).invalid == 1


def test_only_what_names_its_component_is_left_to_the_rule_for_the_rest() -> None:
    assert [one.text for one in MESSAGES if not one.exact] == [GAP]
    other = {"level": "info", "msg": "importing something new", "repository": "a/b"}
    assert judged_lines(BASE | other).unknown_messages == 1
    assert judged_lines(BASE | other | {"component": "importer"}, strict=True).valid == 1


def test_no_text_is_declared_twice() -> None:
    texts = [text_of(one) for one in MESSAGES]
    assert len(set(texts)) == len(texts) == 54
