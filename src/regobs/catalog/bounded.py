"""Labels of which clients choose the values: how many have series of their own, and how well the others are known."""

from __future__ import annotations

SKETCH_NAMES = 10  # names of the sketch for each name with a series
CLIENTS, AUTH_TYPES, ACTORS = 50, 20, 20


def bound_of(label: str, most: int) -> str:
    """The error bound of a metric with a bounded label, for its entry in the catalog."""
    return (
        f"At most {most} values of {label} have series of their own, the others are `other`: of N recent events each "
        f"with more than N/{most * SKETCH_NAMES} is known, and its number by at most that too high."
    )


def bound_as_set(label: str) -> str:
    """The same where the number of names is an option, with 100 as its default."""
    return (
        f"Only K values of {label} (--namespaces, 100) have series of their own, the others are `other`: of N recent "
        f"events each with more than N/({SKETCH_NAMES} K) is known, and its number by at most that too high."
    )
