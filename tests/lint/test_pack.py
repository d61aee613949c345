"""Nothing is found in what regobs builds itself, for either registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.build import build_files
from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.lint import LintContext, Severity
from regobs.lint.engine import lint_files
from regobs.lint.read import SUFFIXES, read_text
from regobs.pack import find_pack


@pytest.mark.parametrize("flavor", Flavor)
def test_nothing_is_found_in_the_own_pack(flavor: Flavor) -> None:
    config = Config().of_flavor(flavor)
    context = LintContext(config.prometheus.scrape_interval.ms, flavor)
    built = {Path(name): content for name, content in build_files(config, find_pack(None, config)).items()}
    read = [
        read_text(content.decode(), str(name), name.suffix, context)
        for name, content in built.items()
        if name.suffix in SUFFIXES and name.parts[0] in {"prometheus", "dashboards"}
    ]
    report = lint_files(read, context)
    assert report.rules > 100
    assert report.dashboards > 5
    assert [one for one in report.findings if one.severity is not Severity.NOTE] == []
    # Links to runbooks are a setting of a deployment; alerts on single routes count from a rate on by intention.
    assert {one.check for one in report.findings} <= {"no-runbook", "traffic-floor"}
