"""docs/lint-reference.md: every check, from its own docstring."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.lint import engine  # noqa: F401 - registers the checks
from regobs.lint.findings import CHECKS, Check, CheckSubject

# What an allowance cannot reach: the file holds nothing that could carry one, or the allowance itself is wrong.
BEYOND_ALLOWANCE = frozenset({"bad-allowance", "unused-allowance", "unreadable-file"})

_HEAD = """# The checks of `regobs lint`

Generated from the checks themselves; each example is run by the tests. How to run lint, and how to silence a finding,
is in [lint.md](lint.md).

An error cannot work, a warning misleads, a note is worth a look and is only shown with `--notes`.

| check | severity | what it finds |
|---|---|---|
"""


def page() -> str:
    """The page."""
    checks = sorted(CHECKS.values(), key=lambda one: one.name)
    rows = [f"| [{one.name}](#{one.name}) | {one.severity} | {_line(one.parts['what'])} |\n" for one in checks]
    return _HEAD + "".join(rows) + "".join("\n" + "\n".join(_section(one)) + "\n" for one in checks)


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _section(one: Check) -> Iterator[str]:
    yield f"## {one.name}\n"
    yield f"### What it finds\n\n{_line(one.parts['what'])}\n"
    yield f"### Why it hurts\n\n{one.why[0].upper()}{one.why[1:]}\n"
    yield f"### Example\n\n{_fenced(one.example('Wrong'))}\n"
    yield f"### Fix\n\n{_fenced(one.parts['Right'])}\n"
    yield f"### How to silence\n\n{_silence(one)}"


def _silence(one: Check) -> str:
    """How a finding is allowed where it stands."""
    words = f"regobs: allow {one.name}: why this is right here"
    if one.name in BEYOND_ALLOWANCE:
        return "It cannot be allowed: correct the file, or leave it out."
    comment = f"`# {words}`, a comment in or above the rule, or at the top of the file"
    description = f"`{words}` in the description of the panel, or of the dashboard"
    if one.subject in {CheckSubject.PANEL, CheckSubject.DASHBOARD}:
        return f"{description}."
    if one.subject in {CheckSubject.QUERY, CheckSubject.LOG_QUERY, CheckSubject.LIVE}:
        return f"{comment}; in a dashboard {description}."
    return f"{comment}."


def _fenced(text: str) -> str:
    keys = ("-", "groups:", "route:", "rule_files:")
    language = "json" if text.startswith("{") else "yaml" if text.startswith((*keys, "#")) else "promql"
    return f"```{language}\n{text}\n```"
