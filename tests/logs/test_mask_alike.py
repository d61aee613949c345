"""`regobs logs trace`, `logs validate` and `logs query` mask the same lines in the same way."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from regobs.cli.logs import logs
from regobs.secrets import MASK
from regobs.secrets.decoding import decoded
from tests.secrets import harmless, leaks

SECRET = leaks.SECRETS[0]
IDENTITY = "01HV7C0N5T4NT1D00000000000"
LONGEST = 160  # characters of a sample in a report
# What is more than a text in a line, and what its name says.
STRUCTURES: tuple[Any, ...] = (
    ["AUTH", "default", SECRET],
    ["docker", "login", "-u", "bob", "-p", SECRET],
    ["curl", "--user", f"a:{SECRET}"],
    {"name": "X-Vault-Token", "value": SECRET},
    {"headers": [["Authorization", SECRET], ["Accept", "*/*"]]},
    {"auth_user": {"name": "bob", "JWT": SECRET}},
    json.dumps({"a": json.dumps({"encryption_key": SECRET})}),
    {"kty": "RSA", "n": "abc", "d": SECRET},
)
NAMED = ("tokens", "session_id", "jwt", "creds", "db_password", "account_key", "auth_header", "signing_key")
URI = ("Location", "URI")


def run(*arguments: str) -> Any:
    return json.loads(CliRunner().invoke(logs, [*arguments, "--format", "json"]).stdout)


def shown(values: dict[str, Any], folder: Path) -> list[tuple[Any, str]]:
    """Of each field: what the trace shows, and the sample of the report. A line that no schema knows for each."""
    file = folder / "registry.log"
    fixed = {"time": "2026-11-23T11:11:21.645Z", "level": "info", "msg": "seen once", "correlation_id": IDENTITY}
    file.write_text("".join(json.dumps({**fixed, name: value}) + "\n" for name, value in values.items()), "utf-8")
    traced = {name: one["record"][name] for one in run("trace", IDENTITY, str(file))["lines"] for name in one["record"]}
    report = run("validate", str(file))
    told = {one["field"]: one["first"]["sample"] for one in (*report["problems"], *report["drift"]["fields"])}
    return [(traced[name], told[name]) for name in values]


def numbered(values: Iterable[Any]) -> dict[str, Any]:
    """Values under names that say nothing."""
    return {f"seen_{number}": value for number, value in enumerate(values)}


def as_sample(value: Any) -> str:
    """What a report makes of a value: one line that is cut."""
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in str(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def alike(values: dict[str, Any], folder: Path) -> list[tuple[Any, str]]:
    found = shown(values, folder)
    assert [sample for _, sample in found] == [as_sample(value) for value, _ in found]
    return found


@pytest.mark.parametrize("kind", sorted(leaks.KINDS))
def test_a_trace_and_a_report_mask_the_same_text_alike(kind: str, tmp_path: Path) -> None:
    for value, sample in alike(numbered(text.replace("§", SECRET) for text in leaks.KINDS[kind]), tmp_path):
        assert SECRET not in decoded(str(value)) + decoded(sample)


@pytest.mark.parametrize(
    "values",
    [
        numbered(STRUCTURES),
        dict.fromkeys(NAMED, SECRET),
        {name: [SECRET] for name in NAMED},
        {name: {"a": SECRET} for name in NAMED},
        dict.fromkeys(URI, f"/v2/a/blobs/uploads/1?_state={SECRET}&x={SECRET}&n=5"),
    ],
)
def test_a_trace_and_a_report_mask_structures_and_names_alike(values: dict[str, Any], tmp_path: Path) -> None:
    for value, sample in alike(values, tmp_path):
        assert SECRET not in json.dumps(value) + sample
        assert MASK in json.dumps(value)


def test_neither_masks_what_is_harmless(tmp_path: Path) -> None:
    found = alike(numbered(harmless.TEXTS), tmp_path)
    assert [value for value, _ in found] == list(harmless.TEXTS)
