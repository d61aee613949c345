"""What the commands of registries print for a person: their help, and the error with which they end.

Words, options and descriptions are those of the commands themselves, so that the help of another program is no line of
a registry. Sources: registry/root.go and registry/registry.go of CNCF Distribution 2.8.3 and 3.1.1, registry/root.go of
GitLab's registry from 3.20 (public copies) to 4.x, and the forms in which cobra and pflag print them.
"""

from __future__ import annotations

import re

# The letter, the name and the kind of value of each option.
_OPTIONS = """
h help|v version|d dry-run|m delete-untagged|q quiet|s debug-server string|u up-to-date|s skip-post-deployment
n limit int|p post-deploy-limit int|f force|c row-count|p pre-import|1 step-one pre-import|r all-repositories
2 step-two all-repositories|B common-blobs|3 step-three common-blobs|l log-to-stdout|m dynamic-media-types
i import-statistics|t tag-concurrency int|- pre-import-skip-recent duration|- log-directory string|r max-job-retry int
r repository string|b dangling-blobs|m dangling-manifests|e require-empty-database
"""
# The command and how its description begins.
_COMMANDS = """
serve `serve` |garbage-collect `garbage-collect` |database Manages the registry |migrate Manage migrations
import Import filesystem metadata |up Apply up migrations|down Apply down migrations
status Show (?:migration status|the current status of all batched )|version Show current migration version
background-migrate Manage batched background |pause Pause all running or active
resume Resume all paused batched
run Run all unfinished batched |help Help about any command|completion Generate the autocompletion script for
"""


def _entries(table: str) -> list[str]:
    return [entry for line in table.strip().splitlines() for entry in line.split("|") if entry]


def _option(entry: str) -> str:
    letter, name, *kind = entry.split()
    short = "" if letter == "-" else f"-{letter}, "
    if name == "help":
        return rf"{short}--help {{2,}}help for [a-z-]{{2,40}}"
    return rf"{short}--{name}{' ' + kind[0] if kind else ''} {{2,}}\S.*"


def _command(entry: str) -> str:
    name, _, begin = entry.partition(" ")
    return f"{name} +{begin}.*"


_CALLED = r"registry(?: [a-z-]{2,30}){0,3}"
# A line of a usage text.
USAGE = "|".join(
    (
        r"Usage:|(?:Global )?Flags:|Available Commands:",
        rf"{_CALLED}(?: <config>)?(?: \{{status\|pause\|run\}}| \[--max-job-retry <n>\])? \[(?:flags|command)\]",
        r"`registry`|`(?:serve|garbage-collect)` [a-z].*",
        r"(?:Use|Run) [\"']registry .*",
        rf'(?:Error: )?unknown command "[^"]{{1,100}}" for "{_CALLED}"',
        r"(?:Error: )?unknown (?:flag: --\S{1,100}|shorthand flag: '.' in -\S{1,100})",
        *map(_option, _entries(_OPTIONS)),
        *map(_command, re.split(r"\|(?=[a-z-]+ [`A-Z])|\n", _COMMANDS.strip())),
    )
)
# The error with which a registry ends, or a command of it.
LAST_ERROR = (
    r"(?:configuration error|creating new registry instance|running http server|failed to (?:construct (?:registry"
    r"|database connection|[a-z0-9_]{2,20} driver)|garbage collect|import metadata|run database migrations"
    r"|(?:prepare|detect|check|fetch|pause|resume) [A-Za-z ]{2,40})): .*"
)
