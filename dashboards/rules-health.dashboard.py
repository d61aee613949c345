"""Is what all the other dashboards and alerts stand on in order? Scrapes, rules and the way to Alertmanager."""

from regobs.catalog import prometheus_server as server
from regobs.catalog import scrape, targets
from regobs.grafana.words import *

one, group = "instance", "rule_group"
up, known = total(targets.UP), count(targets.UP)
alerts = count(select(targets.ALERTS, alertname="registry"), by=("alertname", "alertstate"))
evaluations, failures = rate(server.RULE_EVALUATIONS, by=group), rate(server.RULE_FAILURES, by=group)
time, interval = highest(server.RULE_GROUP_DURATION, by=group), highest(server.RULE_GROUP_INTERVAL, by=group)
missed, late = increase(server.RULE_GROUP_MISSED), age(server.RULE_GROUP_EVALUATED, by=group)
busy = ratio(time, interval)
sent, errors = rate(server.ALERTS_SENT, by="alertmanager"), rate(server.ALERTS_FAILED, by="alertmanager")
samples, added = (top(10, highest(m, by=one)) for m in (targets.SCRAPE_SAMPLES, targets.SCRAPE_SERIES_ADDED))
dropped_samples = highest(targets.SCRAPE_SAMPLES, by=one) - highest(targets.SCRAPE_SAMPLES_KEPT, by=one)

dashboard = Dashboard(
    "Registry Exporters and Rules",
    Row(
        "Does Prometheus see the registry?",
        Stat("Targets up", up, good="as many as are deployed", alert="RegistryDown"),
        Stat("Targets down", known - up, good="0", alert="RegistryTargetDown", thresholds=(0.5, 1)),
        Stat("Targets known", known, good="as many as are deployed", alert="RegistryTargetMissing"),
        Stat("Samples a scrape", total(targets.SCRAPE_SAMPLES), good="level"),
        Lines("Up", lowest(targets.UP, by=one), good="1", alert="RegistryTargetDown"),
        Lines("Time of scrapes (top 10)", top(10, highest(targets.SCRAPE_DURATION, by=one)), good="below 1 s"),
        Lines("Samples by target (top 10)", samples, good="level; a slope is a label without bound"),
        Lines("New series (top 10)", added, good="0 except after a start"),
        Lines("Samples left out by relabeling", top(10, dropped_samples), good="what is meant to be left out"),
        Lines("Scrapes answered by status", rate(scrape.REQUESTS, by="code"), good="200", stacked=True),
    ),
    Row(
        "Are the rules evaluated?",
        Stat("Configuration loaded", lowest(server.CONFIG_LOADED), good="1", thresholds=(1, 0.5)),
        Stat("Failed evaluations in this time range", increase(server.RULE_FAILURES), good="0", thresholds=(1, 10)),
        Stat("Missed evaluations in this time range", missed, good="0", thresholds=(1, 10)),
        Lines("Evaluations that failed (top 10)", top(10, ratio(failures, evaluations)), good="0", zoom=True),
        Lines("Share of the interval (top 10)", top(10, busy), good="below 50 %", thresholds=(0.5, 1)),
        Lines("Since the last evaluation (top 10)", top(10, late), good="below the interval of the group"),
    ),
    Row(
        "Do alerts get out?",
        Stat("Alertmanagers", lowest(server.ALERTMANAGERS), good="as many as are deployed", thresholds=(1, 0.5)),
        Stat("Alerts dropped in this time range", increase(server.ALERTS_DROPPED), good="0", thresholds=(1, 10)),
        Lines("Active alerts", alerts, good="none", stacked=True),
        Lines("Alerts sent", sent, good="above 0 while an alert fires"),
        Lines("Alerts not sent", errors, good="0"),
    ),
    Row(
        "How large is Prometheus?",
        Lines("Series in memory", highest(server.HEAD_SERIES), good="level; a slope is a label without bound"),
        Lines("Samples written", rate(server.SAMPLES_APPENDED, by="type"), good="level", stacked=True),
        Lines("Blocks on disk", highest(server.BLOCK_BYTES), good="below the space there is"),
    ),
)
