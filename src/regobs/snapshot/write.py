"""The files of a snapshot: made in memory, and all written or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from regobs.common.files import write_files
from regobs.errors import InputError, Location, MachineError
from regobs.snapshot.page import page
from regobs.snapshot.picture import picture
from regobs.snapshot.take import Report
from regobs.snapshot.taken import Snapshot


def refuse_targets(out: Path, png: Path | None) -> None:
    """Raise InputError, before anything is asked, for places that cannot be written to."""
    if out.is_dir():
        raise InputError(
            "--out is a directory", value=str(out), expected="a file", next_step=f"give {out / 'snapshot.html'}"
        )
    if not out.absolute().parent.is_dir():
        raise InputError("there is no such folder", value=str(out.parent), next_step="make it, or name another file")
    if png is not None and png.exists() and not png.is_dir():
        raise InputError("--png is a directory, this is a file", value=str(png), next_step="name another")


def produce(
    snapshot: Snapshot,
    out: Path,
    png: Path | None,
    *,
    dark: bool = False,
    report: Report | None = None,
    title: str = "",
    notes: Sequence[str] = (),
) -> dict[Path, bytes]:
    """The page, and with `png` a picture of each dashboard that shows something, by path.

    `title` and `notes` are those of the page. `report` is told how many of how many files are drawn.
    """
    shown = [dashboard for dashboard in snapshot.dashboards if dashboard.rows] if png is not None else []
    written = {out: page(snapshot, title, notes).encode()}
    for dashboard in shown:
        if report is not None:
            report(len(written), len(shown) + 1)
        assert png is not None  # noqa: S101 - `shown` is empty without it
        written[png / f"{dashboard.slug}.png"] = picture(dashboard, snapshot, dark=dark)
    if report is not None:
        report(len(written), len(written))
    return written


def write(files: Mapping[Path, bytes]) -> None:
    """Write every file beside its place and then put all in place. Raises MachineError with the disk's reason."""
    try:
        write_files(files)
    except OSError as error:
        raise MachineError(
            "the snapshot cannot be written",
            location=Location(str(error.filename or next(iter(files)))),
            value=error.strerror or str(error),
            next_step="free some space or correct the permissions; files that were there are as they were",
        ) from error
