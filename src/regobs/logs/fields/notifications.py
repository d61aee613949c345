"""Fields of a notification event, in the envelope that registries post. Dots stand for nesting, `[]` for a list."""

from __future__ import annotations

from regobs.logs.fields.field import FieldType, field
from regobs.logs.fields.request import DIGEST, ISO_TIME

_K, _L, _B = FieldType.KEYWORD, FieldType.LONG, FieldType.BOOLEAN
ACTIONS = ("pull", "push", "mount", "delete", "rename")

EVENT = (
    field("id", _K, "UUID of the event.", ecs="event.id"),
    field("timestamp", FieldType.DATE, "When it was made.", ecs="@timestamp", pattern=ISO_TIME),
    field("action", _K, "What happened.", ecs="event.action", values=ACTIONS),
    field("target.mediaType", _K, "Media type of the manifest or blob."),
    field("target.size", _L, "Size of the manifest or blob.", "bytes"),
    field("target.digest", _K, "Digest of the manifest or blob.", pattern=DIGEST),
    field("target.length", _L, "The same as size.", "bytes"),
    field("target.repository", _K, "Repository path.", es="wildcard"),
    field("target.fromRepository", _K, "Repository a blob was mounted from.", es="wildcard"),
    field("target.url", _K, "Address of the manifest or blob.", es="wildcard"),
    field("target.tag", _K, "Tag."),
    field("target.urls", FieldType.KEYWORD_LIST, "Other addresses."),
    field("target.annotations", FieldType.OBJECT, "Annotations of the descriptor."),
    field("target.platform", FieldType.OBJECT, "Platform of the descriptor."),
    field("target.references[].mediaType", _K, "Media type of what the manifest refers to."),
    field("target.references[].size", _L, "Size of what the manifest refers to.", "bytes"),
    field("target.references[].digest", _K, "Digest of what the manifest refers to.", pattern=DIGEST),
    field("target.rename.type", _K, "What is renamed.", values=("name", "namespace")),
    field("target.rename.from", _K, "Old path.", es="wildcard"),
    field("target.rename.to", _K, "New path.", es="wildcard"),
    field("request.id", _K, "UUID of the request inside the registry; not the correlation id."),
    field("request.addr", _K, "Client.", ecs="client.address"),
    field("request.host", _K, "Host header.", ecs="url.domain"),
    field("request.method", _K, "HTTP method.", ecs="http.request.method"),
    field("request.useragent", _K, "User-Agent header.", ecs="user_agent.original"),
    field("actor.name", _K, "User.", ecs="user.name"),
    field("actor.user_type", _K, "Kind of credential."),
    field("actor.user", _K, "The token itself: a secret."),
    field("source.addr", _K, "Node of the registry.", ecs="host.name"),
    field("source.instanceID", _K, "UUID of the process.", ecs="service.node.name"),
    field("meta.blob.storageBackend", _K, "Storage driver."),
    field("meta.blob.redirected", _B, "The client was sent to the storage."),
)
REQUIRED = ("id", "timestamp", "action")
# What an event of an action has besides: seen or read in the source. Deletes name a digest or a tag.
BY_ACTION = {
    "pull": ("target.repository", "target.digest"),
    "push": ("target.repository", "target.digest"),
    "mount": ("target.repository", "target.digest", "target.fromRepository"),
    "delete": ("target.repository",),
    "rename": ("target.rename.type", "target.rename.from", "target.rename.to"),
}
