"""The log file of a pod. Its lines are made by the library's own function, from draws of a generator of their own.

So the metrics of a seed are the same with logs and without.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from regobs.errors import InputError, MachineError
from regobs.instrument.app_log import application_line
from regobs.instrument.http.access_log import timestamp
from regobs.simulate.steps import TimeStep
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


_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_GO = "go1.25.1"


class PodLog:
    """One file. Lines of a step are kept until it is over and written in the order of their times.

    Raises InputError when the file exists, MachineError when it can not be made.
    """

    def __init__(self, path: Path, seed: str, version: object) -> None:
        self.rng = Random(f"{seed}/log")  # noqa: S311 (a model, no secret)
        self._version = f"v{version}-gitlab"
        self._lines: list[tuple[float, str]] = []
        self._begin = self._seconds = 0.0
        self.born()
        try:
            # Without a buffer: what is in the file are whole steps, also after a kill.
            self._file = path.open("xb", buffering=0)
        except FileExistsError:
            raise InputError(
                "there is a log already", value=path, next_step="remove it, or name another --logs"
            ) from None
        except OSError as error:
            raise MachineError("the log can not be made", value=f"{path}: {error.strerror}") from None

    def born(self) -> None:
        """A process starts: it gets an id."""
        self.process = UUID(int=self.rng.getrandbits(128), version=4)
        build = {"go_version": _GO, "version": self._version}
        self._static = {**build, "instance_id": str(self.process), "service": "registry"}
        self._build = build

    def begin(self, moment: TimeStep) -> None:
        """A step begins."""
        self._begin, self._seconds = moment.time - moment.seconds, moment.seconds

    def moment(self) -> float:
        """A time in this step."""
        return self._begin + self._seconds * self.rng.random()

    def before(self, time: float, seconds: float) -> float:
        """So much before a time, but in this step: lines of earlier ones are written."""
        return max(self._begin, time - seconds)

    def identity(self, time: float) -> str:
        """A correlation id, a ULID as the registry makes it."""
        value = int(time * 1000) << 80 | self.rng.getrandbits(80)
        return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))

    def line(self, time: float, msg: str, level: str = "info", /, **fields: Any) -> None:
        """A line with the static fields of a registry."""
        self._lines.append((time, application_line(msg, level, fields, static=self._static, at=time)))

    def plain(self, time: float, msg: str, level: str = "info", /, **fields: Any) -> None:
        """A line without them."""
        self._lines.append((time, application_line(msg, level, fields, at=time)))

    def built(self, time: float, msg: str, /, **fields: Any) -> None:
        """A line that knows its build only."""
        self._lines.append((time, application_line(msg, "info", fields, static=self._build, at=time)))

    def end(self) -> None:
        """The step is over."""
        self._lines.sort(key=lambda line: line[0])
        text = "".join(f"{line}\n" for _, line in self._lines).encode()
        self._lines = []
        if text:
            self._file.write(text)

    def close(self) -> None:
        """No more lines."""
        self._file.close()


_AGENT = "registry.gc.Agent"
_WORKERS = {"blob": "registry.gc.worker.BlobWorker", "manifest": "registry.gc.worker.ManifestWorker"}
_MIGRATOR = "registry.bbm.Worker"
_SINK = "https://gitlab.example.com/api/v4/container_registry_event/events"
_DAY = 86_400.0  # seconds until a task is reviewed
_THRESHOLDS = {"lag_bytes_threshold": 8 * 2**20, "lag_time_threshold_s": 30.0}


class BackgroundLog:
    """Writes into the journal of a pod."""

    def __init__(self, journal: PodLog, content: Content) -> None:
        self._journal = journal
        self._content = content

    def started(self, time: float, *, collects: bool, notifies: bool, counts: bool) -> None:
        """The first lines of a process."""
        journal = self._journal
        if notifies:
            journal.line(time, f"configuring endpoint rails ({_SINK}), timeout=1s, headers=map[]")
        journal.line(time, "using the metadata database")
        if collects:
            for worker in _WORKERS.values():
                jitter = journal.rng.randrange(60)
                journal.line(time, "starting online GC agent", component=_AGENT, jitter_s=jitter, worker=worker)
        if counts:
            journal.built(time, "database row count metrics collection started", interval_s=10, lease_duration_s=30)
        journal.line(time, "listening on :5000")
        journal.built(time, "starting Prometheus listener", address=":5001", path="/metrics")

    # -- garbage collection

    def collected(self, worker: str, seconds: float, sleep: float, *, event: str, dangling: bool, broken: bool) -> None:
        """The lines of a run; without an event there was no task."""
        journal = self._journal
        time = journal.moment()
        base = {"correlation_id": journal.identity(time)}
        agent = {**base, "component": _AGENT, "worker": _WORKERS[worker]}
        journal.line(time, "running worker", **agent)
        if event:
            self._reviewed(time, worker, {**base, "component": _WORKERS[worker]}, event, dangling, broken=broken)
        else:
            journal.line(time, "no task available", **base, component=_WORKERS[worker])
        if broken:
            journal.line(time, "failed run", "error", **agent, error="processing task: context deadline exceeded")
        journal.line(time, "run complete", **agent, duration_s=seconds)
        journal.line(time, "sleeping", **agent, duration_s=sleep)

    def _reviewed(
        self, time: float, worker: str, base: dict[str, Any], event: str, dangling: bool, *, broken: bool
    ) -> None:
        journal, rng = self._journal, self._journal.rng
        digest, repository = self._content.digest(rng), rng.randrange(1, 2000)
        subject = {"digest": digest} if worker == "blob" else {"repository_id": repository, "manifest_id": repository}
        dates = {"created_at": timestamp(time - _DAY - 60), "review_after": timestamp(time - 60)}
        journal.line(time, "processing task", **base, **subject, **dates, event=event, review_count=0)
        if broken:
            journal.line(time, "postponing next review", **base, backoff_duration="5m0s")
        elif worker == "blob":
            journal.line(time, f"the blob is {'' if dangling else 'not '}dangling", **base)
            if dangling:
                path = f"/docker/registry/v2/blobs/sha256/{digest[7:9]}/{digest[7:]}"
                journal.line(time, "deleting blob", digest=digest, path=path)
                journal.line(time, "blob deleted", **base, digest=digest)
            journal.line(time, "deleting task", **base)
        elif dangling:
            journal.line(time, "the manifest is dangling, deleting", **base)
            journal.line(time, "manifest deleted", **base, digest=digest, repository_id=repository)
        else:
            journal.line(time, "the manifest is not dangling, deleting task", **base)

    # -- notifications

    def unsent(self, reason: str) -> None:
        """An attempt of the endpoint failed."""
        error = f"httpSink{{{_SINK}}}: {reason}"
        self._journal.plain(self._journal.moment(), "backoffSink: error writing event", "error", error=error)

    def lost(self, action: str, artifact: str) -> None:
        """An event was given up."""
        time, rng = self._journal.moment(), self._journal.rng
        name, digest, size = self._content.repository(rng), self._content.digest(rng), 1 + rng.randrange(2**20)
        url = f"https://registry.example.com/v2/{name}/{artifact}s/{digest}"
        target = {"size": size, "length": size, "digest": digest, "repository": name, "url": url}
        address, agent = self._content.client(rng)
        asked = {"addr": f"{address}:20000", "host": "registry.example.com", "method": "PUT", "useragent": agent}
        event = {
            "id": self._content.uuid(rng),
            "timestamp": timestamp(time),
            "action": action,
            "target": target,
            "request": {"id": self._content.uuid(rng), **asked},
            "actor": {},
            "source": {"addr": "registry:5000", "instanceID": str(self._journal.process)},
        }
        error = f"httpSink{{{_SINK}}}: error posting: context deadline exceeded"
        self._journal.plain(time, "eventqueue: event lost", "warning", event=event, error=error)

    def dropped(self, queued: int) -> None:
        """An event found the queue full."""
        time, event_id = self._journal.moment(), self._content.uuid(self._journal.rng)
        self._journal.plain(time, "queue full, dropping event", "warning", event_id=event_id, queue_size=queued)

    # -- database

    def replica(self, name: str, lag: float, lag_bytes: int, *, quarantined: bool) -> None:
        """A replica was taken out, or came back."""
        host: dict[str, Any] = {
            "db_host_type": "replica",
            "db_host_addr": name,
            "lag_time_s": lag,
            "lag_bytes": lag_bytes,
        }
        time = self._journal.moment()
        if quarantined:
            text = "replica quarantined due to excessive replication lag"
            self._journal.line(time, text, "warning", **host, **_THRESHOLDS)
        else:
            self._journal.line(time, "replica reintegrated after catching up on replication lag", **host)

    def counted(self, query: str, count: int) -> None:
        """A count query was run."""
        time = self._journal.moment()
        self._journal.built(time, "database row count metric collected", query_name=query, count=count)

    def migrated(self, seconds: float, *, works: bool) -> None:
        """A run of the background migration worker."""
        time = self._journal.moment()
        base = {"component": _MIGRATOR, "correlation_id": self._journal.identity(time)}
        self._journal.line(time, "starting worker run...", **base)
        self._journal.line(time, "obtained lock", **base)
        if works:
            self._journal.line(time, "job found, executing", **base)
            self._journal.line(time, "finished background migration job run", **base, duration_s=seconds)
        else:
            self._journal.line(time, "no jobs to run...", **base)
        self._journal.line(time, "run complete", **base, duration_s=seconds)
