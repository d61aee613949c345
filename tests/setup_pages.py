"""The files that the set-up pages show, by the name behind the language of their fence."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = ("setup-omnibus.md", "setup-kubernetes.md", "setup-compose.md", "setup-vm.md", "ci.md")
_FENCE = re.compile(r"^```(?P<language>[a-z]+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(page: str) -> dict[str, str]:
    """The named files of a page."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return {found["name"]: found["text"] for found in _FENCE.finditer(text) if found["name"]}


def commands_of(page: str) -> list[str]:
    """The lines that a reader types."""
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = [found["text"] for found in _FENCE.finditer(text) if found["language"] == "console"]
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
