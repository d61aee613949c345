"""Migrations of the metadata database: those of the schema, which run once, and those of data, in the background.

One instance counts rows for all, and the series of a background migration's earlier status stays: the highest progress
is right, because progress only grows.
"""

from regobs.catalog import background_migrations as bbm
from regobs.catalog import build_info, removed, row_counts
from regobs.grafana.words import *

FAILED = "RegistryMigrationFailed"

applied = row_counts.ROWS
before = highest(select(row_counts.MIGRATIONS, migration_type="pre_deployment"))
after = highest(select(row_counts.MIGRATIONS, migration_type="post_deployment"))
before_done = highest(select(applied, query_name="applied_pre_migrations"))
after_done = highest(select(applied, query_name="applied_post_migrations"))
migration, which = ("migration_id", "migration_name"), "migration_id"
progress = highest(row_counts.BBM_PROGRESS, by=migration)
failed = highest(select(row_counts.BBM_PROGRESS, status=("failed", "paused")), by=(*migration, "status"))
left = {"before deployment": before - before_done, "after deployment": after - after_done}
known = {"known": before, "applied": before_done}
imports = rate(select(removed.IMPORTS, attempted=True), by="type")
import_errors = ratio(rate(select(removed.IMPORTS, error=True), by="type"), rate(removed.IMPORTS, by="type"))
blob_time, blob_size = removed.MIGRATION_BLOB_DURATION, removed.MIGRATION_BLOB_SIZE

dashboard = Dashboard(
    "Registry Migration Detail",
    Row(
        "Is the schema what the registry expects?",
        Stat("Pending, before deployment", before - before_done, good="0, or a rollout runs", thresholds=(1, 5)),
        Stat("Pending, after deployment", after - after_done, good="0 soon after a rollout", thresholds=(1, 20)),
        Stat("Version", count(build_info.BUILD, by="version"), good="one; two only while a rollout runs"),
        Lines("Pending", left, good="0; below 0 the database is ahead of the registry", zoom=True),
        Lines("Before deployment", known, good="both lines are one"),
        Lines("After deployment", {"known": after, "applied": after_done}, good="both lines are one"),
    ),
    Row(
        "How far are background migrations?",
        Bars("Progress", progress, good="100 %"),
        Lines("Progress over time", progress, good="rises to 100 %"),
        Table("Failed or paused", failed, good="empty, or left from before it went on", alert=FAILED),
        logs="recent-errors",
    ),
    Row(
        "What does the worker do?",
        Lines("Runs", rate(bbm.RUNS), good="level, also without work"),
        Lines("p95 of runs", quantile(0.95, bbm.RUN_DURATION), good="below the interval of the worker"),
        Lines("p95 of sleep between runs", quantile(0.95, bbm.SLEEP), good="the configured interval"),
        Lines("Rows migrated", rate(bbm.MIGRATED, by=which), good="above 0 while one is active", stacked=True),
        Lines("Batch size", highest(bbm.BATCH_SIZE, by=which), good="level"),
        Lines("Jobs", rate(bbm.JOB_DURATION, by=which), good="above 0 while one is active"),
        Lines("p95 of jobs", quantile(0.95, bbm.JOB_DURATION, by=which), good="level"),
        Lines("p95 of the job's queries", quantile(0.95, bbm.QUERY_DURATION, by=which), good="below 1 s"),
        Heat("Time of jobs", bbm.JOB_DURATION, good="one band; a second band is a table under load"),
    ),
    Row(
        "How do imports go? (registries from 3.24 until 3.72)",
        Lines("Imports", imports, good="above 0 while repositories move", stacked=True),
        Lines("Imports that failed", import_errors, good="0", zoom=True),
        Lines("Imports in flight", total(removed.IMPORTS_IN_FLIGHT, by="type"), good="below the configured most"),
        Lines("Import workers in use", highest(removed.IMPORT_SATURATION), good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("p95 of imports", quantile(0.95, removed.IMPORT_DURATION, by="type"), good="minutes, final ones seconds"),
        Lines("Tags of a repository, p95", quantile(0.95, removed.MIGRATION_TAGS), good="the usual mix", log=True),
        Lines("Layers of an image, p95", quantile(0.95, removed.MIGRATION_LAYERS), good="the usual mix", log=True),
        Lines("p95 of blob transfers", quantile(0.95, blob_time, by="blob_type"), good="below 1 s"),
        Lines("Bytes of blobs moved", volume(blob_size, by="blob_type"), good="above 0 while repositories move"),
        Lines("Requests by path", rate(removed.MIGRATION_ROUTES, by="path"), good="moves from old to new"),
        collapsed=True,
    ),
    needs=Capability.METADATA_DATABASE,
)
