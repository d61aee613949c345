"""Which pods are there, and how many requests those get that are.

It follows from the plan and the faults of a moment alone: a pod that is simulated without the others knows it too.
"""

from __future__ import annotations

from regobs.simulate.faults import Name
from regobs.simulate.moment import Moment
from regobs.simulate.plan import Plan

_LIVES, _RESTARTS = 40.0, 20.0  # seconds that a pod in a crash loop is up, then away


def present(plan: Plan, number: int, moment: Moment) -> bool:
    """Whether a pod is there: a crash loop takes the last one away again and again, an outage all of the last zone."""
    if moment.suffers(Name.ZONE_OUTAGE) and plan.zone(number) == plan.zones[-1]:
        return False
    crashing = moment.suffers(Name.CRASH_LOOP) and number == plan.pods - 1
    return not crashing or moment.elapsed % (_LIVES + _RESTARTS) < _LIVES


def load(plan: Plan, moment: Moment) -> float:
    """What a pod gets, as a multiple of what it gets while all are there: a load balancer asks those that answer."""
    if not (moment.suffers(Name.ZONE_OUTAGE) or moment.suffers(Name.CRASH_LOOP)):
        return 1.0
    there = sum(present(plan, number, moment) for number in range(plan.pods))
    return plan.pods / there if there else 0.0
