"""Is what all the other dashboards and alerts stand on in order? Scrapes, rules and the way to Alertmanager."""

from measures import *
from regobs.catalog import prometheus_server as server
from regobs.catalog import scrape, targets
from regobs.grafana.words import *

DOWN, durations = "RegistryTargetDown", highest(targets.SCRAPE_DURATION, by="instance")
samples = top(10, highest(targets.SCRAPE_SAMPLES, by="instance"))
added = top(10, highest(targets.SCRAPE_SERIES_ADDED, by="instance"))
dropped = highest(targets.SCRAPE_SAMPLES, by="instance") - highest(targets.SCRAPE_SAMPLES_KEPT, by="instance")

scrapes = Row(
    "Scrapes",
    Stat("Instances up", up, good="as many as are deployed", alert="RegistryDown"),
    Stat("Instances down", known - up, good="0", alert=DOWN, thresholds=(0.5, 1)),
    Stat("Scrape targets", known, good="as many as are deployed", alert="RegistryTargetMissing"),
    Stat("Samples per scrape, all instances", total(targets.SCRAPE_SAMPLES), good="constant"),
    States("Instance up", lowest(targets.UP, by="instance"), good="always up", alert=DOWN),
    Lines("Scrape duration (top 10)", top(10, durations), good="below 1 s"),
    Lines("Samples per scrape (top 10)", samples, good="constant; a slope means unbounded label values"),
    Lines("New series per scrape (top 10)", added, good="0 except after a start"),
    Lines("Samples dropped by relabeling (top 10)", top(10, dropped), good="only series that are dropped on purpose"),
    Lines("Scrape responses by status", rate(scrape.REQUESTS, by="code"), good="200", stacked=True),
    logs="recent-errors",
)

evaluations, failures = rate(server.RULE_EVALUATIONS, by="rule_group"), rate(server.RULE_FAILURES, by="rule_group")
time = highest(server.RULE_GROUP_DURATION, by="rule_group")
busy = ratio(time, highest(server.RULE_GROUP_INTERVAL, by="rule_group"))
late = age(server.RULE_GROUP_EVALUATED, by="rule_group")
loaded, missed = count(server.CONFIG_LOADED) - total(server.CONFIG_LOADED), increase(server.RULE_GROUP_MISSED)

rules = Row(
    "Rule evaluation",
    Stat("Prometheus config reloads failed", loaded, good="0", thresholds=(0.5, 1)),
    Stat("Rule failures in range", increase(server.RULE_FAILURES), good="0", thresholds=(1, 10)),
    Stat("Rule evaluations missed in range", missed, good="0", thresholds=(1, 10)),
    Lines("Rule evaluations failed, % (top 10)", top(10, ratio(failures, evaluations)), good="0", zoom=True),
    Lines("Rule evaluation, % of interval (top 10)", top(10, busy), good="below 50 %", thresholds=(0.5, 1)),
    Lines("Time since rule evaluation (top 10)", top(10, late), good="below the interval of the group"),
)

told = select(targets.ALERTS, alertname="registry", severity=other_than("none"))
active = count(told, by=("alertname", "alertstate"))
sent, errors = rate(server.ALERTS_SENT, by="alertmanager"), rate(server.ALERTS_FAILED, by="alertmanager")

alerts = Row(
    "Alerts and Alertmanager",
    Stat("Alertmanagers connected", lowest(server.ALERTMANAGERS), good="as many as are deployed", thresholds=(1, 0.5)),
    Stat("Alerts dropped in range", increase(server.ALERTS_DROPPED), good="0", thresholds=(1, 10)),
    Lines("Active alerts", active, good="none", stacked=True),
    Lines("Alerts sent to Alertmanager", sent, good="above 0 while an alert fires"),
    Lines("Alerts failed to send", errors, good="0"),
)

size = Row(
    "Prometheus storage",
    Lines("Prometheus series in memory", highest(server.HEAD_SERIES), good="constant; a slope means more label values"),
    Lines("Prometheus samples written", rate(server.SAMPLES_APPENDED, by="type"), good="constant", stacked=True),
    Lines("Prometheus blocks on disk", highest(server.BLOCK_BYTES), good="below the disk space available"),
)

dashboard = Dashboard("Registry Exporters and Rules", scrapes, rules, alerts, size)
