"""Judging rules, dashboards and queries that anyone wrote, by what the catalog knows; no server is asked."""

from regobs.lint.engine import LintReport, lint_paths, lint_text
from regobs.lint.findings import CHECKS, LintFinding, Severity
from regobs.lint.subjects import LintContext

__all__ = ["CHECKS", "LintContext", "LintFinding", "LintReport", "Severity", "lint_paths", "lint_text"]
