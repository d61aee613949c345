"""The error for an expression that one vocabulary cannot say, although another can."""

from __future__ import annotations

from typing import Literal

from regobs.catalog.model import Capability, Metric
from regobs.errors import PromqlError

Reason = Literal["flavor", "version", "capability", "label", "bucket"]


class Unavailable(PromqlError):  # noqa: N818  (an answer about a vocabulary more often than a failure)
    """A metric, label, value or bucket edge does not exist in a vocabulary.

    `reason` says which of flavor, version, capability, label (also: label value) or bucket it is; `capability` is the
    one that is off, where that is the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        metric: Metric,
        reason: Reason,
        capability: Capability | None = None,
        value: object = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, value=value, expected=expected, next_step=next_step)
        self.metric = metric
        self.reason: Reason = reason
        self.capability = capability
