"""Correcting files in place where a finding has one right answer: no character of the rest changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from regobs.common.files import write_files
from regobs.errors import MachineError
from regobs.lint.engine import LintReport, lint_text
from regobs.lint.findings import LintFinding
from regobs.lint.subjects import LintContext

_BOM = "\ufeff"
_NOT_WRITABLE = "nobody may write to the file"
_GONE = "the file cannot be read any more"
_CHANGED_SINCE = "the file changed while it was linted"
_BOTH_ENDS = "the file has line ends of both kinds"
_NO_BETTER = "corrected so, the file would not have fewer findings, or one that it has not now"


@dataclass(frozen=True, slots=True)
class FixedFile:
    """A file that was corrected: how many findings, and those that were left, each with the reason."""

    file: str
    fixed: int
    left: tuple[tuple[LintFinding, str], ...] = ()


def fix_files(report: LintReport, context: LintContext, findings: Iterable[LintFinding]) -> list[FixedFile]:
    """Correct what has one right answer, and write the files. Raises MachineError for a file that cannot be written.

    A correction is kept only when the file, linted again, has fewer findings and none that it had not before. A file
    that nobody may write to, or that changed since it was linted, stays as it is.
    """
    written: dict[Path, bytes] = {}
    fixed: list[FixedFile] = []
    for file in report.files:
        offered = [one for one in findings if one.file == file and one.fix is not None]
        if not offered:
            continue
        path = Path(file)
        raw, reason = _still_there(path, report.files[file])
        text, kept = fix_text(raw, offered, path, context) if not reason else ("", [])
        if kept and text != raw:
            written[path] = text.encode()
        reason = reason or (_BOTH_ENDS if _mixes_ends(raw) else _NO_BETTER)
        fixed.append(FixedFile(file, len(kept), tuple((one, reason) for one in offered if one not in kept)))
    try:
        write_files(written)
    except OSError as fault:
        raise MachineError(
            "the corrected files cannot be written",
            value=f"{fault.filename}: {fault.strerror}",
            expected="files that may be written to",
            next_step="correct the permissions; nothing was changed",
        ) from fault
    return fixed


def with_sure_fixes(report: LintReport, context: LintContext) -> list[LintFinding]:
    """The findings of a report; those that `fix_files` would not correct are without a correction."""
    offered = [one for one in report.findings if one.fix is not None]
    kept: set[LintFinding] = set()
    for file in dict.fromkeys(one.file for one in offered):
        raw, reason = _still_there(Path(file), report.files[file])
        if not reason:
            kept |= set(fix_text(raw, [one for one in offered if one.file == file], Path(file), context)[1])
    return [one if one in kept else replace(one, fix=None) for one in report.findings]


def _still_there(path: Path, linted: str) -> tuple[str, str]:
    """The text of a file as it stands there, and why it is not to be written: "" where it may be."""
    try:
        if not path.stat().st_mode & 0o222:
            return "", _NOT_WRITABLE
        raw = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return "", _GONE
    return (raw, "") if _read(raw) == linted else ("", _CHANGED_SINCE)


def _read(raw: str) -> str:
    """A text as reading it in text mode gives it."""
    return raw.removeprefix(_BOM).replace("\r\n", "\n").replace("\r", "\n")


def fix_text(
    raw: str, findings: Sequence[LintFinding], path: Path, context: LintContext
) -> tuple[str, list[LintFinding]]:
    """The corrected text of a file, and the findings that it no longer has. Line ends and a byte order mark stay."""
    text = _read(raw)
    ends = "\r\n" if "\r" in raw else "\n"
    if _mixes_ends(raw):
        return raw, []  # putting them back would be a guess
    before = _judged(text, path, context)
    kept: list[LintFinding] = list(findings)
    changed = _changed(text, kept)
    if not _better(before, _judged(changed, path, context)):
        kept, changed = _one_by_one(text, findings, before, path, context)
    if ends == "\r\n":
        changed = changed.replace("\n", "\r\n")
    return _BOM * raw.startswith(_BOM) + changed, kept


def _mixes_ends(raw: str) -> bool:
    """Whether a text has line ends of both kinds."""
    return "\r" in raw and not raw.count("\r\n") == raw.count("\n") == raw.count("\r")


def _one_by_one(
    text: str, findings: Sequence[LintFinding], before: Counter[tuple[str, ...]], path: Path, context: LintContext
) -> tuple[list[LintFinding], str]:
    kept: list[LintFinding] = []
    for one in findings:
        tried = _changed(text, [*kept, one])
        if tried != _changed(text, kept) and _better(before, _judged(tried, path, context)):
            kept.append(one)
    return kept, _changed(text, kept)


def _changed(text: str, findings: Iterable[LintFinding]) -> str:
    edits = sorted({one.fix for one in findings if one.fix is not None}, key=lambda one: (one.start, one.end))
    parts, position = [], 0
    for edit in edits:
        if edit.start >= position:  # of two that touch the same place the first is taken; the other is found again
            parts += [text[position : edit.start], edit.text]
            position = edit.end
    return "".join([*parts, text[position:]])


def _judged(text: str, path: Path, context: LintContext) -> Counter[tuple[str, ...]]:
    alone = replace(context, recorded=set(context.recorded), rated=Counter(context.rated), live=None)
    report = lint_text(text, str(path), path.suffix, alone)
    held = (str(report.rules), str(report.dashboards), str(report.queries))
    return Counter([*((one.check, one.subject) for one in report.findings), ("what the file holds", *held)])


def _better(before: Counter[tuple[str, ...]], after: Counter[tuple[str, ...]]) -> bool:
    return not after - before and after.total() < before.total()
