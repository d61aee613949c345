"""Which release of the GitLab registry first wrote a field, as far as its source and changelog tell.

Sources: container-registry's CHANGELOG.md of 4.0.0 to 4.31.0 with the commits that it names, its source of 3.x, 4.22,
4.31 and 4.32, lines of GitLab.com of February 2025, and lines of a running 4.32, from which the catalogue was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from regobs.logs.fields.field import Field, Since

READ = "4.32.0"

# The changelog or the source of that release says that the field came with it.
_CAME = {
    "4.2.0": "size_cached",
    "4.22.0": "lag_bytes lag_time_s",
}
# What the field is about came with that release; no release before can have it.
_NOT_BEFORE = {
    "4.6.0": """bbm_id bbm_name bbm_status bbm_batch_size bbm_job_signature_key bbm_target_table bbm_target_column
        bbm_batching_strategy bbm_total_tuple_count bbm_job_interval_s bbm_startup_jitter_s bbm_max_attempts job_id
        job_bbm_id job_name job_attempts job_start_id job_end_id job_batch_size job_status job_pagination_table
        job_pagination_column job_batching_strategy""",
    "4.7.0": "nameserver record replica_check_interval_s",
    "4.9.0": "batch_id sync_attempt",
    "4.10.0": "lsn primary_lsn",
    "4.11.0": "lock",
    "4.12.0": "current_manifest_digest",
    "4.14.0": "added_hosts removed_hosts patterns",
    "4.22.0": "log_only hard_action warn_action warn_threshold match_type burst usage source_ip",
    "4.23.0": "lag_bytes_threshold lag_time_threshold_s",
    "4.25.0": "minValidity remainingValidity",
    "4.26.0": "queue_size wal_segment_threshold pending_wal_segment",
    "4.27.0": "query_name",
    "4.28.0": "total_pre_migrations total_post_migrations last_preimport_date skip_cutoff_date",
    "4.30.0": "migration_id migration_name finished_jobs total_tuple_count progress_percent capped",
    "4.31.0": """reason consecutive_failures previous_failures events_in_window window_duration_s flapping_threshold
        quarantine_duration_s""",
}
# That release has it, and so may earlier ones.
_THERE = {
    "4.0.0": """time level msg error correlation_id component worker jitter_s duration_s review_after review_count
        repository_id manifest_id backoff_duration digest size_bytes redirect media_type copied content_length action
        source destination repository state_name state_uuid state_offset upload_uuid upload_size""",
    "4.17.0": """duration_ms ttfb_ms status method proto host uri remote_addr remote_ip referrer user_agent content_type
        written_bytes system""",
}
# The last release that wrote a name which the next one replaced.
_UNTIL = {"db_replica_addr": "4.32.0", "replica_addr": "4.32.0"}
# No release writes them.
_NEVER = frozenset({"trace_id", "parent_span_id"})
# Names that no release before had: see `_ALIASES` of the catalogue.
_OLDER = {"db_replica_addr": Since("4.31.0", "4.14.0"), "replica_addr": Since("4.22.0", "4.22.0")}


def since(field: Field, flavor: str) -> Since | None:
    """When a field came to the registry of that flavor; None where nobody looked, and where none has it."""
    if flavor != "gitlab" or field.since or field.name in _NEVER:
        return field.since
    return since_name(field.name)


def since_name(name: str) -> Since:
    """When a name came to the GitLab registry."""
    return _table().get(name, Since(READ))


def until(name: str) -> str:
    """The last release of the GitLab registry that wrote the name, or nothing."""
    return _UNTIL.get(name, "")


@cache
def _table() -> Mapping[str, Since]:
    found = dict(_OLDER)
    for releases, made in ((_CAME, _exact), (_NOT_BEFORE, _later), (_THERE, Since)):
        for release, names in releases.items():
            found |= dict.fromkeys(names.split(), made(release))
    return found


def _exact(release: str) -> Since:
    return Since(release, release)


def _later(release: str) -> Since:
    return Since(READ, release)
