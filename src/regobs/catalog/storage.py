"""The storage back end and its caches.

`registry_storage_action_seconds` and the blob descriptor cache are in both flavors; the rest is GitLab registry's.
"""

from __future__ import annotations

from regobs.catalog.declare import BOOLEAN, DEFAULT_BUCKETS, Component, form, labels
from regobs.catalog.model import Capability, Flavor, Label, Unit

GITLAB, DISTRIBUTION = Flavor.GITLAB, Flavor.DISTRIBUTION

MIB, GIB = 2.0**20, 2.0**30
BLOB_BUCKETS = (
    *(0.5 * MIB, MIB, 64 * MIB, 128 * MIB, 256 * MIB, 512 * MIB),
    *(size * GIB for size in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 30, 40, 50)),
)

_CALLS = ("GetContent", "PutContent", "Stat", "List", "Move", "Delete")
_GITLAB_ACTION = labels(
    action=(*_CALLS, "URLFor"),
    driver=("filesystem", "inmemory", "gcs", "s3aws", "s3_v2", "azure", "azure_v2"),
)
_ACTION_2 = labels(
    action=(*_CALLS, "URLFor"), driver=("filesystem", "inmemory", "gcs", "s3aws", "azure", "oss", "swift")
)
_ACTION_3 = labels(action=(*_CALLS, "RedirectURL"), driver=("filesystem", "inmemory", "gcs", "s3aws", "azure"))
_MIGRATION_PATH = Label("migration_path")
_REDIRECT = labels(redirect=BOOLEAN)

_storage = Component("storage")

