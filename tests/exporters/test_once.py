"""`regobs export logs --once` and `--backfill`: what is refused is said, and each content counts once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from regobs.cli.main import regobs

SETTINGS = "metrics: [{name: registry_log_own_total, help: h, labels: {repository: vars_name}, most: 10000}]"


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(regobs, ["export", "logs", *arguments], env={"HOME": str(tmp_path)})


def lines(tmp_path: Path, number: int) -> Path:
    file = tmp_path / "r.log"
    with file.open("w", encoding="utf-8") as out:
        for one in range(number):
            record = {"time": "2026-11-25T10:00:00.000Z", "level": "info", "msg": "blob uploaded"}
            out.write(json.dumps({**record, "vars_name": f"n{one:05}"}) + "\n")
    return file


def series(result: Result) -> set[str]:
    return {row.rpartition("}")[0] for row in result.stdout.splitlines() if row.startswith("registry_log_own_total{")}


@pytest.mark.parametrize("mode", [["--once"], ["--backfill", "1m"]], ids=["once", "backfill"])
@pytest.mark.parametrize(("names", "shown"), [(4_999, 4_999), (5_000, 5_000), (5_001, 5_000), (6_000, 5_000)])
def test_no_more_than_the_ceiling_of_series_comes_out_and_what_was_refused_is_named(
    tmp_path: Path, mode: list[str], names: int, shown: int
) -> None:
    (tmp_path / "m.yaml").write_text(SETTINGS, encoding="utf-8")
    result = run(tmp_path, *mode, "--metrics", str(tmp_path / "m.yaml"), str(lines(tmp_path, names)))
    assert result.exit_code == 0
    assert len(series(result)) == shown
    told = [row for row in result.stderr.splitlines() if "registry_log_own_total" in row]
    if names < 5_000:
        assert told == []
    else:
        (warning,) = told
        assert warning.startswith("Warning: registry_log_own_total: the ceiling of 5,000 series is reached")
        assert f"`other` {names - 4_999:,} times" in warning
        assert "repository=n04999" in warning
