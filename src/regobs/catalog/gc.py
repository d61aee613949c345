"""Online garbage collection: two workers that review blobs and manifests which may have become unused."""

from __future__ import annotations

from regobs.catalog.declare import BOOLEAN, DEFAULT_BUCKETS, Component, form
from regobs.catalog.model import Capability, Flavor, Form, Label, Unit

_WORKERS = {"blob": "registry.gc.worker.BlobWorker", "manifest": "registry.gc.worker.ManifestWorker"}
WORKER = Label("worker", tuple(_WORKERS.values()), words=_WORKERS)
NOOP, ERROR, DANGLING = Label("noop", BOOLEAN), Label("error", BOOLEAN), Label("dangling", BOOLEAN)
EVENT = Label(
    "event",
    (
        *("", "blob_upload", "manifest_upload", "manifest_delete", "layer_delete", "manifest_list_delete"),
        *("tag_delete", "tag_switch"),
    ),
)
_BACKEND, _ARTIFACT = Label("backend", ("storage", "database")), Label("artifact", ("blob", "manifest"))

# Of blobs, as the specifications of Docker, OCI and Helm name them.
MEDIA_TITLES = {
    "application/octet-stream": "octet-stream",
    "application/vnd.docker.container.image.v1+json": "Docker config",
    "application/vnd.docker.image.rootfs.diff.tar": "Docker layer",
    "application/vnd.docker.image.rootfs.diff.tar.gzip": "Docker layer, gzip",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": "Docker foreign layer, gzip",
    "application/vnd.oci.empty.v1+json": "OCI empty",
    "application/vnd.oci.image.config.v1+json": "OCI config",
    "application/vnd.oci.image.layer.v1.tar": "OCI layer",
    "application/vnd.oci.image.layer.v1.tar+gzip": "OCI layer, gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd": "OCI layer, zstd",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip": "Helm chart",
    "application/vnd.cncf.helm.config.v1+json": "Helm config",
}

SLEEP_BUCKETS = (0.5, 1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)

_gc = Component("gc")


def _form(*of: Label, since: str = "3.4.0", until: str = "", buckets: tuple[float, ...] | None = None) -> Form:
    needs = Capability.GARBAGE_COLLECTION
    return form(Flavor.GITLAB, labels=of, buckets=buckets, since=since, until=until, needs=needs, on_event=True)


def _runs(buckets: tuple[float, ...] | None = None) -> tuple[Form, ...]:
    return (
        _form(DANGLING, ERROR, EVENT, NOOP, WORKER, since="3.19.0", buckets=buckets),
        _form(DANGLING, ERROR, NOOP, WORKER, since="3.18.0", until="3.19.0", buckets=buckets),
        _form(ERROR, NOOP, WORKER, since="3.4.0", until="3.18.0", buckets=buckets),
    )


RUNS = _gc.counter(
    "registry_gc_runs_total",
    Unit.RUNS,
    "Runs of a worker of online garbage collection by outcome.",
    *_runs(),
    pitfalls=(
        'A run that found no task is noop="true", with an empty event and dangling="false".',
        'A run that failed before it found a task is noop="true" and error="true".',
    ),
)
RUN_DURATION = _gc.histogram(
    "registry_gc_run_duration_seconds",
    Unit.SECONDS,
    "Time of a run of a worker of online garbage collection.",
    *_runs(DEFAULT_BUCKETS),
    pitfalls=("Runs without a task are short and many: leave them out before taking a quantile.",),
)
DELETES = _gc.counter(
    "registry_gc_deletes_total",
    Unit.ARTIFACTS,
    "Artifacts that online garbage collection deleted, in storage and in the database.",
    _form(_ARTIFACT, _BACKEND),
    pitfalls=(
        "A blob is deleted in both back ends and counts in both: choose one.",
        "Manifests are only in the database.",
        "A blob that was already gone from storage counts as deleted there.",
    ),
)
DELETE_DURATION = _gc.histogram(
    "registry_gc_delete_duration_seconds",
    Unit.SECONDS,
    "Time of an artifact's deletion by online garbage collection.",
    _form(_ARTIFACT, _BACKEND, ERROR, buckets=DEFAULT_BUCKETS),
)
BYTES = _gc.counter(
    "registry_gc_storage_deleted_bytes_total",
    Unit.BYTES,
    "Bytes that online garbage collection deleted from storage.",
    _form(Label("media_type", titles=MEDIA_TITLES)),
    pitfalls=("Size and media type come from the database; the type is mostly application/octet-stream.",),
)
POSTPONES = _gc.counter(
    "registry_gc_postpones_total", Unit.TASKS, "Reviews that were postponed after an error.", _form(WORKER)
)
SLEEP = _gc.histogram(
    "registry_gc_sleep_duration_seconds",
    Unit.SECONDS,
    "Time that a worker of online garbage collection sleeps between two runs.",
    _form(WORKER, buckets=SLEEP_BUCKETS),
    pitfalls=("Observed before the sleep begins: a worker may then be silent for up to 24 h and a third.",),
)