ACTIONS = _storage.histogram(
    "registry_storage_action_seconds",
    Unit.SECONDS,
    "Time of one action of the storage driver.",
    form(GITLAB, labels=_GITLAB_ACTION, buckets=DEFAULT_BUCKETS, since="3.72.0", on_event=True),
    form(
        GITLAB,
        labels=(*_GITLAB_ACTION, _MIGRATION_PATH),
        buckets=DEFAULT_BUCKETS,
        since="3.6.0",
        until="3.72.0",
        on_event=True,
    ),
    form(GITLAB, labels=_GITLAB_ACTION, buckets=DEFAULT_BUCKETS, until="3.6.0", on_event=True),
    form(DISTRIBUTION, labels=_ACTION_3, buckets=DEFAULT_BUCKETS, since="3.0.0", on_event=True),
    form(DISTRIBUTION, labels=_ACTION_2, buckets=DEFAULT_BUCKETS, until="3.0.0", on_event=True),
    pitfalls=(
        "Streams (Reader, Writer), Walk and deletes of many files are not timed: the transfer of a blob is not in it.",
        "It has no label for the outcome: failed calls count like the others.",
        "`URLFor` is called `RedirectURL` in CNCF Distribution 3.",
    ),
)
CACHE = _storage.counter(
    "registry_storage_cache_total",
    Unit.REQUESTS,
    "Look-ups in the blob descriptor cache by outcome.",
    form(
        GITLAB,
        labels=labels(type=("Request", "Hit", "Miss", "Error")),
        needs=Capability.DESCRIPTOR_CACHE,
        on_event=True,
    ),
    form(
        DISTRIBUTION,
        labels=labels(type=("Request", "Hit", "Miss")),
        until="3.0.0",
        needs=Capability.DESCRIPTOR_CACHE,
        on_event=True,
    ),
    pitfalls=(
        "`Request` counts all look-ups: never sum over `type`.",
        "`Miss` is counted only where the back end then found the blob, so hits and misses do not add up to requests.",
        "With a metadata database the cache is not used.",
    ),
)
CACHE_REQUESTS = _storage.counter(
    "registry_storage_cache_requests_total",
    Unit.REQUESTS,
    "Look-ups in the blob descriptor cache.",
    form(DISTRIBUTION, since="3.0.0", needs=Capability.DESCRIPTOR_CACHE, always_exposed=True),
    pitfalls=("CNCF Distribution 3 has it in place of the `Request` type of the older counter.",),
)
CACHE_HITS = _storage.counter(
    "registry_storage_cache_hits_total",
    Unit.REQUESTS,
    "Look-ups that the blob descriptor cache answered.",
    form(DISTRIBUTION, since="3.0.0", needs=Capability.DESCRIPTOR_CACHE, always_exposed=True),
)
CACHE_ERRORS = _storage.counter(
    "registry_storage_cache_errors_total",
    Unit.REQUESTS,
    "Look-ups in the blob descriptor cache that failed with an error.",
    form(DISTRIBUTION, since="3.0.0", needs=Capability.DESCRIPTOR_CACHE, always_exposed=True),
    pitfalls=("An error is counted only where the back end then found the blob.",),
)
_REDIS_CALLS = labels(operation=("Stat", "SetDescriptor", "RepoStat", "RepoSetDescriptor"))
CACHE_REDIS = _storage.histogram(
    "registry_storage_cache_redis_seconds",
    Unit.SECONDS,
    "Time of a call of the blob descriptor cache to Redis.",
    form(
        GITLAB,
        labels=_REDIS_CALLS,
        buckets=DEFAULT_BUCKETS,
        since="2.10.0",
        needs=Capability.REDIS_DESCRIPTOR_CACHE,
        on_event=True,
    ),
    form(
        DISTRIBUTION,
        labels=_REDIS_CALLS,
        buckets=DEFAULT_BUCKETS,
        since="3.0.0",
        needs=Capability.REDIS_DESCRIPTOR_CACHE,
        on_event=True,
    ),
    pitfalls=("Redis answers within a millisecond, the lowest bucket is 5 ms: only the slow tail can be seen.",),
)
BLOB_DOWNLOADS = _storage.histogram(
    "registry_storage_blob_download_bytes",
    Unit.BYTES,
    "Size of a blob at its download, from the storage back end or through the registry.",
    form(GITLAB, labels=_REDIRECT, buckets=BLOB_BUCKETS, since="3.72.0", on_event=True),
    form(
        GITLAB,
        labels=(_MIGRATION_PATH, *_REDIRECT),
        buckets=BLOB_BUCKETS,
        since="3.7.0",
        until="3.72.0",
        on_event=True,
    ),
    pitfalls=("HEAD counts like GET, and always with the whole size, also for a part or an aborted transfer.",),
)
BLOB_UPLOADS = _storage.histogram(
    "registry_storage_blob_upload_bytes",
    Unit.BYTES,
    "Size of a new blob at its upload to the storage back end.",
    form(GITLAB, buckets=BLOB_BUCKETS, since="3.72.0", on_event=True),
    form(GITLAB, labels=(_MIGRATION_PATH,), buckets=BLOB_BUCKETS, since="3.15.0", until="3.72.0", on_event=True),
    pitfalls=(
        "A blob that the store already holds is not observed.",
        "It is observed before the blob is moved to its final place.",
        "It has no labels and still is absent until the first upload.",
    ),
)
CDN_REDIRECTS = _storage.counter(
    "registry_storage_cdn_redirects_total",
    Unit.REDIRECTS,
    "Decisions of the Google CDN middleware where to send a client.",
    form(
        GITLAB,
        labels=labels(backend=("cdn", "gcs"), bypass=BOOLEAN, bypass_reason=("", "gcp", "unsupported")),
        since="3.22.0",
        needs=Capability.CDN,
        on_event=True,
    ),
    pitfalls=(
        "Three combinations occur: cdn/false without a reason, gcs/true/gcp and gcs/true/unsupported.",
        "The cloudfront and redirect middlewares never count here.",
    ),
)
RATE_LIMITED = _storage.counter(
    "registry_storage_rate_limit_total",
    Unit.RESPONSES,
    "Requests of the storage driver that hit a rate limit: answers 429 of the back end.",
    form(GITLAB, since="3.33.0", needs=Capability.OBJECT_STORAGE, always_exposed=True),
    pitfalls=("Only the GCS driver's own retry loop counts it: it stays 0 for S3, Azure and file systems.",),
)
RETRIES = _storage.counter(
    "registry_storage_storage_backend_retries_total",
    Unit.RETRIES,
    "Retries against the storage back end.",
    form(
        GITLAB,
        labels=labels(retry_type=("native", "custom")),
        since="4.25.0",
        needs=Capability.OBJECT_STORAGE,
        on_event=True,
    ),
    pitfalls=(
        "The doubled `storage` in the name is real.",
        "The drivers s3aws and azure never count it, and only gcs has the type `custom`.",
    ),
)
URL_CACHE_REQUESTS = _storage.counter(
    "registry_storage_urlcache_requests_total",
    Unit.REQUESTS,
    "Look-ups in the cache of signed URLs.",
    form(
        GITLAB,
        labels=labels(reason=("", "not_found", "error"), result=("hit", "miss")),
        since="4.25.0",
        needs=Capability.URL_CACHE,
        on_event=True,
    ),
    pitfalls=("A hit has an empty reason.", "In dry-run mode hits are counted although nothing is served from it."),
)
URL_CACHE_ENTRY_SIZE = _storage.histogram(
    "registry_storage_urlcache_object_size",
    Unit.BYTES,
    "Size of an object when it is written to the cache of signed URLs.",
    form(
        GITLAB,
        buckets=(100, 250, 500, 750, 1000, 1500, 2048, 3072, 5120, 10240),
        since="4.25.0",
        needs=Capability.URL_CACHE,
        always_exposed=True,
    ),
    pitfalls=("The name has no unit; it is bytes.",),
)
OBJECT_ACCESSES_TOP = _storage.gauge(
    "registry_storage_object_accesses_topn",
    Unit.ACCESSES,
    "Accesses to the most-read objects within the last minute.",
    form(
        GITLAB,
        labels=labels(top_n=("1", "10", "100", "1000", "10000", "all")),
        since="4.25.0",
        needs=Capability.URL_CACHE,
        on_event=True,
    ),
    common=True,
    pitfalls=(
        "Counted for 60 s, then started anew; the values are cumulative over the rank, so never sum over `top_n`.",
        "A minute with fewer objects leaves the old value of the higher ranks in place.",
    ),
)
OBJECT_ACCESSES = _storage.histogram(
    "registry_storage_object_accesses_distribution",
    Unit.ACCESSES,
    "Distribution of the accesses counted for each object within a minute.",
    form(
        GITLAB,
        buckets=tuple(10.0 * 2**power for power in range(11)),
        since="4.25.0",
        needs=Capability.URL_CACHE,
        always_exposed=True,
    ),
)
ACCESS_EVENTS_DROPPED = _storage.counter(
    "registry_storage_access_tracker_dropped_events",
    Unit.EVENTS,
    "Events that the access tracker dropped after a timeout of 330 ms.",
    form(GITLAB, since="4.25.0", needs=Capability.URL_CACHE, always_exposed=True),
    pitfalls=("A counter whose name does not end in _total.",),
)
