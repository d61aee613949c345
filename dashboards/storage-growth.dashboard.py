"""How much is stored, how fast it grows, and in which tables: from the metadata database, as its exporter sees it."""

from regobs.catalog import metadata
from regobs.grafana.words import *

stored = select(metadata.STORAGE, kind="deduplicated")
by_kind = highest(metadata.STORAGE, by="kind")
saved = highest(select(metadata.STORAGE, kind="logical")) - highest(stored)
grown = change(highest(stored), over="1d")
moved = top(10, change(highest(metadata.NAMESPACE_STORAGE, by="namespace"), over="1d"))

blobs = Row(
    "How fast does storage grow?",
    Stat("Bytes stored", highest(stored), good="below what the bucket or disk holds"),
    Stat("Bytes saved by shared layers", saved, good="grows as storage does; below 0 while much has no repository"),
    Lines("Bytes stored, and held by repositories", by_kind, good="no steps"),
    Lines("Bytes stored, change in a day", grown, good="level; 0 where cleanup keeps pace"),
    Lines("Storage by namespace, change in a day (top 10)", moved, good="no steps"),
    Lines("Repositories", highest(metadata.REPOSITORIES), good="grows slowly"),
)

rows, size = highest(metadata.ROWS, by="table"), highest(metadata.TABLE_SIZE, by=("table", "part"))

tables = Row(
    "How fast do the tables grow?",
    Lines("Rows by table (top 10)", top(10, rows), good="grow slowly", log=True),
    Lines("Bytes by table and part (top 10)", top(10, size), good="grow as the rows do"),
    Lines("Rows, change in a day (top 10)", top(10, change(rows, over="1d")), good="level"),
)

dashboard = Dashboard("Registry Storage Growth", blobs, tables, needs=Capability.DATABASE_EXPORTER)
