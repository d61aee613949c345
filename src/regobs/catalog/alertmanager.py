"""What an Alertmanager says of the messages that it sends to people."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_alertmanager = Component("alertmanager", Exposer.ALERTMANAGER)


def _of_itself(*names: str) -> Form:
    return form(labels=labels(*names), needs=Capability.ALERTMANAGER)


MESSAGES = _alertmanager.counter(
    "alertmanager_notifications_total",
    Unit.ATTEMPTS,
    "Messages that were to be sent, by way of sending.",
    _of_itself("integration"),
    pitfalls=("Alertmanager from 0.26 on adds labels (`reason` to failures): aggregate by `integration`.",),
)
MESSAGES_FAILED = _alertmanager.counter(
    "alertmanager_notifications_failed_total",
    Unit.ATTEMPTS,
    "Messages that could not be sent, by way of sending.",
    _of_itself("integration"),
)
