"""Which lines of files changed since a git revision, and which rules and panels lost some."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from regobs.errors import InputError, MachineError
from regobs.lint.linted_files import LintedFile
from regobs.lint.sources import SourceText

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@.*\n((?:[-+\\].*\n?)*)", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]*(?=\S)", re.MULTILINE)

_PLAIN = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")


@dataclass(frozen=True, slots=True)
class _Loss:
    """Removed lines: the line behind which they stood, and how far the least indented of them was."""

    behind: int
    indent: int


@dataclass
class _Changes:
    """The changed and added lines of a file, and the lines that it lost."""

    lines: set[int] = field(default_factory=set)
    losses: list[_Loss] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Repository:
    """A work tree, the revision to compare it with, the files that git knows, and what those that changed were called.

    Where all is new there is no revision. Git is asked once about all files, since asking takes longer than linting.
    """

    top: Path
    base: str = ""
    known: frozenset[str] = frozenset()
    before: dict[str, str] = field(default_factory=dict)


def changed_lines(ref: str, files: Iterable[LintedFile]) -> dict[str, set[int]]:
    """The changed and added lines of each file, with all those of rules and panels of which lines were removed.

    Raises InputError for no such revision, MachineError without git.
    """
    if ref.startswith("-"):
        raise InputError(
            "this is no git revision", value=ref, expected="a branch, tag or commit", next_step="correct it"
        )
    found: dict[str, set[int]] = {}
    repositories: dict[Path, _Repository] = {}
    for file in files:
        folder = Path(file.file).parent if Path(file.file).parent.is_dir() else Path()
        if folder not in repositories:
            repositories[folder] = _repository(folder, ref)
        changes = _changed(repositories[folder], folder, file)
        found[file.file] = changes.lines
        for loss in changes.losses:
            found[file.file] |= set(_losing(file, loss))
    return found


def _losing(file: LintedFile, loss: _Loss) -> range:
    """The lines of the smallest rule or panel that a loss was in; of none where it was a whole one."""
    parts = [(one.source, one.path) for one in file.rules]
    parts += [(one.source, one.path) for board in file.dashboards for one in board.panels]
    held = [lines for source, path in parts if _holds(source, lines := _lines(source, path), loss)]
    return min(held, key=len, default=range(0))


def _lines(source: SourceText, path: tuple[str | int, ...]) -> range:
    start, end = source.extent(path)
    written = source.text[start:end].rstrip()
    return range(source.position(start)[0], source.position(start + max(len(written) - 1, 0))[0] + 1)


def _holds(source: SourceText, lines: range, loss: _Loss) -> bool:
    """Whether what was removed was a part: between its lines, or behind its last one and further in than its first."""
    if lines.start <= loss.behind < lines.stop - 1:
        return True
    first = source.line(lines.start)
    return loss.behind == lines.stop - 1 and loss.indent > len(first) - len(first.lstrip())


def _changed(repository: _Repository, folder: Path, file: LintedFile) -> _Changes:
    place = folder.resolve() / Path(file.file).name
    path = place.relative_to(repository.top).as_posix() if place.is_relative_to(repository.top) else ""
    if path not in repository.known:
        last, _ = SourceText(file.file, file.text).position(len(file.text))
        return _Changes(set(range(1, last + 1)))
    if path not in repository.before:
        return _Changes()
    names = dict.fromkeys((path, repository.before[path]))
    answer = _git(repository.top, "diff", *_PLAIN, repository.base, "--", *names)
    if answer.returncode != 0:
        raise _no_such_revision(repository.base, answer.stderr)
    return _read_hunks(answer.stdout)


def _repository(folder: Path, ref: str) -> _Repository:
    """The repository that holds a folder.

    In a submodule of the one that lint is run in, the revision is the one that the other repository names there.
    """
    top = Path(_git(folder, "rev-parse", "--show-toplevel").stdout.removesuffix("\n"))
    over = _git(folder, "rev-parse", "--show-superproject-working-tree").stdout.removesuffix("\n")
    if not over or Path.cwd().is_relative_to(top):
        named = _git(folder, "rev-parse", "--verify", ref)
        if named.returncode == 0:
            named = _git(folder, "rev-parse", "--verify", f"{named.stdout.strip()}^{{tree}}")
        if named.returncode != 0:
            raise _no_such_revision(ref, named.stderr)
        return _compared(top, named.stdout.strip())
    outer = _repository(Path(over), ref)
    inside = f"{outer.base}:{top.relative_to(over).as_posix()}"
    commit = _git(Path(over), "rev-parse", "--verify", "--quiet", inside).stdout.strip() if outer.base else ""
    return _compared(top, commit) if commit else _Repository(top)


def _compared(top: Path, base: str) -> _Repository:
    answer = _git(top, "diff", "--name-status", "-z", "--find-renames", base)
    if answer.returncode != 0:
        raise _no_such_revision(base, answer.stderr)
    before, words = {}, iter(answer.stdout.split("\0"))
    for status in words:
        old = next(words, "")
        before[next(words, "") if status[:1] in {"R", "C"} else old] = old
    known = frozenset(_git(top, "ls-files", "-z").stdout.split("\0"))
    return _Repository(top.resolve(), base, known, before)


def _read_hunks(diff: str) -> _Changes:
    found = _Changes()
    for match in _HUNK.finditer(diff):
        first, count = int(match[1]), int(match[2] or 1)
        found.lines |= set(range(first, first + count))
        removed, added = (list(_marked(match[3], sign)) for sign in "-+")
        lost = {key for line in removed for key in _keys(line)} - {key for line in added for key in _keys(line)}
        indents = [len(one[0]) for line in removed if (one := _INDENT.match(line))]
        if indents and (lost or not added):
            # Without an added line, git counts the line before; else what was lost stood beside the added ones.
            found.losses.append(_Loss(first if not count else first + count - 1, min(indents)))
    return found


def _keys(line: str) -> Iterator[str]:
    """The keys of a line of YAML or JSON: the words before a colon that a blank or the end follows."""
    for before, after in pairwise(line.split(":")):
        words = re.split(r"[\s{},\"']", before.rstrip().rstrip("\"'"))
        if words[-1] and (not after or after[0].isspace()):
            yield words[-1]


def _marked(lines: str, sign: str) -> Iterator[str]:
    yield from (line[1:] for line in lines.split("\n") if line.startswith(sign))


def _no_such_revision(ref: str, said: str) -> InputError:
    return InputError(
        "git cannot compare with this revision",
        value=f"{ref}: {said.strip().splitlines()[0] if said.strip() else 'no reason given'}",
        expected="a branch, tag or commit of the repository that holds the files",
        next_step="fetch it, or correct the name",
    )


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # A hook of a linked work tree is given the repository without its work tree, which git then takes for the folder.
    names = () if "GIT_WORK_TREE" in os.environ else ("GIT_DIR", "GIT_INDEX_FILE", "GIT_PREFIX")
    try:
        return subprocess.run(
            ["git", "--literal-pathspecs", *arguments],
            env={name: value for name, value in os.environ.items() if name not in names},
            cwd=folder, capture_output=True, text=True, errors="surrogateescape", check=False,
        )  # fmt: skip
    except OSError as fault:
        raise MachineError(
            "git cannot be run", value=fault.strerror, expected="git in PATH", next_step="install git"
        ) from None
