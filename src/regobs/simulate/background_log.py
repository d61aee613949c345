"""What a pod writes beside its requests: its start, garbage collection, notifications, replicas, row counts."""

from __future__ import annotations

from typing import Any

from regobs.instrument.access_log import timestamp
from regobs.simulate.content import Content
from regobs.simulate.journal import Journal

_AGENT = "registry.gc.Agent"
_WORKERS = {"blob": "registry.gc.worker.BlobWorker", "manifest": "registry.gc.worker.ManifestWorker"}
_MIGRATOR = "registry.bbm.Worker"
_SINK = "https://gitlab.example.com/api/v4/container_registry_event/events"
_DAY = 86_400.0  # seconds until a task is reviewed
_THRESHOLDS = {"lag_bytes_threshold": 8 * 2**20, "lag_time_threshold_s": 30.0}


class BackgroundLog:
    """Writes into the journal of a pod."""

    def __init__(self, journal: Journal, content: Content) -> None:
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
