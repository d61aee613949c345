"""Service level objectives: what was promised, how much of the error budget is left, and how fast it is being spent.

A burn rate of 1 spends the whole budget in exactly the period. The upper threshold of each window is that of its alert.
"""

from regobs.catalog import slo
from regobs.grafana.words import *

SLOW = "slow-requests-by-route"
budget, promised = lowest(slo.BUDGET_REMAINING, by="slo"), highest(slo.TARGET, by="slo")
events, bad = {w: total(slo.EVENTS(w), by="slo") for w in ["1h", "6h", "1d"]}, slo.BAD_EVENTS
share = {w: ratio(total(bad(w), by="slo"), events[w]) for w in events}
burn = {w: highest(slo.BURN_RATE(w), by="slo") for w in ["5m", "1h", "6h", "1d", "3d"]}
overview = {"promised": promised, "budget left": budget, "events in 1 d": events["1d"], "burn rate in 1 h": burn["1h"]}
available, fast = (highest(select(slo.BURN_RATE("1h"), sli=sli), by="slo") for sli in ("availability", "latency"))

dashboard = Dashboard(
    "Registry SLOs and Error Budgets",
    Row(
        "Are we keeping our promises?",
        Table("Objectives", overview, good="budget above a quarter, burn rate below 1"),
        Bars("Budget left", budget, good="above a quarter", thresholds=(0.25, 0)),
        Lines("Budget left over time", budget, good="no steps down", zoom=True),
    ),
    Row(
        "How fast is it being spent?",
        Lines("Availability, 1 h", available, good="below 1", alert="RegistryAvailabilityBurn", thresholds=(1, 13.44)),
        Lines("Latency, 1 h", fast, good="below 1", alert="RegistryLatencyBurn", logs=SLOW, thresholds=(1, 13.44)),
        Lines("Now, 5 min", burn["5m"], good="below 1; alone it is no reason to act", thresholds=(1, 13.44)),
        Lines("6 h", burn["6h"], good="below 1; 5.6 pages someone", thresholds=(1, 5.6)),
        Lines("1 d", burn["1d"], good="below 1; 2.8 opens a ticket", thresholds=(1, 2.8)),
        Lines("3 d", burn["3d"], good="below 0.9; 0.93 opens a ticket", thresholds=(0.75, 0.9333)),
        logs="errors-by-code",
    ),
    Row(
        "What is it made of?",
        Lines("Events in 1 h", events["1h"], good="follows the time of day", logs="requests-over-time", log=True),
        Lines("Bad events in 1 h", total(bad("1h"), by="slo"), good="0", logs="errors-by-code"),
        Lines("Share of bad events in 1 h", share["1h"], good="below 0.1 %", zoom=True),
        Lines("Share of bad events in 6 h", share["6h"], good="below 0.1 %", zoom=True),
        Lines("Share of bad events in 1 d", share["1d"], good="below 0.1 %", zoom=True),
        Lines("Promised", promised, good="level; a step is a change of the SLO", zoom=True),
    ),
)
