"""Notifications: events on their way to the endpoints that the registry was told of.

Events enter a queue, or are dropped when it is full; attempts succeed or fail; after all retries an event is delivered
or lost. These are different things: no panel adds them up.
"""

from measures import *
from regobs.catalog import notifications as notify
from regobs.grafana.words import *

LOST = "RegistryNotificationsLost"
entered = rate(select(notify.EVENTS, type="Events"), by="endpoint")
ended, lost = rate(notify.DELIVERIES, by="endpoint"), select(notify.DELIVERIES, delivery_type="lost")
arrived = ratio(rate(select(notify.DELIVERIES, delivery_type="delivered"), by="endpoint"), ended)
lost_in_range = increase(lost, by="endpoint")
dropped = ratio(rate(select(notify.EVENTS, type="Dropped"), by="endpoint"), entered)

arriving = Row(
    "Delivery",
    Stat("Notification events", entered, good="follows pushes and pulls"),
    Stat("Notifications delivered, %", arrived, good="100 %", thresholds=(0.999, 0.99)),
    Stat("Notifications lost in range", lost_in_range, good="0", alert=LOST, thresholds=(0.5, 1)),
    Lines("Notifications lost after all retries", rate(lost, by="endpoint"), good="0", alert=LOST),
    Lines("Events dropped by a full queue, %", dropped, good="0", alert="RegistryNotificationsDropped", zoom=True),
    Lines("Notifications waiting", notifications_waiting, good="returns to 0", thresholds=(100, 1000)),
    logs="recent-errors",
)

tried = rate(select(notify.EVENTS, type=("Successes", "Failures")), by="endpoint")
refused = ratio(rate(select(notify.EVENTS, type="Failures"), by="endpoint"), tried)
unanswered = by_version(
    rate(notify.ERRORS, by="endpoint"), before=rate(select(notify.EVENTS, type="Errors"), by="endpoint")
)
answers = rate(notify.STATUS, by=("endpoint", "code"))
attempt = quantile(0.95, notify.HTTP_LATENCY, by="endpoint")
delivery = quantile(0.95, notify.TOTAL_LATENCY, by="endpoint")

endpoint = Row(
    "Attempts by endpoint",
    Lines("Notification attempts", tried, good="as many as events", stacked=True),
    Lines("Notification attempts failed, %", refused, good="0", zoom=True),
    Lines("Notification attempts without response", unanswered, good="0"),
    Lines("Notification responses by status (top 10)", top(10, answers), good="200", stacked=True),
    Lines("Notification attempt latency p95", attempt, good="below 1 s"),
    Lines("Notification delivery time p95", delivery, good="seconds"),
    Lines("Notification retries mean", mean(notify.RETRIES, by="endpoint"), good="0"),
    Heat("Notification attempt latency", notify.HTTP_LATENCY, good="one band; a second band is a slow endpoint"),
    Heat("Notification delivery time", notify.TOTAL_LATENCY, good="one band"),
    logs="recent-errors",
)

by_action = rate(select(notify.EVENTS, type="Events"), by=("action", "artifact"))

content = Row(
    "Actions",
    Lines("Notification events by action", by_action, good="shares as usual", stacked=True),
    logs="pulls-and-pushes-by-namespace",
)

dashboard = Dashboard("Registry Notifications Detail", arriving, endpoint, content, needs=Capability.NOTIFICATIONS)
