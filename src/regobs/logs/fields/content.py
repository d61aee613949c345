"""Fields of repositories, manifests, blobs, uploads and storage."""

from __future__ import annotations

from regobs.logs.fields.field import FieldType, field
from regobs.logs.fields.request import DIGEST

_K, _T, _L, _D = FieldType.KEYWORD, FieldType.TEXT, FieldType.LONG, FieldType.DOUBLE
_B, _DATE, _KL, _O = FieldType.BOOLEAN, FieldType.DATE, FieldType.KEYWORD_LIST, FieldType.OBJECT

CONTENT = (
    field("media_type", _K, "Media type of a manifest or blob."),
    field("size_bytes", _L, "Size of a manifest, blob or repository.", "bytes", ecs="file.size", otel="file.size"),
    field("digest", _K, "Digest of a manifest or blob.", pattern=DIGEST),
    field("tag_name", _K, "Tag; empty when the manifest was asked for by digest."),
    field("reference_count", _L, "References of the manifest.", "count"),
    field("repository", _K, "Repository path.", es="wildcard"),
    field("manifest_digest", _K, "Digest of the manifest.", pattern=DIGEST),
    field("current_manifest_digest", _K, "Manifest the tag pointed to before.", pattern=DIGEST),
    field("payload_digest", _K, "Digest of what was sent.", pattern=DIGEST),
    field("provided_digest", _K, "Digest the client named.", pattern=DIGEST),
    field("manifest_list_digest", _K, "Digest of the manifest list.", pattern=DIGEST),
    field("default_arch", _K, "Architecture taken for old clients."),
    field("default_os", _K, "Operating system taken for old clients."),
    field("schema_version", _L, "Schema version of the manifest; 0 of one that names none.", minimum=0),
    field("patterns", _KL, "Tag protection or immutability patterns."),
    field("likely_buildx_cache", _B, "Looks like a build cache."),
    field("unknown_reference_media_types", _K, "Media types the registry does not know."),
    field("count", _L, "Things found: tags, repositories, rows.", "count"),
    field("limit", _L, "Page size.", "count"),
    field("marker", _K, "Where the page begins."),
    field("redirect", _B, "The client was sent to the storage or CDN."),
    field("source", _K, "Where content comes from."),
    field("destination", _K, "Where content goes."),
    field("blob", _K, "Blob of the descriptor cache."),
    field("canonical", _K, "Digest that was computed.", pattern=DIGEST),
    field("provided", _K, "Digest that was claimed."),
)

UPLOADS = (
    field("upload_uuid", _K, "Upload."),
    field("upload_id", _K, "Upload."),
    field("upload_size", _L, "Bytes there.", "bytes"),
    field("state_name", _K, "Repository in the upload state."),
    field("state_uuid", _K, "Upload in the upload state."),
    field("state_offset", _L, "Offset in the upload state.", "bytes"),
    field("copied", _L, "Bytes received.", "bytes"),
    field("content_length", _L, "Content-Length of the request; -1 when it names none.", "bytes", minimum=-1),
)

REPOSITORIES = (
    field("size_cached", _B, "The size came from the cache."),
    field("size_type", _K, "What the size counts: self or with descendants."),
    field("is_top_level", _B, "Top-level namespace."),
    field("precision", _K, "How the size was counted.", values=("default", "untagged")),
    field("failure", _B, "It failed."),
    field("rename_type", _K, "What is renamed.", values=("name", "namespace")),
    field("from", _K, "Old path.", es="wildcard"),
    field("to", _K, "New path.", es="wildcard"),
    field("repository_count", _L, "Repositories in the rename.", "count"),
    field("rename_duration_ms", _L, "Time the rename took.", "ms"),
    field("dry_run", _B, "Nothing is changed."),
    field("rename_path", _K, "Path that is taken.", es="wildcard"),
    field("lease_path", _K, "Path of the lease.", es="wildcard"),
    field("cached_path", _K, "Path in the cache.", es="wildcard"),
)

STORAGE = (
    field("attempt", _L, "Number of the try.", "count"),
    field("delay_s", _D, "Wait before the next try.", "s"),
    field("key", _K, "Object key.", es="wildcard"),
    field("event_type", _K, "Event of the Azure client."),
    field("driver", _K, "Storage driver."),
    field("length", _L, "Bytes.", "bytes"),
    field("sourcePath", _K, "Object that was moved.", es="wildcard"),
    field("destPath", _K, "Where the object was moved to.", es="wildcard"),
    field("copySucceeded", _B, "The copy of a move is there."),
    field("deleteError", _T, "Why the source of a move is still there."),
    field("minValidity", _K, "Least validity of a signed URL, a Go duration."),
    field("remainingValidity", _K, "Remaining validity of a signed URL, a Go duration."),
    field("response_status", _K, "Answer of the CDN."),
    field("cidr", _K, "Address range."),
    field("ip", FieldType.IP, "Client address."),
    field("lock", _K, "Storage lock, databaseInUse."),
    field("lock_path", _K, "File of the storage lock."),
)
