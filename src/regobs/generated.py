"""Generated files that stand in the repository: `python -m regobs.generated [--check]`, run in its root.

Without an option they are written; with `--check` nothing is, and what differs is named and makes the exit code 1.
"""

from __future__ import annotations

import sys
from pathlib import Path

from regobs.catalog import reference as metrics
from regobs.common.files import write_file
from regobs.documents import json_output
from regobs.errors import ExitCode
from regobs.lint import reference as lint_checks
from regobs.logs import lnav, schema
from regobs.logs import reference as log_fields
from regobs.slo import reference as alerts

# Of which every file is a generated one.
_FOLDERS = {"log_schemas": "*.schema.json", "log_schemas/lnav": "*.json", "docs": "*-reference.*"}


def files() -> dict[str, bytes]:
    """The content of every generated file: path from the root of the repository to bytes."""
    schemas = {f"log_schemas/{name}": content for name, content in schema.files().items()}
    formats = {f"log_schemas/lnav/{name}": content for name, content in lnav.files().items()}
    return {
        **schemas,
        **formats,
        **{f"docs/{name}": content for name, content in json_output.files().items()},
        "docs/lint-reference.md": lint_checks.page().encode(),
        "docs/logs-reference.md": log_fields.page().encode(),
        "docs/metrics-reference.md": metrics.page().encode(),
    }


def _wanted(root: Path) -> dict[str, bytes]:
    """The same, with the page below `root` of which only the last part is generated."""
    written = (root / alerts.PAGE).read_text(encoding="utf-8")
    return {**files(), alerts.PAGE: alerts.page(written).encode()}


def differing(root: Path) -> list[str]:
    """The generated files below `root` that are missing, not as generated, or generated no longer."""
    wanted = _wanted(root)
    there = {alerts.PAGE} | {
        path.relative_to(root).as_posix() for folder, names in _FOLDERS.items() for path in (root / folder).glob(names)
    }
    changed = [name for name in there & wanted.keys() if (root / name).read_bytes() != wanted[name]]
    return sorted([*changed, *(there ^ wanted.keys())])


def main(arguments: list[str], root: Path) -> int:
    """Write the files below `root`, or check them; the exit code."""
    found = differing(root)
    if "--check" in arguments:
        for name in found:
            print(f"{name} is not as generated; `make generate` writes it", file=sys.stderr)
        return ExitCode.DIFFERENCE if found else ExitCode.OK
    wanted = _wanted(root)
    for name in found:
        if name in wanted:
            write_file(root / name, wanted[name])
        else:
            (root / name).unlink()
        print(f"{name} {'written' if name in wanted else 'removed'}")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Path.cwd()))
