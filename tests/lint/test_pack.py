"""Nothing is found in what regobs builds itself, for either registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.build import build_files
from regobs.catalog.model import Capability, Flavor
from regobs.config import Config
from regobs.lint import LintContext, LintReport, Severity
from regobs.lint.engine import lint_files, lint_paths
from regobs.lint.read import SUFFIXES, read_text
from regobs.pack import find_pack

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("flavor", Flavor)
def test_nothing_is_found_in_the_own_pack(flavor: Flavor) -> None:
    report = _report(Config().of_flavor(flavor))
    assert [one for one in report.findings if one.severity is not Severity.NOTE] == []
    # Links to runbooks are a setting of a deployment; alerts on single routes count from a rate on by intention.
    assert {one.check for one in report.findings} <= {"no-runbook", "traffic-floor"}


@pytest.mark.parametrize("flavor", Flavor)
def test_nothing_is_found_but_notes_where_all_is_switched_on(flavor: Flavor) -> None:
    report = _report(Config(capabilities=frozenset(Capability)).of_flavor(flavor))
    assert [one for one in report.findings if one.severity is not Severity.NOTE] == []


def test_nothing_is_found_but_notes_in_the_rules_as_the_pack_has_them() -> None:
    report = lint_paths([ROOT / "alerts"], LintContext())
    assert report.rules > 100
    assert [one for one in report.findings if one.severity is not Severity.NOTE] == []


def _report(config: Config) -> LintReport:
    context = LintContext(config.prometheus.scrape_interval.ms, config.flavor)
    built = {Path(name): content for name, content in build_files(config, find_pack(None, config)).items()}
    read = [
        read_text(content.decode(), str(name), name.suffix, context)
        for name, content in built.items()
        if name.suffix in SUFFIXES and name.parts[0] in {"prometheus", "dashboards"}
    ]
    report = lint_files(read, context)
    assert report.rules > 100
    assert report.dashboards > 5
    return report
