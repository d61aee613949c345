"""Is what all the other dashboards and alerts stand on in order? Scrapes, rules and the way to Alertmanager."""

from regobs.catalog import neighbours, scrape
from regobs.grafana.words import *

one, group = "instance", "rule_group"
up, targets = total(neighbours.UP), count(neighbours.UP)
alerts = count(neighbours.ALERTS, by=("alertname", "alertstate"))
evaluations, failures = rate(neighbours.RULE_EVALUATIONS, by=group), rate(neighbours.RULE_FAILURES, by=group)
time, interval = highest(neighbours.RULE_GROUP_DURATION, by=group), highest(neighbours.RULE_GROUP_INTERVAL, by=group)
missed, late = increase(neighbours.RULE_GROUP_MISSED), age(neighbours.RULE_GROUP_EVALUATED, by=group)
busy = ratio(time, interval)
sent, errors = rate(neighbours.ALERTS_SENT, by="alertmanager"), rate(neighbours.ALERTS_FAILED, by="alertmanager")
samples, added = (top(10, highest(m, by=one)) for m in (neighbours.SCRAPE_SAMPLES, neighbours.SCRAPE_SERIES_ADDED))
dropped_samples = highest(neighbours.SCRAPE_SAMPLES, by=one) - highest(neighbours.SCRAPE_SAMPLES_KEPT, by=one)

dashboard = Dashboard(
    "Registry Exporters and Rules",
    Row(
        "Does Prometheus see the registry?",
        Stat("Targets up", up, good="as many as are deployed", alert="RegistryDown"),
        Stat("Targets down", targets - up, good="0", alert="RegistryTargetDown", thresholds=(1, 2)),
        Stat("Targets known", targets, good="as many as are deployed", alert="RegistryTargetMissing"),
        Stat("Samples a scrape", total(neighbours.SCRAPE_SAMPLES), good="level"),
        Lines("Up", lowest(neighbours.UP, by=one), good="1", alert="RegistryTargetDown"),
        Lines("Time of scrapes (top 10)", top(10, highest(neighbours.SCRAPE_DURATION, by=one)), good="below 1 s"),
        Lines("Samples by target (top 10)", samples, good="level; a slope is a label without bound"),
        Lines("New series (top 10)", added, good="0 except after a start"),
        Lines("Samples left out by relabeling", top(10, dropped_samples), good="what is meant to be left out"),
        Lines("Scrapes answered by status", rate(scrape.REQUESTS, by="code"), good="200", stacked=True),
    ),
    Row(
        "Are the rules evaluated?",
        Stat("Configuration loaded", lowest(neighbours.CONFIG_LOADED), good="1", thresholds=(1, 0.5)),
        Stat("Failed evaluations in this time range", increase(neighbours.RULE_FAILURES), good="0", thresholds=(1, 10)),
        Stat("Missed evaluations in this time range", missed, good="0", thresholds=(1, 10)),
        Lines("Evaluations that failed (top 10)", top(10, ratio(failures, evaluations)), good="0", zoom=True),
        Lines("Share of the interval (top 10)", top(10, busy), good="below 50 %", thresholds=(0.5, 1)),
        Lines("Since the last evaluation (top 10)", top(10, late), good="below the interval of the group"),
    ),
    Row(
        "Do alerts get out?",
        Stat("Alertmanagers", lowest(neighbours.ALERTMANAGERS), good="as many as are deployed", thresholds=(1, 0.5)),
        Stat("Alerts dropped in this time range", increase(neighbours.ALERTS_DROPPED), good="0", thresholds=(1, 10)),
        Lines("Active alerts", alerts, good="none", stacked=True),
        Lines("Alerts sent", sent, good="above 0 while an alert fires"),
        Lines("Alerts not sent", errors, good="0"),
    ),
    Row(
        "How large is Prometheus?",
        Lines("Series in memory", highest(neighbours.HEAD_SERIES), good="level; a slope is a label without bound"),
        Lines("Samples written", rate(neighbours.SAMPLES_APPENDED, by="type"), good="level", stacked=True),
        Lines("Blocks on disk", highest(neighbours.BLOCK_BYTES), good="below the space there is"),
    ),
)
