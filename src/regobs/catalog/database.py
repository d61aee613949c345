"""Queries to the metadata database."""

from __future__ import annotations

from regobs.catalog.declare import DEFAULT_BUCKETS, Component, form
from regobs.catalog.model import Capability, Flavor, Label, Unit

# The store methods of GitLab registry 4.32 that carry a name.
_NAMES = """
    bbm_all_migrations bbm_are_finished bbm_collect_progress bbm_count_by_status bbm_create_new_job
    bbm_estimate_total_rows_via_reltuples bbm_exists_column bbm_exists_table bbm_fetch_null_frac bbm_find_by_id
    bbm_find_by_name bbm_find_job_end_from_job_start bbm_find_job_with_end_id bbm_find_job_with_status
    bbm_find_last_job bbm_find_next bbm_find_next_by_status bbm_has_null_index bbm_has_null_values
    bbm_increment_job_attempts bbm_lock bbm_pause bbm_pending_wal_count bbm_resume bbm_set_total_tuple_count
    bbm_sync_lock bbm_update_job_status bbm_update_status blob_count blob_create blob_create_or_find blob_delete
    blob_find_all blob_find_by_digest count_applied_post_migrations count_applied_pre_migrations
    count_gc_blob_review_queue count_gc_blob_review_queue_overdue count_gc_manifest_review_queue
    count_gc_manifest_review_queue_overdue gc_blob_task_count gc_blob_task_delete gc_blob_task_find_all
    gc_blob_task_is_dangling gc_blob_task_next gc_blob_task_postpone gc_manifest_task_count gc_manifest_task_delete
    gc_manifest_task_find_all gc_manifest_task_find_and_lock gc_manifest_task_find_and_lock_before
    gc_manifest_task_find_and_lock_n_before gc_manifest_task_is_dangling gc_manifest_task_next
    gc_manifest_task_postpone gc_settings_update_all_review_after_defaults import_statistics_create
    import_statistics_find_all import_statistics_find_by_id lb_check_bytes_lag lb_check_time_lag lb_primary_lsn
    lb_replica_up_to_date manifest_associate_layer_blob manifest_associate_manifest manifest_count manifest_create
    manifest_create_or_find manifest_delete manifest_dissociate_layer_blob manifest_dissociate_manifest
    manifest_find_all manifest_layer_blobs manifest_references media_type_exists media_type_find_id
    media_type_safe_find_or_create_id namespace_create_or_find namespace_find_by_name namespace_safe_find_or_create
    repository_blobs repository_count repository_count_after_path repository_count_sub_repositories
    repository_create repository_create_by_path repository_create_or_find repository_create_or_find_by_path
    repository_delete_manifest repository_delete_tag_by_name repository_exists_blob repository_find_all
    repository_find_all_paginated repository_find_ancestors_of repository_find_blob repository_find_by_path
    repository_find_descendants_of repository_find_manifest_by_digest repository_find_manifest_by_tag_name
    repository_find_paginated_repositories_for_path repository_find_siblings_of repository_find_tag_by_name
    repository_link_blob repository_manifest_tags repository_manifests repository_rename
    repository_rename_sub_repositories_path repository_size repository_size_with_descendants
    repository_size_with_descendants_top_level repository_size_with_descendants_top_level_estimate
    repository_tag_detail repository_tags repository_tags_count_after_name repository_tags_count_before_name
    repository_tags_detail_paginated repository_tags_paginated repository_unlink_blob repository_update
    repository_update_last_published_at server_version_check tag_count tag_create_or_update tag_find_all
    tag_find_by_id tag_manifest tag_repository wal_archive_mode_check
"""
NAME = Label("name", tuple(_NAMES.split()))

_database = Component("database")

QUERY_DURATION = _database.histogram(
    "registry_database_query_duration_seconds",
    Unit.SECONDS,
    "Time of a database query: of a named method of the metadata store.",
    form(
        Flavor.GITLAB,
        labels=(NAME,),
        buckets=DEFAULT_BUCKETS,
        since="3.3.0",
        needs=Capability.METADATA_DATABASE,
        on_event=True,
    ),
    pitfalls=(
        "A method that calls another is counted with it: sums over `name` count some time twice.",
        "For some names the reading of the rows is part of it.",
        "It has no label for the outcome: failed queries count like the others.",
    ),
)
QUERIES = _database.counter(
    "registry_database_queries_total",
    Unit.QUERIES,
    "Database queries: calls of a named method of the metadata store.",
    form(Flavor.GITLAB, labels=(NAME,), since="3.3.0", needs=Capability.METADATA_DATABASE, on_event=True),
    pitfalls=("Failed calls are counted too, and nothing tells them apart.",),
)
