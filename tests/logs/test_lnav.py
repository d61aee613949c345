"""The format files of lnav, read by a real lnav."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.logs.fields import ALIASES, DISTRIBUTION_FIELDS, FIELDS
from regobs.logs.lnav import RESERVED, files
from tests.e2e.conftest import require
from tests.logs.lines import DOCKER, GITLAB, records
from tests.logs.sample import newer

Asked = Callable[..., list[dict[str, str]]]


@pytest.fixture
def lnav(tmp_path: Path) -> Asked:
    """Ask a query of log lines with the formats of a flavor; lnav must accept the formats without complaint."""
    program = require("lnav", package="lnav")

    def ask(flavor: str, lines: list[dict[str, Any]] | bytes, query: str) -> list[dict[str, str]]:
        formats = tmp_path / "settings" / "formats" / "regobs"
        formats.mkdir(parents=True, exist_ok=True)
        (formats / "regobs.json").write_bytes(files()[f"{flavor}.json"])
        log = tmp_path / "registry.log"
        log.write_bytes(
            lines if isinstance(lines, bytes) else b"".join(json.dumps(one).encode() + b"\n" for one in lines)
        )
        environment = os.environ | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "TERM": "dumb"}
        base = [str(program), "-I", str(tmp_path / "settings")]
        said = [
            subprocess.run([*base, *rest], check=True, capture_output=True, text=True, env=environment, timeout=60)
            for rest in (["-C"], ["-n", "-c", f";{query}", "-c", ":write-csv-to -", str(log)])
        ]
        assert [(one.stdout if number == 0 else "") + one.stderr for number, one in enumerate(said)] == ["", ""]
        return list(csv.DictReader(io.StringIO(said[1].stdout)))

    return ask


@pytest.mark.server
@pytest.mark.parametrize("generation", ["regobs_gitlab", "regobs_labkit"])
def test_lnav_reads_every_line_of_either_gitlab_generation_with_level_and_values(generation: str, lnav: Asked) -> None:
    seen = records(GITLAB)
    lines = seen if generation == "regobs_gitlab" else [newer(one) for one in seen]
    found = lnav("gitlab", lines, "SELECT log_format, log_level, count(*) AS n FROM all_logs GROUP BY 1, 2")
    assert {row["log_format"] for row in found} == {generation}
    assert {row["log_level"]: int(row["n"]) for row in found} == Counter(one["level"] for one in seen)
    duration = "duration_ms" if generation == "regobs_gitlab" else "duration_s"
    query = (
        f"SELECT status, count(*) AS n, sum({duration}) AS took FROM {generation} WHERE proto IS NOT NULL GROUP BY 1"  # noqa: S608
    )
    by_status = {row["status"]: row for row in lnav("gitlab", lines, query)}
    access = [one for one in lines if "proto" in one]
    assert {status: int(row["n"]) for status, row in by_status.items()} == Counter(str(one["status"]) for one in access)
    took = sum(float(row["took"]) for row in by_status.values())
    assert took == pytest.approx(sum(one[duration] for one in access))


@pytest.mark.server
def test_lnav_reads_every_json_line_of_a_docker_registry(lnav: Asked) -> None:
    content = gzip.decompress(DOCKER[0].read_bytes())
    seen = [json.loads(line) for line in content.splitlines() if line.startswith(b"{")]
    query = 'SELECT log_level, count(*) AS n, count("http.request.id") AS requests FROM regobs_distribution GROUP BY 1'
    found = {row["log_level"]: row for row in lnav("distribution", content, query)}
    found.pop("invalid")  # access lines in the Apache form, which stand in the same stream
    assert {level: int(row["n"]) for level, row in found.items()} == Counter(one["level"] for one in seen)
    assert sum(int(row["requests"]) for row in found.values()) == sum("http.request.id" in one for one in seen)


def test_the_formats_have_every_field_of_the_catalogue_and_say_what_it_means() -> None:
    gitlab, distribution = (json.loads(content) for content in files().values())
    assert len(FIELDS.keys() & RESERVED) == 3
    for name, field in FIELDS.items():
        if name in {"time", "level", "msg", *RESERVED}:
            continue
        value = gitlab["regobs_gitlab"]["value"][name]
        assert field.meaning in value["description"]
        assert ("Unit:" in value["description"]) == (field.unit is not None)
    newer_names = {name for name, alias in ALIASES.items() if alias.generation == "labkit"} - {"status_code"}
    base = {"timestamp", "severity", "message"}
    assert newer_names - base <= gitlab["regobs_labkit"]["value"].keys()
    assert distribution["regobs_distribution"]["value"].keys() == DISTRIBUTION_FIELDS.keys() - {"time", "level", "msg"}
