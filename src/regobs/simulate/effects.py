"""What each fault does to a fleet, and which alerts of the bundled pack tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regobs.catalog.model import Capability
from regobs.simulate.faults import Name


@dataclass(frozen=True, slots=True)
class Effect:
    """What happens, and the alerts that fire when it lasts longer than their `for`.

    `alerts` are those for this cause; `pains` are those that may fire with them, because users notice it too.
    It strikes only fleets that have one of the capabilities `needs`, where there are any.
    """

    text: str
    alerts: tuple[str, ...]
    pains: tuple[str, ...] = ()
    needs: tuple[Capability, ...] = ()


_BURNS = ("RegistryAvailabilityBurn", "RegistryLatencyBurn")
EFFECTS: Mapping[Name, Effect] = {
    Name.ERROR_BURST: Effect("3 of 10 requests are answered with 500, 502 or 503", ("RegistryAvailabilityBurn",)),
    Name.LATENCY_RAMP: Effect(
        "requests, queries and storage calls take longer and longer, up to 60 times; who waits 60 s hangs up",
        ("RegistryLatencyBurn",),
    ),
    Name.POOL_EXHAUSTION: Effect(
        "all connections to the primary database are in use, and requests wait for one or fail",
        ("RegistryDatabasePoolSaturated",),
        _BURNS,
        needs=(Capability.METADATA_DATABASE,),
    ),
    Name.REPLICA_LAG: Effect(
        "the replicas of the database fall behind, one every two minutes, until they are quarantined",
        ("RegistryReplicasQuarantined",),
        needs=(Capability.LOAD_BALANCING,),
    ),
    Name.REDIS_LOSS: Effect(
        "Redis answers no pod",
        ("RegistryRedisUnreachable",),
        needs=(Capability.REDIS, Capability.REDIS_DESCRIPTOR_CACHE),
    ),
    Name.GC_BACKLOG: Effect(
        "garbage collection fails while cleanup policies delete much",
        ("RegistryGarbageQueueGrowing",),
        needs=(Capability.GARBAGE_COLLECTION,),
    ),
    Name.NOTIFICATIONS_DOWN: Effect(
        "the endpoint of the notifications answers 503",
        ("RegistryNotificationsLost",),
        ("RegistryNotificationsDropped",),
        needs=(Capability.NOTIFICATIONS,),
    ),
    Name.STORAGE_THROTTLING: Effect(
        "the object store answers 429: calls are repeated, slow, and some fail",
        ("RegistryStorageRateLimited", "RegistryStorageRetries"),
        _BURNS,
        needs=(Capability.OBJECT_STORAGE,),
    ),
    Name.STUCK_MIGRATION: Effect(
        "the background migration fails and does not go on",
        ("RegistryMigrationFailed",),
        needs=(Capability.BACKGROUND_MIGRATIONS,),
    ),
    Name.CRASH_LOOP: Effect("the last pod is up for 40 s and away for 20 s, again and again", ("RegistryRestarting",)),
    Name.NO_TRAFFIC: Effect("no client reaches the fleet", ("RegistryNoTraffic",)),
    Name.ZONE_OUTAGE: Effect(
        "all pods of the last zone are away; the others get their requests", ("RegistryTargetDown",)
    ),
}
