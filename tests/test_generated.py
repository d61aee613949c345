"""Generated files that stand in the repository, and the program that writes them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regobs.catalog import METRICS
from regobs.generated import differing, files, main
from regobs.logs.fields import ALIASES, DISTRIBUTION_FIELDS, EVENT_FIELDS, FIELDS
from tests.logs.lines import all_messages

ROOT = Path(__file__).parents[1]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("docs", "log_schemas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_what_stands_in_the_repository_is_what_is_generated() -> None:
    assert differing(ROOT) == []


def test_the_same_input_gives_the_same_bytes() -> None:
    assert files() == files()


def test_a_file_that_is_changed_missing_or_generated_no_longer_is_named_and_put_right(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / "docs/logs-reference.md").write_text("edited by hand", encoding="utf-8")
    (copy / "log_schemas/notifications.schema.json").unlink()
    (copy / "log_schemas/harbor.schema.json").write_text("{}", encoding="utf-8")
    assert main(["--check"], copy) == 1
    assert [line.split()[0] for line in capsys.readouterr().err.splitlines()] == [
        "docs/logs-reference.md",
        "log_schemas/harbor.schema.json",
        "log_schemas/notifications.schema.json",
    ]
    assert (copy / "docs/logs-reference.md").read_text(encoding="utf-8") == "edited by hand"
    assert main([], copy) == 0
    assert main(["--check"], copy) == 0
    assert not (copy / "log_schemas/harbor.schema.json").exists()


def test_pages_that_a_person_wrote_are_left_alone(copy: Path) -> None:
    (copy / "docs/handwritten.md").write_text("mine", encoding="utf-8")
    assert differing(copy) == []


def test_the_page_of_logs_has_every_field_every_message_and_every_other_name() -> None:
    page = files()["docs/logs-reference.md"].decode()
    for name in (*FIELDS, *DISTRIBUTION_FIELDS, *EVENT_FIELDS, *ALIASES):
        assert f"`{name}`" in page, name
    for _, message in all_messages():
        assert message.text.replace("|", "\\|") in page, message.text


def test_the_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    for name, content in files().items():
        if not name.endswith(".md"):
            continue
        width = 0
        for line in content.decode().splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
            assert not width or cells in {0, width}, line
            width = cells


def test_the_page_of_metrics_has_every_metric_and_its_pitfalls() -> None:
    page = files()["docs/metrics-reference.md"].decode()
    for metric in METRICS.values():
        assert f"`{metric.name}`" in page
        assert all(trap in page for trap in metric.pitfalls)
