"""What the handlers share: the parts of one registry process, made from its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from examples.registry.access import Access
from examples.registry.database import Connection, Database
from examples.registry.driver import FilesystemDriver
from examples.registry.notifications import Notifier
from examples.registry.problem import Problem
from examples.registry.repositories import Repository, RepositoryCache, find, find_or_create
from examples.registry.settings import Settings
from examples.registry.uploads import Uploads
from regobs.instrument import Instruments
from regobs.instrument.adapters.redis import AsyncObservedRedis
from regobs.instrument.adapters.storage import BlobSizes, observed_driver


@dataclass(frozen=True, slots=True)
class Services:
    """The parts."""

    settings: Settings
    access: Access
    database: Database
    redis: AsyncObservedRedis
    cache: RepositoryCache
    driver: FilesystemDriver
    sizes: BlobSizes
    uploads: Uploads
    notifier: Notifier

    @classmethod
    def of(cls, settings: Settings, instruments: Instruments) -> Services:
        """Make them; nothing is connected yet."""
        driver = observed_driver(FilesystemDriver(Path(settings.root)), instruments, "filesystem")
        redis = AsyncObservedRedis.from_url(settings.redis, socket_timeout=1, socket_connect_timeout=1)
        redis.observe(instruments, "cache")
        return cls(
            settings=settings,
            access=Access(settings.user, settings.password),
            database=Database(settings.database, instruments),
            redis=redis,
            cache=RepositoryCache(redis),
            driver=driver,
            sizes=BlobSizes(instruments),
            uploads=Uploads(settings.secret, driver),
            notifier=Notifier(settings.endpoints, instruments),
        )

    async def repository(self, connection: Connection, path: str) -> Repository:
        """The repository of a path, from the cache or the database. Problem when there is none."""
        known = await self.cache.get(path)
        if known is None:
            known = await find(connection, path)
            if known is None:
                raise Problem("NAME_UNKNOWN", {"name": path})
            await self.cache.put(known)
        return known

    async def repository_to_push_to(self, connection: Connection, path: str) -> Repository:
        """The same, and one that is missing is made; the cache gets it when it is found again, after the commit."""
        try:
            return await self.repository(connection, path)
        except Problem:
            return await find_or_create(connection, path)
