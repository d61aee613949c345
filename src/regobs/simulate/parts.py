"""The parts of a pod: which components of the catalog each fills, and whose work it needs.

A history that shows a few families only needs only the parts that fill them. Each part draws from a generator of its
own, so what is left out changes nothing in the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from regobs.catalog import METRICS
from regobs.catalog.model import Capability


class Name(StrEnum):
    """The parts, in the order in which they move on; the HTTP part is always there and goes before them."""

    STORAGE = "storage"
    COLLECTION = "collection"
    LEADER = "leader"
    DATABASE = "database"
    CACHE = "cache"
    NOTIFY = "notify"
    MACHINE = "machine"


HTTP = "http"
_FILLS: Mapping[Name, frozenset[str]] = {
    Name.STORAGE: frozenset({"storage", "proxy"}),
    Name.COLLECTION: frozenset({"gc"}),
    Name.LEADER: frozenset({"row_counts", "background_migrations"}),
    Name.DATABASE: frozenset({"database", "load_balancing", "sql_pool"}),
    Name.CACHE: frozenset({"redis"}),
    Name.NOTIFY: frozenset({"notifications"}),
    Name.MACHINE: frozenset({"process", "go_runtime", "build_info", "scrape"}),
}
# The rows that the leader counts are tasks of the collection; the database is asked by both.
_AFTER: Mapping[Name, frozenset[Name]] = {
    Name.LEADER: frozenset({Name.COLLECTION}),
    Name.DATABASE: frozenset({Name.COLLECTION, Name.LEADER}),
}
NEEDS: Mapping[Name, Capability] = {
    Name.COLLECTION: Capability.GARBAGE_COLLECTION,
    Name.LEADER: Capability.DATABASE_METRICS,
    Name.DATABASE: Capability.METADATA_DATABASE,
    Name.CACHE: Capability.REDIS,
    Name.NOTIFY: Capability.NOTIFICATIONS,
}
_TOGETHER = frozenset({Name.COLLECTION})  # what it does for one pod changes what the others find


def filling(families: frozenset[str] | None) -> frozenset[Name]:
    """The parts that these families of the catalog need, None for all of them."""
    if families is None:
        return frozenset(Name)
    components = {METRICS[name].component for name in families if name in METRICS}
    found = {part for part, fills in _FILLS.items() if fills & components}
    return frozenset(found.union(*(_AFTER.get(part, frozenset()) for part in found)))


def apart(parts: frozenset[Name]) -> bool:
    """Whether pods with these parts change nothing in each other, so that each can be simulated without the others."""
    return not parts & _TOGETHER
