"""Fields of storage drivers and CDN middleware, and of the maintenance commands of the registry's binary.

Read in the registry's source, 4.32; a type that the source leaves open is `loose`.
"""

from __future__ import annotations

from regobs.logs.fields.field import FieldType, field
from regobs.logs.fields.request import DIGEST

_K, _T, _L = FieldType.KEYWORD, FieldType.TEXT, FieldType.LONG

DRIVERS = (
    field("fileSize", _L, "Size of the object.", "bytes"),
    field("totalSize", _L, "Size of the whole upload.", "bytes"),
    field("totalWritten", _L, "Bytes written so far.", "bytes"),
    field("totalExpected", _L, "Bytes that should have been written.", "bytes"),
    field("bytesUploaded", _L, "Bytes that the storage has.", "bytes"),
    field("bufferSize", _L, "Size of the buffer.", "bytes"),
    field("bufferedBytes", _L, "Bytes in the buffer.", "bytes"),
    field("requestedOffset", _L, "Offset that was asked for.", "bytes"),
    field("resumedOffset", _L, "Offset at which the upload goes on.", "bytes"),
    field("chunkStart", _L, "First byte of the chunk.", "bytes"),
    field("chunkEnd", _L, "Last byte of the chunk.", "bytes"),
    field("chunkSize", _L, "Size of the chunk.", "bytes"),
    field("chunkNumber", _L, "Number of the chunk.", "count"),
    field("rangeHeader", _K, "Range header of the storage."),
    field("maxConcurrency", _L, "Most requests at once.", "count"),
    field("totalFiles", _L, "Objects to delete.", "count"),
    field("successfulDeletes", _L, "Objects that were deleted.", "count"),
    field("errors", _T, "What went wrong with the others.", loose=True),
    field("deletedTime", _K, "When the object was deleted.", loose=True),
    field("bucket", _K, "Bucket."),
    field("object", _K, "Object in the bucket.", es="wildcard"),
    field("expires", _K, "When a signed address ends.", loose=True),
    field("signingMethod", _K, "How an address is signed."),
    field("existing_value", _K, "Value of an option that is set already.", loose=True),
    field("requested_value", _K, "Value that an option should have had.", loose=True),
    field("signature", _K, "Signature of a request to S3: a secret.", indexed=False),
    field("string-to-sign", _T, "What the signature of a request to S3 is made of.", indexed=False),
    field("url", _K, "Address at the CDN; signed, it is a secret.", es="wildcard"),
    field("request_url", _K, "Address of a request to the CDN.", es="wildcard"),
    field("response_body", _T, "Answer of the CDN."),
    field("trace_duration", _L, "How long a call of the storage took.", "ns"),
    field("trace_func", _K, "Go function that was called."),
    field("trace_file", _K, "Source file of the call."),
    field("trace_line", _L, "Source line of the call.", minimum=0),
    field("trace_parent_id", _K, "UUID of the call around it."),
    field("request", _T, "Request to Google Cloud, with its headers.", loose=True),
    field("response", _T, "Answer of Google Cloud, with its body.", loose=True),
    field("serviceName", _K, "Service of Google Cloud."),
    field("rpcName", _K, "Call of the service: storage.objects.get."),
    field("user-agent", _K, "User-Agent header."),
    field("user-client", _K, "Client of a request behind CloudFront."),
)

LABKIT = (
    field("signal", _K, "Signal that the process got.", loose=True),
    field("serviceVersion", _K, "Version under which Google Cloud Profiler has the profiles."),
    field("projectId", _K, "Project of Google Cloud that has the profiles."),
)

MAINTENANCE = (
    field("size", _L, "Size of a blob or manifest.", "bytes"),
    field("tags_primed", _L, "Tags that were read ahead.", "count", loose=True),
    field("tag_count", _L, "Tags of the manifest.", "count"),
    field("digest_type", _K, "What the digest is of."),
    field("mediatype", _K, "Media type of a manifest or blob."),
    field("parent_digest", _K, "Manifest list that refers to it.", pattern=DIGEST),
    field("referenced_by", _K, "What refers to it.", loose=True),
    field("batch_number", _L, "Number of the batch.", "count"),
    field("batch_total", _L, "Batches in all.", "count"),
    field("batch_count", _L, "Things in the batch.", "count"),
    field("batch_max_size", _L, "Most things in a batch.", "count"),
    field("r", _T, "What a panic was raised with.", loose=True),
)
