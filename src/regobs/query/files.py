"""An answer as a file, by its suffix: data as CSV, JSON, NDJSON or Parquet, a range as a picture or a page."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from regobs.common.files import write_file
from regobs.errors import InputError, MachineError
from regobs.query import show
from regobs.query.show import Shown

PICTURES = (".svg", ".png", ".html")
DATA = (".csv", ".json", ".ndjson", ".parquet")


def check_file(file: Path, *, ranged: bool) -> None:
    """Raise InputError, before anything is asked, for a suffix that is none or a picture of one moment."""
    if file.suffix not in (*DATA, *PICTURES):
        raise InputError("the suffix says what is written", value=str(file), expected=", ".join((*DATA, *PICTURES)))
    if file.suffix in PICTURES and not ranged:
        raise InputError("a picture shows a range", value=str(file), next_step="add --range 6h")


def write_answer(shown: Shown, file: Path, server: str) -> None:
    """Write the answer whole or not at all. Raises MachineError for what this machine lacks."""
    writers: dict[str, Callable[[], bytes]] = {
        ".csv": lambda: show.as_csv(shown.answer).encode(),
        ".json": lambda: show.as_json(shown).encode() + b"\n",
        ".ndjson": lambda: "".join(f"{line}\n" for line in show.as_lines(shown.answer)).encode(),
        ".parquet": lambda: parquet(shown),
    }
    content = writers[file.suffix]() if file.suffix in writers else _picture(shown, file.suffix, server)
    try:
        write_file(file, content)
    except OSError as fault:
        raise MachineError("the file cannot be written", value=f"{file}: {fault.strerror}") from None


def parquet(shown: Shown) -> bytes:
    """A row a point: time (UTC), value, and a text column for each label. Raises MachineError without DuckDB."""
    try:
        import duckdb  # noqa: PLC0415 - an extra
    except ImportError:
        raise MachineError(
            "the package that writes Parquet is missing", value="duckdb", next_step="pip install 'regobs[logs]'"
        ) from None
    with tempfile.TemporaryDirectory(prefix="regobs-") as folder:
        text, out = Path(folder) / "answer.csv", Path(folder) / "answer.parquet"
        text.write_text(show.as_csv(shown.answer), encoding="utf-8")
        with duckdb.connect() as database:
            rows = database.read_csv(str(text), header=True, all_varchar=True, na_values="\x00")  # "" is a label value
            labels = [f'"{name.replace(chr(34), chr(34) * 2)}"' for name in rows.columns[2:]]
            columns = ['CAST("time" AS TIMESTAMPTZ) AS "time"', 'CAST("value" AS DOUBLE) AS "value"', *labels]
            rows.project(", ".join(columns)).write_parquet(str(out))
        return out.read_bytes()


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
