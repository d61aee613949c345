"""The jobs of docs/ci.md against the image of the Dockerfile that they name: what they call is in it."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.setup_pages import DOCS, commands_of, files_of

ROOT = DOCS.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SCRIPTS: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
SHELL = {"bash", "cat", "echo", "test"}  # of Debian's base system, which every tag of the image `python` but alpine has
GITLAB: dict[str, Any] = yaml.safe_load(files_of("ci.md")[".gitlab-ci.yml"])
GITHUB: dict[str, Any] = yaml.safe_load(files_of("ci.md")[".github/workflows/regobs.yml"])["jobs"]


def instructions(stage: str) -> list[tuple[str, str]]:
    """Each instruction of a stage with what stands behind it."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE))
    found: dict[str, list[tuple[str, str]]] = {}
    name = ""
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            name = rest.partition(" AS ")[2]
        found.setdefault(name, []).append((word, rest))
    return found[stage]


def programs(stage: str) -> set[str]:
    """The programs that a stage adds to its base image, and those of the base that jobs may call."""
    found = set(SHELL)
    for word, rest in instructions(stage):
        if word == "RUN" and (install := re.search(r"apt-get install ([^&]+)", rest)):
            found |= {one for one in install[1].split() if not one.startswith("-")}
        if word == "RUN" and "pip install" in rest and "/wheels/*.whl" in rest:
            found |= SCRIPTS.keys()
        if word == "COPY" and (target := rest.split()[-1]).startswith("/usr/local/bin/"):
            found.add(Path(target).name)
    return found


def simple_commands(lines: list[str]) -> Iterator[list[str]]:
    """The words of each command of a script, without variables set for it and what joins and redirects commands."""
    for line in lines:
        words: list[str] = []
        for word in shlex.shlex(line, posix=True, punctuation_chars="|&;<>"):
            if set(word) <= set("|&;"):
                yield words
                words = []
            elif words or not re.match(r"[A-Z_]+=", word):
                words.append(word)
        yield words


def jobs() -> list[tuple[str, str, list[str], bool]]:
    """Name, image and lines of each job or step, and whether it has all commits of the repository."""
    found = []
    for name, one in GITLAB.items():
        if "script" in one:
            image = one.get("image", GITLAB["default"]["image"])
            found.append((f"gitlab {name}", image, one["script"], one.get("variables", {}).get("GIT_DEPTH") == "0"))
    for one in GITHUB.values():
        whole = any(step.get("with") == {"fetch-depth": 0} for step in one["steps"])
        found += [
            (f"github {step['name']}", one["container"], step["run"].splitlines(), whole)
            for step in one["steps"]
            if "run" in step
        ]
    return found


def built() -> tuple[str, str, set[str]]:
    """Tag, target and extras of the image that the page builds."""
    (line,) = [line for line in commands_of("ci.md") if line.startswith("docker build ")]
    words = shlex.split(line)
    options = dict(pairwise(words))
    return options["--tag"], options["--target"], set(options["--build-arg"].removeprefix("EXTRAS=").split(","))


NAMED = [pytest.param(*one, id=one[0]) for one in jobs()]


def test_the_jobs_of_both_runners_are_found() -> None:
    assert len(NAMED) == 10


@pytest.mark.parametrize(("name", "image", "lines", "whole"), NAMED)
def test_a_job_runs_in_the_image_that_the_page_builds_and_calls_what_is_in_it(
    name: str, image: str, lines: list[str], whole: bool
) -> None:
    tag, target, _ = built()
    assert (name, image) == (name, tag)
    called = list(simple_commands(lines))
    assert {words[0] for words in called} <= programs(target)
    assert whole or not any(words[:2] == ["git", "worktree"] for words in called)


def test_the_image_is_one_that_runners_can_use() -> None:
    _, target, _ = built()
    words = {word for word, _ in instructions(target)}
    assert "ENTRYPOINT" not in words  # GitLab would give its shell to it as arguments
    assert "USER" not in words  # GitHub's checkout writes as root
    assert any("git config --system --add safe.directory '*'" in rest for _, rest in instructions(target))


def test_the_image_has_the_extras_of_the_commands_that_the_jobs_call() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", (DOCS / "install.md").read_text(encoding="utf-8"), re.MULTILINE)
    needed = {(*command.split(), extra) for extra, use in rows for command in re.findall(r"`(regobs[^`]*)`", use)}
    called = {tuple(words[:2]) for _, _, lines, _ in jobs() for words in simple_commands(lines) if words[0] == "regobs"}
    assert ("regobs", "snapshot") in called
    assert {extra for *command, extra in needed if tuple(command[:2]) in called} == built()[2]


def test_promtool_is_taken_from_the_release_that_is_named() -> None:
    assert re.search(r"^ARG PROMETHEUS=v\d+\.\d+\.\d+$", DOCKERFILE, re.MULTILINE)
    assert ("FROM", "prom/prometheus:${PROMETHEUS} AS prometheus") in instructions("prometheus")
    assert ("COPY", "--from=prometheus /bin/promtool /usr/local/bin/promtool") in instructions("ci")
