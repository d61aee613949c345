"""A small catalog for these tests: the same shapes as the real one, none of its data."""

from __future__ import annotations

from regobs.catalog.model import Capability, Exposer, Flavor, Form, Kind, Label, Metric, Unit, Version
from regobs.promql.vocabulary import Vocabulary

GITLAB = (Flavor.GITLAB,)
DISTRIBUTION = (Flavor.DISTRIBUTION,)
MANIFESTS = "/v2/{name}/manifests/{reference}"
BLOBS = "/v2/{name}/blobs/{digest}"
UPLOADS = "/v2/{name}/blobs/uploads/"
V1 = "/gitlab/v1/"

ROUTE = Label(
    "route",
    ("/v2/", MANIFESTS, BLOBS, UPLOADS, V1),
    words={"base": "/v2/", "manifest": MANIFESTS, "blob": BLOBS, "upload_start": UPLOADS, "v1_base": V1},
)
HANDLER = Label(
    "route",
    ("base", "manifest", "blob", "blob_upload"),
    exposed="handler",
    words={"base": "base", "manifest": "manifest", "blob": "blob", "upload_start": "blob_upload"},
)
METHOD = Label("method", ("get", "head", "put", "delete"))
CODE = Label("code", patterns={"2xx": "2..", "4xx": "4..", "5xx": "5.."})
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
SIZES = (0.0, 1024.0, 1048576.0)

REQUESTS = Metric(
    "registry_http_requests_total",
    Kind.COUNTER,
    Unit.REQUESTS,
    "Requests.",
    (Form(GITLAB, (ROUTE, METHOD, CODE)), Form(DISTRIBUTION, (HANDLER, METHOD, CODE))),
    "http",
)
DURATION = Metric(
    "registry_http_request_duration_seconds",
    Kind.HISTOGRAM,
    Unit.SECONDS,
    "Duration.",
    (Form(GITLAB, (ROUTE, METHOD, CODE), SECONDS), Form(DISTRIBUTION, (HANDLER, METHOD), (0.1, 0.5, 1.0, 5.0))),
    "http",
)
SIZE = Metric(
    "registry_http_request_size_bytes",
    Kind.HISTOGRAM,
    Unit.BYTES,
    "Size.",
    (Form(GITLAB, (ROUTE,), SIZES), Form(DISTRIBUTION, (HANDLER,), SIZES)),
    "http",
)
IN_FLIGHT = Metric(
    "registry_http_in_flight_requests",
    Kind.GAUGE,
    Unit.REQUESTS,
    "In flight.",
    (Form(GITLAB, (ROUTE,)), Form(DISTRIBUTION, (HANDLER,))),
    "http",
)
CACHE = Metric(
    "registry_storage_cache_total",
    Kind.COUNTER,
    Unit.LOOKUPS,
    "Cache.",
    (Form(DISTRIBUTION, (Label("type", ("Hit", "Miss", "Request")),)),),
    "storage",
)
GC_RUNS = Metric(
    "registry_gc_runs_total",
    Kind.COUNTER,
    Unit.RUNS,
    "Runs.",
    (
        Form(
            GITLAB,
            (Label("worker", ("blob", "manifest")), Label("noop", ("true", "false"))),
            since=Version(3, 5),
            needs=Capability.GARBAGE_COLLECTION,
        ),
    ),
    "gc",
)
REDIS = Metric(
    "registry_redis_single_timeouts",
    Kind.GAUGE,
    Unit.EVENTS,
    "Timeouts.",
    (Form(GITLAB, (Label("instance", ("cache", "ratelimiting"), target_label=True),), needs=Capability.REDIS),),
    "redis",
    cumulative=True,
)
OLD = Metric(
    "registry_old_total",
    Kind.COUNTER,
    Unit.EVENTS,
    "Old.",
    (Form(GITLAB, (), since=Version(3), until=Version(4)),),
    "removed",
)
CPU = Metric("process_cpu_seconds_total", Kind.COUNTER, Unit.SECONDS, "CPU.", (Form(GITLAB + DISTRIBUTION),), "process")
MEMORY = Metric(
    "process_resident_memory_bytes", Kind.GAUGE, Unit.BYTES, "Memory.", (Form(GITLAB + DISTRIBUTION),), "process"
)
START = Metric(
    "process_start_time_seconds", Kind.GAUGE, Unit.TIMESTAMP, "Start.", (Form(GITLAB + DISTRIBUTION),), "process"
)
USAGE = Metric("pool_usage_ratio", Kind.GAUGE, Unit.RATIO, "Usage.", (Form(GITLAB + DISTRIBUTION),), "sql")
UP = Metric(
    "up",
    Kind.GAUGE,
    Unit.BOOL,
    "Up.",
    (Form(GITLAB + DISTRIBUTION),),
    "neighbours",
    exposer=Exposer.PROMETHEUS,
)
RECORDED = Metric(
    "registry:requests:rate5m",
    Kind.GAUGE,
    Unit.REQUESTS,
    "Recorded.",
    (Form(GITLAB + DISTRIBUTION, (Label("code"),)),),
    "slo",
    exposer=Exposer.RULES,
)
METRICS = {
    metric.name: metric
    for metric in (
        REQUESTS, DURATION, SIZE, IN_FLIGHT, CACHE, GC_RUNS, REDIS, OLD, CPU, MEMORY, START, USAGE, UP, RECORDED
    )
}  # fmt: skip
GITLAB_WORDS = Vocabulary(Flavor.GITLAB)
DISTRIBUTION_WORDS = Vocabulary(Flavor.DISTRIBUTION)


def lookup(name: str) -> tuple[Metric, str] | None:
    """by_series over the small catalog."""
    for suffix in ("", "_bucket", "_sum", "_count"):
        metric = METRICS.get(name.removesuffix(suffix)) if name.endswith(suffix) else None
        if metric is not None and name in metric.series:
            return metric, suffix
    return None
