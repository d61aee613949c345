"""How much is stored, how fast it grows, and in which tables: from the metadata database, as its exporter sees it."""

from regobs.catalog import metadata
from regobs.grafana.words import *

stored = select(metadata.STORAGE, kind="deduplicated")
by_kind = highest(metadata.STORAGE, by="kind")
saved = highest(select(metadata.STORAGE, kind="logical")) - highest(stored)
grown = change(highest(stored), over="1d")
moved = top(10, change(highest(metadata.NAMESPACE_STORAGE, by="namespace"), over="1d"))

blobs = Row(
    "Storage growth",
    Stat("Storage used", highest(stored), good="below the capacity of bucket or disk"),
    Stat("Storage saved by deduplication", saved, good="grows with storage; below 0 while much is unreferenced"),
    Lines("Storage used by kind", by_kind, good="no sudden rise"),
    Lines("Storage growth per day", grown, good="constant"),
    Lines("Storage growth per day by namespace (top 10)", moved, good="no sudden rise"),
    Lines("Repositories", highest(metadata.REPOSITORIES), good="grows slowly"),
)

rows, size = highest(metadata.ROWS, by="table"), highest(metadata.TABLE_SIZE, by=("table", "part"))
bloat = highest(metadata.TABLE_BLOAT, by=("table", "part"))

tables = Row(
    "Table growth",
    Lines("Rows by table (top 10)", top(10, rows), good="grow slowly", log=True),
    Lines("Table size by part (top 10)", top(10, size), good="grow as the rows do"),
    Lines("Table bloat by part (top 10)", top(10, bloat), good="constant; vacuum reuses it"),
    Lines("Row growth per day by table (top 10)", top(10, change(rows, over="1d")), good="constant"),
)

dashboard = Dashboard("Registry Storage Growth", blobs, tables, needs=Capability.DATABASE_EXPORTER)
