"""Migrations of the metadata database: those of the schema, which run once, and those of data, in the background.

One instance counts rows for all, and the series of a background migration's earlier status stays: the highest progress
is right, because progress only grows.
"""

from regobs.catalog import background_migrations as bbm
from regobs.catalog import build_info, removed, row_counts
from regobs.grafana.words import *

known_pre = highest(select(row_counts.MIGRATIONS, migration_type="pre_deployment"))
known_post = highest(select(row_counts.MIGRATIONS, migration_type="post_deployment"))
applied_pre = highest(select(row_counts.ROWS, query_name="applied_pre_migrations"))
applied_post = highest(select(row_counts.ROWS, query_name="applied_post_migrations"))
pending_pre, pending_post = known_pre - applied_pre, known_post - applied_post

schema = Row(
    "Schema migrations",
    Stat("Pending pre-deployment migrations", pending_pre, good="0; above 0 only during a rollout", thresholds=(1, 5)),
    Stat("Pending post-deployment migrations", pending_post, good="0 soon after a rollout", thresholds=(1, 20)),
    Lines("Pre-deployment migrations", {"known": known_pre, "applied": applied_pre}, good="known equals applied"),
    Lines("Post-deployment migrations", {"known": known_post, "applied": applied_post}, good="known equals applied"),
    States("Registry version", count(build_info.BUILD, by="version"), good="one; two during a rollout"),
    logs="recent-errors",
)

migration = ("migration_id", "migration_name")
progress = highest(row_counts.BBM_PROGRESS, by=migration)
# The series of a status that is over stays: of one migration the status with the highest progress is the present one.
by_status = at_least(highest(row_counts.BBM_PROGRESS, by=(*migration, "status")), progress, on=migration)
failed_or_paused = select(row_counts.BBM_PROGRESS, status=("failed", "paused"))
stopped = count(at_least(highest(failed_or_paused, by=(*migration, "status")), progress, on=migration))
finished = count(highest(select(row_counts.BBM_PROGRESS, status="finished"), by="migration_id"))
reported_count = count(highest(row_counts.BBM_PROGRESS, by="migration_id"))
reported = {"reported": reported_count, "finished": finished}
halted = zero_filled(stopped, reported_count)
FAILED = "RegistryMigrationFailed"
SEEN = "100 %; pending migrations and those of unknown size may be missing"

progressing = Row(
    "Background migrations",
    Stat("Background migrations reported", reported, good="equal; migrations not reported may be pending"),
    Stat("Background migrations failed or paused", halted, good="0", alert=FAILED, thresholds=(0.5, 1)),
    Bars("Background migration progress", progress, good=SEEN),
    Table("Background migrations by status", {"progress": by_status}, good="finished or active", alert=FAILED),
    logs="recent-errors",
)

name = "migration_id"  # the worker's metrics have another name for the same migration

worker = Row(
    "Background migration worker",
    Lines("Migration worker runs", rate(bbm.RUNS), good="constant"),
    Lines("Migration worker run duration p95", quantile(0.95, bbm.RUN_DURATION), good="below its interval"),
    Lines("Migration worker sleep p95", quantile(0.95, bbm.SLEEP), good="the configured interval"),
    Lines("Rows migrated", rate(bbm.MIGRATED, by=name), good="above 0 while a migration is active", stacked=True),
    Lines("Migration batch size", highest(bbm.BATCH_SIZE, by=name), good="constant"),
    Lines("Migration jobs", rate(bbm.JOB_DURATION, by=name), good="above 0 while a migration is active"),
    Lines("Migration job duration p95", quantile(0.95, bbm.JOB_DURATION, by=name), good="constant"),
    Lines("Migration job query latency p95", quantile(0.95, bbm.QUERY_DURATION, by=name), good="below 1 s"),
    Heat("Migration job duration", bbm.JOB_DURATION, good="one band; a second band is a table under load"),
    logs="recent-errors",
)

imported = rate(select(removed.IMPORTS, attempted=True), by="type")
failed = ratio(rate(select(removed.IMPORTS, error=True), by="type"), rate(removed.IMPORTS, by="type"))
saturation, transfer = (
    highest(removed.IMPORT_SATURATION),
    quantile(0.95, removed.MIGRATION_BLOB_DURATION, by="blob_type"),
)
in_flight, durations = total(removed.IMPORTS_IN_FLIGHT, by="type"), quantile(0.95, removed.IMPORT_DURATION, by="type")
moved = volume(removed.MIGRATION_BLOB_SIZE, by="blob_type")

imports = Row(
    "Imports (registries from 3.24 until 3.72)",
    Lines("Repository imports", imported, good="above 0 while repositories move", stacked=True),
    Lines("Repository imports failed, %", failed, good="0", zoom=True),
    Lines("Repository imports in flight", in_flight, good="below the configured limit"),
    Lines("Import workers in use, %", saturation, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Import duration p95", durations, good="minutes, final ones seconds"),
    Lines("Tags per repository p95", quantile(0.95, removed.MIGRATION_TAGS), good="shares as usual", log=True),
    Lines("Layers per image p95", quantile(0.95, removed.MIGRATION_LAYERS), good="shares as usual", log=True),
    Lines("Blob transfer duration p95", transfer, good="below 1 s"),
    Lines("Imported blob bytes", moved, good="above 0 while repositories move"),
    Lines("Requests by migration path", rate(removed.MIGRATION_ROUTES, by="path"), good="moves from old to new"),
    collapsed=True,
)

dashboard = Dashboard(
    "Registry Migration Detail", schema, progressing, worker, imports, needs=Capability.METADATA_DATABASE
)
