"""Who uses the registry for what, by top-level namespace: what its own metrics may not carry.

From its log, its notifications and its metadata database, as the exporters of regobs count them. The largest namespaces
have a name; the others are `other`, so each panel's sum is that of all.
"""

from regobs.catalog import events, logs, metadata
from regobs.grafana.words import *

read = select(logs.NAMESPACE_BYTES, direction="read")
written = select(logs.NAMESPACE_BYTES, direction="written")
requests, errors = logs.NAMESPACE_REQUESTS, select(logs.NAMESPACE_REQUESTS, status="5xx")
failed = ratio(rate(errors, by="namespace"), rate(requests, by="namespace"))
busy = top(10, rate(logs.NAMESPACE_TIME, by="namespace"))
pulls = rate(select(requests, action="pull"), by="namespace")
pushes = rate(select(requests, action="push"), by="namespace")

traffic = Row(
    "Traffic by namespace (from the log)",
    Lines("Pull requests by namespace (top 10)", top(10, pulls), good="shares as usual"),
    Lines("Push requests by namespace (top 10)", top(10, pushes), good="shares as usual"),
    Lines("Server errors by namespace, % (top 10)", top(10, failed), good="0", zoom=True),
    Lines("Bytes sent by namespace (top 10)", top(10, rate(written, by="namespace")), good="shares as usual"),
    Lines("Bytes received by namespace (top 10)", top(10, rate(read, by="namespace")), good="shares as usual"),
    Lines("Concurrent requests by namespace (top 10)", busy, good="shares as usual"),
    logs="top-namespaces-by-bytes",
)

happened = rate(events.RECEIVED, by="action")
pushed = rate(select(events.RECEIVED, action="push", artifact="manifest"), by="namespace")
deleted = rate(select(events.RECEIVED, action="delete"), by="namespace")
bytes_pushed = rate(select(events.BYTES, action="push"), by="namespace")

again = {"duplicate": rate(events.DUPLICATES), "invalid": rate(events.INVALID)}

notified = Row(
    "Events by namespace (from notifications)",
    Lines("Received events by action", happened, good="shares as usual", stacked=True),
    Lines("Manifests pushed by namespace (top 10)", top(10, pushed), good="shares as usual"),
    Lines("Deletions by namespace (top 10)", top(10, deleted), good="steps only with cleanup jobs"),
    Lines("Bytes pushed by namespace (top 10)", top(10, bytes_pushed), good="shares as usual"),
    Lines("Events by kind of actor", rate(events.ACTORS, by="actor"), good="shares as usual", stacked=True),
    Lines("Duplicate and invalid events", again, good="near 0", alert="RegistryNotificationsDuplicated"),
    Lines("Event delivery lag p95", quantile(0.95, events.LAG), good="below a second"),
    logs="pulls-and-pushes-by-namespace",
)

stored = highest(metadata.NAMESPACE_STORAGE, by="namespace")
logical = highest(metadata.NAMESPACE_LOGICAL_STORAGE, by="namespace")
held = highest(metadata.NAMESPACE_REPOSITORIES, by="namespace")

kept = Row(
    "Storage by namespace (from the metadata database)",
    Stat("Namespaces", highest(metadata.NAMESPACES), good="grows slowly"),
    Stat("Repositories", highest(metadata.REPOSITORIES), good="grows slowly"),
    Bars("Storage by namespace (top 10)", top(10, stored), good="shares as usual"),
    Bars("Logical storage by namespace (top 10)", top(10, logical), good="shares as usual"),
    Bars("Repositories by namespace (top 10)", top(10, held), good="shares as usual"),
)

dashboard = Dashboard("Registry Repositories and Namespaces", traffic, notified, kept)
