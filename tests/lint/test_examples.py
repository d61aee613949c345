"""Every check finds what its own documentation shows as wrong, nothing in the right one, and can be silenced."""

import json
import re
from pathlib import Path
from textwrap import indent

import pytest

from regobs.lint import CHECKS, LintReport, Severity, lint_text
from regobs.lint.findings import CheckSubject
from regobs.lint.reference import BEYOND_ALLOWANCE

PAGE = (Path(__file__).parents[2] / "docs" / "lint-reference.md").read_text(encoding="utf-8")
HEADINGS = ["What it finds", "Why it hurts", "Example", "Fix", "How to silence"]

# What only a server can say is run against one in tests/e2e/test_lint_live.py.
OFFLINE = sorted(name for name, one in CHECKS.items() if one.subject is not CheckSubject.LIVE)
CASES = [(name, side) for name in OFFLINE for side in ("Wrong", "Right")]


def lint_example(text: str, allowed: str = "") -> list[LintReport]:
    """Of an example as it stands in the page: a dashboard, rules with or without their group, a query in each line.

    `allowed` is put where the page says that an allowance stands.
    """
    comment = f"# {allowed}\n" if allowed else ""
    if text.startswith("{"):
        board = text if not allowed else json.dumps({**json.loads(text), "description": allowed})
        return [lint_text(board, "example.json", ".json")]
    if text.startswith(("groups:", "- alert:", "- record:", "#")):
        if not text.startswith("groups:"):
            rules = "\n" + indent(text, "  ") if text.startswith("-") else f" []\n{text}"
            text = f"groups:\n- name: example\n  rules:{rules}\n"
        return [lint_text(comment + text, "example.yaml", ".yaml")]
    if text.startswith("route:"):
        return [lint_text(comment + text, "example.yaml", ".yaml")]
    return [lint_text(comment + line, "example") for line in text.splitlines()]


def found_in(text: str) -> set[str]:
    """The names of the checks that find something in an example, in each of its lines."""
    return set.intersection(*({one.check for one in report.findings} for report in lint_example(text)))


@pytest.mark.parametrize(("name", "side"), CASES)
def test_a_check_finds_its_wrong_example_and_not_its_right_one(name: str, side: str) -> None:
    found = found_in(CHECKS[name].example(side))
    if side == "Wrong":
        assert name in found
    else:
        assert name not in found
        assert not {one for one in found if CHECKS[one].severity is Severity.ERROR}


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_every_check_says_what_it_finds_and_why_in_one_line_each(name: str) -> None:
    parts = CHECKS[name].parts
    assert set(parts) - {"Beside"} == {"what", "Why", "Wrong", "Right"}
    assert all(parts.values())
    assert parts["what"].endswith(".")
    assert CHECKS[name].why.endswith((".", "%."))


@pytest.mark.parametrize("name", sorted(set(OFFLINE) - BEYOND_ALLOWANCE))
def test_a_check_is_silenced_as_its_page_says(name: str) -> None:
    for report in lint_example(CHECKS[name].example("Wrong"), f"regobs: allow {name}: this is right here"):
        assert name not in {one.check for one in report.findings}
        assert report.allowed > 0
        assert "unused-allowance" not in {one.check for one in report.findings}


def test_the_page_tells_of_each_check_under_the_same_headings() -> None:
    sections = {text.split("\n", 1)[0]: text for text in re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]}
    assert sections.keys() == CHECKS.keys()
    for name, text in sections.items():
        _, *parts = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
        assert parts[0::2] == HEADINGS, name
        assert all(part.strip() for part in parts[1::2]), name
