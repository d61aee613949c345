"""An answer as a file, by its suffix: data as CSV, JSON, NDJSON or Parquet, a range as a picture or a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from regobs.common.files import beside, write_file
from regobs.errors import InputError, MachineError
from regobs.query import show
from regobs.query.parquet import check_parquet, write_parquet
from regobs.query.show import Shown

if TYPE_CHECKING:
    from regobs.prometheus import QueryAnswer

PICTURES = (".svg", ".png", ".html")
DATA = (".csv", ".json", ".ndjson", ".parquet")
STREAMED = (".csv", ".ndjson", ".parquet")  # what a long answer is written to piece by piece


def check_file(file: Path, *, ranged: bool) -> None:
    """Raise InputError, before anything is asked, for a suffix that is none or a picture of one moment.

    MachineError for Parquet without DuckDB.
    """
    if file.suffix not in (*DATA, *PICTURES):
        raise InputError("the suffix says what is written", value=str(file), expected=", ".join((*DATA, *PICTURES)))
    if file.suffix in PICTURES and not ranged:
        raise InputError("a picture shows a range", value=str(file), next_step="add --range 6h")
    if file.suffix == ".parquet":
        check_parquet()


def write_answer(shown: Shown, file: Path, server: str) -> None:
    """Write the answer whole or not at all. Raises MachineError for what this machine lacks."""
    if file.suffix == ".parquet":
        stream_answer([shown.answer], file)
        return
    writers: dict[str, Callable[[], bytes]] = {
        ".csv": lambda: show.as_csv(shown.answer).encode(),
        ".json": lambda: show.as_json(shown).encode() + b"\n",
        ".ndjson": lambda: "".join(f"{line}\n" for line in show.as_lines(shown.answer)).encode(),
    }
    content = writers[file.suffix]() if file.suffix in writers else _picture(shown, file.suffix, server)
    try:
        write_file(file, content)
    except OSError as fault:
        raise _unwritten(file, fault) from None


def stream_answer(answers: Iterable[QueryAnswer], file: Path) -> None:
    """Write the pieces of a long answer one after the other, as one of `STREAMED`: whole or not at all.

    Raises MachineError for what this machine lacks, and whatever the answers raise.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside(file) as new:
            if file.suffix == ".parquet":
                write_parquet(answers, new)
                return
            with new.open("w", encoding="utf-8", newline="") as out:
                if file.suffix == ".csv":
                    show.stream_csv(answers, out)
                else:
                    out.writelines(f"{block}\n" for answer in answers for block in show.line_blocks(answer))
    except OSError as fault:
        raise _unwritten(file, fault) from None


def _unwritten(file: Path, fault: OSError) -> MachineError:
    return MachineError("the file cannot be written", value=f"{file}: {fault.strerror}")


def _picture(shown: Shown, suffix: str, server: str) -> bytes:
    """The chart of a range, as `regobs snapshot` draws it."""
    from regobs.grafana.bound import BoundPanel, BoundQuery  # noqa: PLC0415 - loads grafanalib, for pictures only
    from regobs.grafana.layout import PanelPlace  # noqa: PLC0415
    from regobs.grafana.panels import Lines  # noqa: PLC0415
    from regobs.promql.nodes import Selector  # noqa: PLC0415
    from regobs.promql.types import Type  # noqa: PLC0415
    from regobs.snapshot import page, picture  # noqa: PLC0415
    from regobs.snapshot.span import TimeSpan  # noqa: PLC0415
    from regobs.snapshot.taken import Asked, Snapshot, TakenDashboard, TakenPanel, TakenRow  # noqa: PLC0415

    assert shown.asked is not None  # noqa: S101 - `check_file` refuses a picture of one moment
    if shown.asked.step % 1000:
        raise InputError("a picture has whole seconds between two points", next_step="choose --step 1s or longer")
    labelled = [one.labels for one in shown.answer.ranges]
    names = sorted({name for labels in labelled for name in labels})
    varying = [name for name in names if len({labels.get(name) for labels in labelled}) > 1]
    legend = " ".join(f"{{{{{name}}}}}" for name in varying or names)
    query = BoundQuery("A", "", legend, Selector("up"), shown.type or Type("vector"), frozenset())
    panel = BoundPanel(Lines("Query", Selector("up"), good=shown.text, zoom=True), (query,))
    taken = TakenPanel(panel, PanelPlace(0, 0, 24, 12), (Asked(query, shown.text, shown.answer),), shown.text)
    board = TakenDashboard("query", shown.text, (TakenRow("", (taken,), ()),))
    span = TimeSpan(shown.asked.start / 1000, shown.asked.end / 1000, shown.asked.step // 1000)
    snapshot = Snapshot((board,), span, server, shown.answer.warnings)
    if suffix == ".html":
        return page.page(snapshot).encode()
    return picture.drawing(board, snapshot).encode() if suffix == ".svg" else picture.picture(board, snapshot)
