"""Service level objectives: what was promised, how much of the error budget is left, and how fast it is being spent.

A burn rate of 1 spends the whole budget in exactly the period. The upper threshold of each window is that of its alert.
"""

from measures import *
from regobs.catalog import slo
from regobs.grafana.words import *

objectives = {
    "burn rate, 1 h": burn_rate["1h"],
    "burn rate, 5 min": burn_rate["5m"],
    "budget left": budget_left,
    "time until spent": burn_time(budget_left, burn_rate["1h"]),
    "target": highest(slo.TARGET, by="slo"),
    "events, 1 d": total(slo.EVENTS("1d"), by="slo"),
    "bad events, 1 d": total(slo.BAD_EVENTS("1d"), by="slo"),
}
BURNS, DAY = {"burn rate, 1 h": (1, 13.44), "burn rate, 5 min": (1, 13.44)}, 86_400
colors = {**BURNS, "budget left": (0.25, 0), "time until spent": (14 * DAY, 3 * DAY)}

promises = Row(
    "Error budgets by SLO",
    LongTable("SLOs by burn rate", objectives, good="burn rate below 1, budget above 25 %", colored=colors),
    logs="errors-by-code",
)

available = highest(select(slo.BURN_RATE("1h"), sli="availability"), by="slo")
fast = highest(select(slo.BURN_RATE("1h"), sli="latency"), by="slo")
BURN, LATE, SLOW = "RegistryAvailabilityBurn", "RegistryLatencyBurn", "slow-requests-by-route"

burning = Row(
    "Burn rates",
    Lines("Availability burn rate, 1 h", available, good="below 1", alert=BURN, thresholds=(1, 13.44)),
    Lines("Latency burn rate, 1 h", fast, good="below 1", alert=LATE, logs=SLOW, thresholds=(1, 13.44)),
    Lines("Burn rate, 6 h", burn_rate["6h"], good="below 1; pages at 5.6", thresholds=(1, 5.6)),
    Lines("Burn rate, 3 d", burn_rate["3d"], good="below 0.75; ticket at 0.93", thresholds=(0.75, 0.9333)),
    Lines("Error budget left", budget_left, good="above 25 %", thresholds=(0.25, 0), zoom=True),
    logs="errors-by-code",
)

events, bad = total(slo.EVENTS("1h"), by="slo"), total(slo.BAD_EVENTS("1h"), by="slo")

made_of = Row(
    "Events",
    Lines("SLO events, 1 h", events, good="follows the time of day", logs="requests-over-time", log=True),
    Lines("SLO bad events, 1 h", bad, good="0", logs="errors-by-code"),
    Lines("SLO bad events, % of events, 1 h", ratio(bad, events), good="below 100 % minus the target", zoom=True),
    logs="errors-by-code",
)

dashboard = Dashboard("Registry SLOs and Error Budgets", promises, burning, made_of, choose=("slo",))
