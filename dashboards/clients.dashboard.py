"""Which clients use the registry, how they log in, and what they are refused: from its log, by `regobs export logs`."""

from regobs.catalog import logs
from regobs.grafana.words import *

by_client, in_range = rate(logs.CLIENTS, by="client"), top(10, increase(logs.CLIENTS, by="client"))
by_status, by_route = rate(logs.REQUESTS, by="status"), rate(logs.REQUESTS, by="route")

who = Row(
    "Which clients?",
    Lines("Requests by client (top 10)", top(10, by_client), good="the usual mix", stacked=True),
    Bars("Requests by client, whole time range (top 10)", in_range, good="the usual mix"),
    Lines("Access lines by status", by_status, good="hardly any 5xx", stacked=True),
    Lines("Access lines by route", by_route, good="the usual mix", stacked=True),
    Lines("Pulls redirected to the storage", rate(logs.REDIRECTS), good="follows the pulls"),
    logs="requests-over-time",
)

by_type = rate(logs.AUTHORIZATIONS, by=("result", "type"))
refused = ratio(rate(select(logs.AUTHORIZATIONS, result="failed")), rate(logs.AUTHORIZATIONS))
codes, bad = rate(logs.API_ERRORS, by="code"), select(logs.MESSAGES, level=("warning", "error", "fatal", "panic"))
messages = top(10, rate(bad, by="message"))

login = Row(
    "Are they let in?",
    Lines("Authorizations by type", by_type, good="the usual mix", stacked=True),
    Lines("Authorizations refused, %", refused, good="level", zoom=True),
    Lines("API errors by code (top 10)", top(10, codes), good="the usual mix", stacked=True),
    Lines("Warnings and errors by message (top 10)", messages, good="hardly any"),
    logs="errors-by-code",
)

lines, unread = rate(logs.LINES, by="kind"), top(10, highest(logs.BEHIND, by="file"))
BAD, BEHIND = "RegistryLogLinesMalformed", "RegistryLogExporterBehind"

exporter = Row(
    "Does the exporter keep up?",
    Lines("Lines by kind", lines, good="no malformed ones", alert=BAD, stacked=True),
    Lines("Bytes not read (top 10 files)", unread, good="falls back to 0", alert=BEHIND),
    Lines("Age of the last line", age(logs.LAST_LINE), good="seconds"),
)

dashboard = Dashboard("Registry Clients", who, login, exporter, needs=Capability.LOG_EXPORTER)
