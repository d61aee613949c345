"""Garbage collection as the metadata database tells it: queues, age of what is overdue, migrations, and the queries."""

from regobs.catalog import metadata
from regobs.grafana.words import *

LATE = "RegistryGarbageTasksOverdue"
overdue = highest(select(metadata.QUEUE_TASKS, state="overdue"), by="queue")
waiting = highest(select(metadata.QUEUE_TASKS, state="queued"), by="queue")
oldest = highest(metadata.QUEUE_OLDEST, by="queue")
growth = change(overdue, over="10m", per="1h")
drain = drawn_up_to(highest(metadata.QUEUE_DRAIN, by="queue"), "7d")

queues = Row(
    "GC queues",
    Lines("GC queue length (database)", waiting, good="constant; the review delay is a day by default"),
    Lines("GC tasks overdue (database)", overdue, good="returns to 0", alert=LATE),
    Lines("GC tasks overdue (database), change per hour", growth, good="0 or below", alert=LATE),
    Lines("Age of the oldest overdue GC task", oldest, good="minutes", alert=LATE, thresholds=(3600, 21600)),
    Lines("Time to drain overdue GC tasks (database)", drain, good="below an hour; 7 d: they grow", alert=LATE),
    Lines("GC tasks retried (database)", highest(metadata.QUEUE_RETRIED, by="queue"), good="0"),
    logs="gc-decisions",
)

MIGRATION = "RegistryMigrationFailedInDatabase"
states = highest(metadata.BACKGROUND_MIGRATIONS, by="status")
unfinished = age(metadata.BACKGROUND_MIGRATION_CREATED, by=("migration", "status"))
unfinished_failed = total(select(metadata.BACKGROUND_MIGRATION_STATUS, status="failed"))
failed = zero_filled(unfinished_failed, total(metadata.BACKGROUND_MIGRATIONS))

here = highest(metadata.IMPORTS, by=("phase", "status"))

migrations = Row(
    "Migrations in the database",
    Lines("Background migrations by state", states, good="all finished", alert=MIGRATION),
    Lines("Failed background migrations", failed, good="0", alert=MIGRATION),
    Table("Unfinished background migrations", {"created ago": unfinished}, good="active or running", alert=MIGRATION),
    Lines("Metadata import by phase and state", here, good="no phase failed; empty where nothing was imported"),
    Lines("Schema migrations applied", highest(metadata.SCHEMA_MIGRATIONS, by="type"), good="steps with releases only"),
)

FAILS = "RegistryDatabaseExporterQueryFails"
asked, took = lowest(metadata.QUERY_SUCCESS, by="query"), highest(metadata.QUERY_DURATION, by="query")
since = age(metadata.QUERY_LAST_SUCCESS, by="query")

connections = {"": highest(metadata.CONNECTIONS, by="state"), "limit": highest(metadata.CONNECTIONS_LIMIT)}

exporter = Row(
    "Database exporter",
    Lines("Exporter query success", asked, good="1", alert=FAILS),
    Lines("Exporter query duration", took, good="below 1 s; storage queries take longer"),
    Lines("Age of exporter query results", since, good="below its interval", alert=FAILS),
    Lines("Lag of the queried replica", highest(metadata.REPLICA_LAG), good="below a second"),
    Lines("Database connections by state", connections, good="mostly idle, far below the limit"),
    Lines("Leading database exporters", total(metadata.LEADER), good="1; empty without --leader"),
)

dashboard = Dashboard(
    "Registry Garbage Collection from the Database", queues, migrations, exporter, needs=Capability.DATABASE_EXPORTER
)
