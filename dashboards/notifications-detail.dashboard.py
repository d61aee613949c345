"""Notifications: events on their way to the endpoints that the registry was told of.

Events enter a queue, or are dropped when it is full; attempts succeed or fail; after all retries an event is delivered
or lost. These are different things: no panel adds them up.
"""

from regobs.catalog import notifications as notify
from regobs.grafana.words import *

LOST = "RegistryNotificationsLost"
at, what = "endpoint", ("action", "artifact")
entered = rate(select(notify.EVENTS, type="Events"), by=at)
by_action = rate(select(notify.EVENTS, type="Events"), by=what)
attempts = rate(select(notify.EVENTS, type=("Successes", "Failures")), by=at)
refused = ratio(rate(select(notify.EVENTS, type="Failures"), by=at), attempts)
dropped = ratio(rate(select(notify.EVENTS, type="Dropped"), by=at), entered)
delivered = rate(select(notify.DELIVERIES, delivery_type="delivered"), by=at)
lost, ended = select(notify.DELIVERIES, delivery_type="lost"), rate(notify.DELIVERIES, by=at)
arrived = ratio(delivered, ended)
queue, queue_3 = highest(notify.PENDING, by=at), highest(notify.PENDING_TOTAL, by=at)
no_answer = rate(notify.ERRORS, by=at)
no_answer_3 = rate(select(notify.EVENTS, type="Errors"), by=at)

dashboard = Dashboard(
    "Registry Notifications Detail",
    Row(
        "Do they arrive?",
        Stat("Events", entered, good="follows pushes and pulls"),
        Stat("Waiting", queue, queue_3, good="falls back to 0", thresholds=(100, 1000)),
        Stat("Delivered", arrived, good="100 %", thresholds=(0.999, 0.99)),
        Stat("Lost in this time range", increase(lost, by=at), good="0", alert=LOST, thresholds=(0.5, 1)),
        Lines("Delivered of all", arrived, good="100 %", zoom=True),
        Lines("Lost after all retries", rate(lost, by=at), good="0", alert=LOST),
        Lines("Dropped by a full queue", dropped, good="0", alert="RegistryNotificationsDropped", zoom=True),
        logs="recent-errors",
    ),
    Row(
        "Does the endpoint keep up?",
        Lines("Waiting over time", queue, queue_3, good="falls back to 0"),
        Lines("Attempts that were refused", refused, good="0", zoom=True),
        Lines("Attempts without an answer", no_answer, no_answer_3, good="0"),
        Lines("Answers by status (top 10)", top(10, rate(notify.STATUS, by=(at, "code"))), good="200", stacked=True),
        Lines("p95 of an attempt", quantile(0.95, notify.HTTP_LATENCY, by=at), good="below 1 s"),
        Lines("p95 until it left the queue", quantile(0.95, notify.TOTAL_LATENCY, by=at), good="seconds"),
        Lines("Mean of retries", mean(notify.RETRIES, by=at), good="0"),
        Heat("Time of attempts", notify.HTTP_LATENCY, good="one band; a second band is a slow endpoint"),
        Heat("Time until they left the queue", notify.TOTAL_LATENCY, good="one band"),
        logs="recent-errors",
    ),
    Row(
        "What is it about?",
        Lines("By endpoint", entered, good="follows pushes and pulls", stacked=True),
        Lines("By action", by_action, good="the usual mix", logs="pulls-and-pushes-by-namespace", stacked=True),
        Lines("Attempts by endpoint", attempts, good="as many as events", stacked=True),
    ),
    needs=Capability.NOTIFICATIONS,
)
