"""Is what all the other dashboards and alerts stand on in order? Scrapes, rules and the way to Alertmanager."""

from measures import *
from regobs.catalog import prometheus_server as server
from regobs.catalog import scrape, targets
from regobs.grafana.words import *

DOWN, durations = "RegistryTargetDown", highest(targets.SCRAPE_DURATION, by="instance")
samples, added = (top(10, highest(x, by="instance")) for x in (targets.SCRAPE_SAMPLES, targets.SCRAPE_SERIES_ADDED))
dropped = highest(targets.SCRAPE_SAMPLES, by="instance") - highest(targets.SCRAPE_SAMPLES_KEPT, by="instance")

scrapes = Row(
    "Does Prometheus see the registry?",
    Stat("Instances up", up, good="as many as are deployed", alert="RegistryDown"),
    Stat("Instances down", known - up, good="0", alert=DOWN, thresholds=(0.5, 1)),
    Stat("Instances known", known, good="as many as are deployed", alert="RegistryTargetMissing"),
    Stat("Samples per scrape, all instances", total(targets.SCRAPE_SAMPLES), good="level"),
    States("Instance up", lowest(targets.UP, by="instance"), good="up throughout", alert=DOWN),
    Lines("Scrape duration (top 10)", top(10, durations), good="below 1 s"),
    Lines("Samples per scrape (top 10)", samples, good="level; a slope is a label without bound"),
    Lines("New series per scrape (top 10)", added, good="0 except after a start"),
    Lines("Samples dropped by relabeling (top 10)", top(10, dropped), good="what is meant to be dropped"),
    Lines("Scrape answers by status", rate(scrape.REQUESTS, by="code"), good="200", stacked=True),
    logs="recent-errors",
)

evaluations, failures = rate(server.RULE_EVALUATIONS, by="rule_group"), rate(server.RULE_FAILURES, by="rule_group")
time = highest(server.RULE_GROUP_DURATION, by="rule_group")
busy = ratio(time, highest(server.RULE_GROUP_INTERVAL, by="rule_group"))
late = age(server.RULE_GROUP_EVALUATED, by="rule_group")
loaded, missed = count(server.CONFIG_LOADED) - total(server.CONFIG_LOADED), increase(server.RULE_GROUP_MISSED)

rules = Row(
    "Are the rules evaluated?",
    Stat("Prometheus configurations not loaded", loaded, good="0", thresholds=(0.5, 1)),
    Stat("Rule failures, whole time range", increase(server.RULE_FAILURES), good="0", thresholds=(1, 10)),
    Stat("Rule evaluations missed, whole time range", missed, good="0", thresholds=(1, 10)),
    Lines("Rule evaluations failed, % (top 10)", top(10, ratio(failures, evaluations)), good="0", zoom=True),
    Lines("Rule evaluation, % of interval (top 10)", top(10, busy), good="below 50 %", thresholds=(0.5, 1)),
    Lines("Time since rule evaluation (top 10)", top(10, late), good="below the interval of the group"),
)

active = count(select(targets.ALERTS, alertname="registry"), by=("alertname", "alertstate"))
sent, errors = rate(server.ALERTS_SENT, by="alertmanager"), rate(server.ALERTS_FAILED, by="alertmanager")

alerts = Row(
    "Do alerts get out?",
    Stat("Alertmanagers connected", lowest(server.ALERTMANAGERS), good="as many as are deployed", thresholds=(1, 0.5)),
    Stat("Alerts dropped, whole time range", increase(server.ALERTS_DROPPED), good="0", thresholds=(1, 10)),
    Lines("Active alerts", active, good="none", stacked=True),
    Lines("Alerts sent to Alertmanager", sent, good="above 0 while an alert fires"),
    Lines("Alerts not delivered", errors, good="0"),
)

size = Row(
    "Size of Prometheus",
    Lines("Prometheus series in memory", highest(server.HEAD_SERIES), good="level; a slope is a label without bound"),
    Lines("Prometheus samples written", rate(server.SAMPLES_APPENDED, by="type"), good="level", stacked=True),
    Lines("Prometheus blocks on disk", highest(server.BLOCK_BYTES), good="below the space there is"),
)

dashboard = Dashboard("Registry Exporters and Rules", scrapes, rules, alerts, size)
