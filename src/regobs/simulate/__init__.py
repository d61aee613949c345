"""A model of a registry fleet that drives regobs.instrument: traffic, faults, collection, replicas, notifications.

Nothing in it is a measurement. Rates and latencies are plausible, not copied from a real fleet; what is exact are the
names, types, labels and buckets, because they come from the catalog.
"""

from __future__ import annotations

from regobs.simulate.faults import Fault, Schedule
from regobs.simulate.fleet import Fleet
from regobs.simulate.plan import Plan

__all__ = ["Fault", "Fleet", "Plan", "Schedule"]
