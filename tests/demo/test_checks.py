from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from regobs.catalog import slo as names
from regobs.catalog.model import Flavor, Version
from regobs.config.model import Config
from regobs.demo.checks import slo_status, write_page
from regobs.demo.progress import Progress
from regobs.demo.stack import Built
from regobs.pack import find_pack
from tests.snapshot.world import Answering, Found, lively


def progress() -> Progress:
    """A demo that began two minutes ago, and broke something since."""
    found = Progress(io.StringIO())
    found.begun -= 120
    found.happened("fault", "Inject a fault: the disk is full")
    return found


def test_the_page_shows_every_dashboard_that_the_demo_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regobs.snapshot.page.bundle", str)
    said = write_page(Answering(lively), Built(tmp_path, Config(), find_pack(), {}), tmp_path, progress())
    assert said == f"all of it as one page: {tmp_path / 'demo.html'}  (opens without any server)"
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    assert "Registry Overview" in page
    assert "Registry Redis Detail" not in page  # this deployment has none
    assert time.strftime("%Y-%m-%d %H:", time.gmtime()) in page
    assert "every time is divided by 60" in page
    assert "Inject a fault: the disk is full" in page


def test_without_the_extra_the_demo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    said = write_page(Answering(lively), Built(tmp_path, Config(), find_pack(), {}), tmp_path, progress())
    assert said.startswith("no page of all this: the package that draws charts is missing (vl-convert-python); ")
    assert "pip install 'regobs[snapshot]'" in said
    assert list(tmp_path.iterdir()) == []


def test_slos_with_data_come_first_and_one_line_says_which_have_none_and_why(tmp_path: Path) -> None:
    config = Config(flavor=Flavor.DISTRIBUTION, version=Version(2, 8, 2))
    busy, period = "pull-blob-availability", names.EVENTS("28d").name

    def answer(text: str) -> Found:
        return [({"slo": busy}, [100.0])] if text.startswith(period) else []

    head, first, told = slo_status(Answering(answer), Built(tmp_path, config, find_pack(), {})).splitlines()
    assert head.split()[:2] == ["SLO", "target"]
    assert first.split()[0] == busy
    assert told.startswith("28 of the pack's SLOs have no data here: ")
    assert "garbage-collection-availability" in told
    assert "(does not exist in distribution registries)" in told
    assert "probe-availability (needs the capability probe, which is off)" in told
    assert "pull-manifest-availability" in told.partition(" (no event in this time)")[0]
    assert busy not in told


def test_before_the_first_event_of_any_slo_one_line_says_that_none_has_data(tmp_path: Path) -> None:
    built = Built(tmp_path, Config(flavor=Flavor.DISTRIBUTION, version=Version(2, 8, 2)), find_pack(), {})
    (told,) = slo_status(Answering(lambda _: []), built).splitlines()
    assert told.startswith("29 of the pack's SLOs have no data here: ")
