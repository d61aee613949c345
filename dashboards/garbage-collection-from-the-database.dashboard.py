"""Garbage collection as the metadata database tells it: queues, age of what is overdue, migrations, and the queries."""

from regobs.catalog import metadata
from regobs.grafana.words import *

LATE, FAILS, MIGRATION = (
    "RegistryGarbageTasksOverdue",
    "RegistryDatabaseExporterQueryFails",
    "RegistryMigrationFailedInDatabase",
)
overdue = highest(select(metadata.QUEUE_TASKS, state="overdue"), by="queue")
waiting = highest(select(metadata.QUEUE_TASKS, state="queued"), by="queue")
oldest = highest(metadata.QUEUE_OLDEST, by="queue")

queues = Row(
    "Is it keeping up?",
    Lines("GC tasks in the queues", waiting, good="level; a task waits a day by default"),
    Lines("GC tasks overdue in the database", overdue, good="falls back to 0", alert=LATE),
    Lines("GC tasks overdue in the database, change in 1 h", change(overdue), good="0 or below", alert=LATE),
    Lines("Age of the oldest overdue GC task", oldest, good="minutes", alert=LATE, thresholds=(3600, 21600)),
    Lines("GC tasks tried and postponed", highest(metadata.QUEUE_RETRIED, by="queue"), good="0"),
    logs="gc-decisions",
)

states = highest(metadata.BACKGROUND_MIGRATIONS, by="status")
unfinished = highest(metadata.BACKGROUND_MIGRATION_STATUS, by=("migration", "status"))

migrations = Row(
    "Migrations in the database",
    Lines("Background migrations by state", states, good="all finished", alert=MIGRATION),
    Table("Unfinished background migrations", unfinished, good="active or running", alert=MIGRATION),
    Lines("Schema migrations applied", highest(metadata.SCHEMA_MIGRATIONS, by="type"), good="steps with releases only"),
)

asked, took = lowest(metadata.QUERY_SUCCESS, by="query"), highest(metadata.QUERY_DURATION, by="query")
since = age(metadata.QUERY_LAST_SUCCESS, by="query")

exporter = Row(
    "Does the exporter see it?",
    Lines("Queries that work", asked, good="1", alert=FAILS),
    Lines("Duration of the exporter's queries", took, good="below a second; those of storage take longer"),
    Lines("Age of what a query says", since, good="below its interval", alert=FAILS),
    Lines("Lag of the replica that is asked", highest(metadata.REPLICA_LAG), good="below a second"),
    Lines("Database connections by state", highest(metadata.CONNECTIONS, by="state"), good="mostly idle"),
)

dashboard = Dashboard(
    "Registry Garbage Collection from the Database", queues, migrations, exporter, needs=Capability.DATABASE_EXPORTER
)
