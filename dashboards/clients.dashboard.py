"""Which clients use the registry, how they log in, and what they are refused: from its log, by `regobs export logs`."""

from regobs.catalog import logs
from regobs.grafana.words import *

by_client, in_range = rate(logs.CLIENTS, by="client"), top(10, increase(logs.CLIENTS, by="client"))
sent, served = rate(select(logs.PULLED_BYTES, redirected="true")), rate(select(logs.PULLED_BYTES, redirected="false"))
untold = rate(select(logs.PULLED_BYTES, redirected="unknown"))  # of lines that do not say it
pulled = {"redirected": sent, "by the registry": served, "unknown": untold}
by_status, by_route = rate(logs.REQUESTS, by="status"), rate(logs.REQUESTS, by="route")

who = Row(
    "Clients",
    Lines("Requests by client (top 10)", top(10, by_client), good="shares as usual", stacked=True),
    Bars("Requests by client in range (top 10)", in_range, good="shares as usual"),
    Lines("Access log requests by status", by_status, good="5xx near 0", stacked=True),
    Lines("Access log requests by route", by_route, good="shares as usual", stacked=True),
    Lines("Pulls redirected to storage", rate(logs.REDIRECTS), good="follows the pulls"),
    Lines("Blob bytes pulled, redirected or proxied", pulled, good="mostly redirected", stacked=True),
    logs="requests-over-time",
)

failed = select(logs.AUTHORIZATIONS, result="failed")  # without a type
by_type = {"": rate(select(logs.AUTHORIZATIONS, result="authorized"), by="type"), "refused": rate(failed)}
refused = ratio(rate(failed), rate(logs.AUTHORIZATIONS))
codes, bad = rate(logs.API_ERRORS, by="code"), select(logs.MESSAGES, level=("warning", "error", "fatal", "panic"))
messages = top(10, rate(bad, by="message"))

login = Row(
    "Authentication and errors",
    Lines("Authorizations by type", by_type, good="shares as usual", stacked=True),
    Lines("Authorizations refused, %", refused, good="constant", zoom=True),
    Lines("API errors by code (top 10)", top(10, codes), good="shares as usual", stacked=True),
    Lines("Warnings and errors by message (top 10)", messages, good="near 0"),
    logs="errors-by-code",
)

lines, unread = rate(logs.LINES, by="kind"), top(10, highest(logs.BEHIND, by="file"))
last_line, stored = top(10, age(logs.LAST_LINE, by="instance")), top(10, age(logs.CHECKPOINT, by="instance"))
BAD, BEHIND = "RegistryLogLinesMalformed", "RegistryLogExporterBehind"
UNREADABLE, OLD = "RegistryLogFileUnreadable", "RegistryLogCheckpointOld"

exporter = Row(
    "Log exporter",
    Lines("Log lines read by kind", lines, good="no malformed lines", alert=BAD, stacked=True),
    Lines("Log exporter backlog (top 10 files)", unread, good="returns to 0", alert=BEHIND),
    Lines("Unreadable log files", highest(logs.UNREADABLE), good="0", alert=UNREADABLE),
    Lines("Age of the last log line (top 10 exporters)", last_line, good="seconds"),
    Lines("Age of the log checkpoint (top 10 exporters)", stored, good="seconds", alert=OLD),
    Lines("Broken fields of access lines", rate(logs.SCHEMA_ERRORS, by="field"), good="0"),
)

dashboard = Dashboard("Registry Clients", who, login, exporter, needs=Capability.LOG_EXPORTER)
