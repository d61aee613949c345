"""What requests are about, for their log lines: repositories, tags, digests, and the clients that ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from uuid import UUID

from regobs.simulate.traffic import Request

_GROUPS = ("platform", "payments", "web", "data", "mobile", "infra", "research", "tools")
_PROJECTS = ("api", "worker", "frontend", "base-image", "gateway", "scheduler", "models")
_TAGS = ("latest", "main", "v2.14.0", "v2.14.1", "v2.15.0-rc1", "nightly", "stable")


# Path and query of a request, by the content word of its route.
_PATHS = {
    "base": "/v2/",
    "catalog": "/v2/_catalog?n=100",
    "tags": "/v2/{0.name}/tags/list",
    "manifest": "/v2/{0.name}/manifests/{0.tag}",
    "blob": "/v2/{0.name}/blobs/{0.digest}",
    "upload_start": "/v2/{0.name}/blobs/uploads/",
    "upload": "/v2/{0.name}/blobs/uploads/{0.upload}?_state=model",
    "v1_base": "/gitlab/v1/",
    "v1_repository": "/gitlab/v1/repositories/{0.name}/?size=self",
    "v1_tags": "/gitlab/v1/repositories/{0.name}/tags/list/",
    "v1_tag_detail": "/gitlab/v1/repositories/{0.name}/tags/detail/{0.tag}/",
    "v1_sub_repositories": "/gitlab/v1/repository-paths/{0.name}/repositories/list/",
    "v1_statistics": "/gitlab/v1/statistics/",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What one request is about, and who asks."""

    name: str
    tag: str
    digest: str
    upload: str
    address: str
    agent: str

    def path(self, kind: Request) -> str:
        """The path and query that a request has."""
        path = _PATHS[kind.route].format(self)
        return f"{path}&digest={self.digest}" if kind.route == "upload" and kind.method == "PUT" else path

    def variables(self, kind: Request) -> dict[str, str]:
        """The fields of its lines that name it."""
        if kind.route in {"base", "catalog"} or kind.route.startswith("v1_"):
            return {}
        found = {"root_repo": self.name.partition("/")[0], "vars_name": self.name}
        if kind.route == "manifest":
            found["vars_reference"] = self.tag
        elif kind.route == "blob":
            found["vars_digest"] = self.digest
        elif kind.route == "upload":
            found["vars_uuid"] = self.upload
        return found


class Content:
    """Draws by a generator that is given each time."""

    def __init__(self, clients: Mapping[str, float]) -> None:
        self._repositories = [
            f"{group}/{project}" for project in _PROJECTS for group in (*_GROUPS, *(f"{name}/team" for name in _GROUPS))
        ]
        # Few of them get most of the requests (Zipf).
        self._weights = list(accumulate(1 / rank for rank in range(1, len(self._repositories) + 1)))
        self._clients = list(clients)
        self._client_weights = list(accumulate(clients.values()))

    def repository(self, rng: Random) -> str:
        """A path of a repository."""
        return rng.choices(self._repositories, cum_weights=self._weights)[0]

    @staticmethod
    def tag(rng: Random) -> str:
        """A tag."""
        return rng.choice(_TAGS) if rng.random() < 0.6 else f"{rng.getrandbits(32):08x}"

    @staticmethod
    def digest(rng: Random) -> str:
        """A digest."""
        return f"sha256:{rng.getrandbits(256):064x}"

    def client(self, rng: Random) -> tuple[str, str]:
        """An address and a user agent."""
        address = f"10.{rng.randrange(4)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        return address, rng.choices(self._clients, cum_weights=self._client_weights)[0]

    @staticmethod
    def uuid(rng: Random) -> str:
        """A UUID."""
        return str(UUID(int=rng.getrandbits(128), version=4))

    def subject(self, rng: Random) -> Subject:
        """What a request is about."""
        return Subject(self.repository(rng), self.tag(rng), self.digest(rng), self.uuid(rng), *self.client(rng))
