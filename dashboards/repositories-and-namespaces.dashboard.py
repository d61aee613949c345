"""Who uses the registry for what, by top-level namespace: what its own metrics may not carry.

From its log, its notifications and its metadata database, as the exporters of regobs count them. The largest namespaces
have a name; the others are `other`, so each panel's sum is that of all.
"""

from regobs.catalog import events, logs, metadata
from regobs.grafana.words import *

read, written = (select(logs.NAMESPACE_BYTES, direction=direction) for direction in ("read", "written"))
requests, errors = logs.NAMESPACE_REQUESTS, select(logs.NAMESPACE_REQUESTS, status="5xx")
failed = ratio(rate(errors, by="namespace"), rate(requests, by="namespace"))
busy = top(10, rate(logs.NAMESPACE_TIME, by="namespace"))
pulls, pushes = (rate(select(requests, action=action), by="namespace") for action in ("pull", "push"))

traffic = Row(
    "Who makes the traffic? (from the log)",
    Lines("Pull requests by namespace (top 10)", top(10, pulls), good="the usual mix"),
    Lines("Push requests by namespace (top 10)", top(10, pushes), good="the usual mix"),
    Lines("Server errors by namespace, % (top 10)", top(10, failed), good="0", zoom=True),
    Lines("Bytes sent by namespace (top 10)", top(10, rate(written, by="namespace")), good="the usual mix"),
    Lines("Bytes received by namespace (top 10)", top(10, rate(read, by="namespace")), good="the usual mix"),
    Lines("Busy handlers by namespace (top 10)", busy, good="the usual mix"),
    logs="top-namespaces-by-bytes",
)

happened = rate(events.RECEIVED, by="action")
pushed = rate(select(events.RECEIVED, action="push", artifact="manifest"), by="namespace")
deleted = rate(select(events.RECEIVED, action="delete"), by="namespace")
bytes_pushed = rate(select(events.BYTES, action="push"), by="namespace")

notified = Row(
    "What happens to images? (from notifications)",
    Lines("Events by action", happened, good="the usual mix", stacked=True),
    Lines("Manifests pushed by namespace (top 10)", top(10, pushed), good="the usual mix"),
    Lines("Deletions by namespace (top 10)", top(10, deleted), good="no steps but those of cleanups"),
    Lines("Bytes pushed by namespace (top 10)", top(10, bytes_pushed), good="the usual mix"),
    Lines("Delivery lag of events p95", quantile(0.95, events.LAG), good="below a second"),
    logs="pulls-and-pushes-by-namespace",
)

stored = highest(metadata.NAMESPACE_STORAGE, by="namespace")
held = highest(metadata.NAMESPACE_REPOSITORIES, by="namespace")

kept = Row(
    "Who keeps what? (from the metadata database)",
    Stat("Namespaces", highest(metadata.NAMESPACES), good="grows slowly"),
    Stat("Repositories", highest(metadata.REPOSITORIES), good="grows slowly"),
    Bars("Storage by namespace (top 10)", top(10, stored), good="the usual mix"),
    Bars("Repositories by namespace (top 10)", top(10, held), good="the usual mix"),
)

dashboard = Dashboard("Registry Repositories and Namespaces", traffic, notified, kept)
