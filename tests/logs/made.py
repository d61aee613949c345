"""Lines that the run of the sample did not show: replicas, users, failures of garbage collection, redirects.

Written by hand after the registry's source, 4.32. They are the last lines of the sample file, so every test of equal
answers has them, and tests/logs/test_known_answers.py knows what the saved queries say of them.
"""

from __future__ import annotations

from itertools import count
from typing import Any

from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from regobs.logs.query import ByTerms, Clause, MetricKind, Order, Query, QueryMetric

Line = dict[str, Any]
_SECONDS = count()
DIGEST = "sha256:" + "cd" * 32
OTHER = "sha256:" + "ef" * 32
BALANCER = "registry.datastore.DBLoadBalancer"
AGENT, BLOBS, MANIFESTS = "registry.gc.Agent", "registry.gc.worker.BlobWorker", "registry.gc.worker.ManifestWorker"
ALICE = {"auth_user_name": "alice", "auth_user_type": "personal_access_token"}
BUILD = {"auth_user_name": "gitlab-ci-token", "auth_user_type": "build"}
DATABASE = {"db_host_type": "primary", "db_host_addr": "10.0.0.1:5432"}


def line(level: str, msg: str, **fields: Any) -> Line:
    """An application line, a second after the last."""
    minute, second = divmod(next(_SECONDS), 60)
    time = f"2026-11-23T12:{minute:02}:{second:02}.250Z"
    return {"time": time, "level": level, "msg": msg, "correlation_id": f"made-{minute:02}{second:02}", **fields}


def of(repository: str, **fields: Any) -> Line:
    """What the lines of a request to a repository have."""
    return {"root_repo": repository.split("/", maxsplit=1)[0], "vars_name": repository, **fields}


def replica(address: str, level: str, msg: str, **fields: Any) -> Line:
    return line(level, msg, component=BALANCER, db_host_addr=address, **fields)


def task(component: str, level: str, msg: str, **fields: Any) -> Line:
    return line(level, msg, component=component, **fields)


ONE, TWO = "10.0.0.2:5432", "10.0.0.3:5432"
LAG = {"lag_time_s": 42.5, "lag_bytes": 9_000_000}
LIMITS = {"lag_time_threshold_s": 30, "lag_bytes_threshold": 8_388_608}
WINDOW = {"events_in_window": 5, "window_duration_s": 60, "flapping_threshold": 5, "quarantine_duration_s": 300}

REPLICAS = (
    replica(ONE, "warning", "replica time-based replication lag above max threshold", **LAG),
    replica(ONE, "warning", "replica quarantined due to excessive replication lag", **LAG, **LIMITS),
    replica(ONE, "info", "replica reintegrated after catching up on replication lag", lag_time_s=1.5, lag_bytes=0),
    replica(TWO, "info", "recorded connectivity failure for replica", consecutive_failures=2),
    replica(TWO, "warning", "replica quarantined for connectivity issues", reason="consecutive connection failures"),
    replica(TWO, "warning", "skipping replica quarantined due to connectivity issues"),
    replica(TWO, "info", "replica reintegrated after quarantine period expired"),
    replica(TWO, "info", "recorded pool event for replica", events_in_window=4, window_duration_s=60),
    replica(TWO, "warning", "replica quarantined for connectivity issues", reason="connection flapping"),
    replica(TWO, "warning", "replica quarantined due to flapping behavior", **WINDOW),
)
FALLBACKS = (
    line("info", "no replicas available, falling back to primary", component=BALANCER),
    line("info", "all replicas are quarantined, falling back to primary", component=BALANCER),
    line("info", "all replicas are quarantined, falling back to primary", component=BALANCER),
    replica(ONE, "info", "replica is not up-to-date, falling back to primary", repository="a/b", primary_lsn="0/9"),
    replica(ONE, "info", "replica is not up-to-date, falling back to primary", repository="a/c", primary_lsn="0/9"),
    replica(ONE, "info", "replica is not up-to-date, falling back to primary", repository="a/b", primary_lsn="0/9"),
    replica(ONE, "info", "replica is up-to-date", repository="a/b", primary_lsn="0/9"),
    replica(ONE, "info", "no primary LSN found in cache, replica is eligible", repository="a/b"),
    replica(ONE, "error", "failed to fetch primary LSN from cache, falling back to primary", error="i/o timeout"),
    replica(ONE, "error", "failed to calculate LSN diff, falling back to primary", error="timeout: context canceled"),
)
_TIMES = {"review_after": "2026-11-23T11:00:00Z", "created_at": "2026-11-22T11:00:00Z", "event": "tag_delete"}
COLLECTION = (
    task(BLOBS, "info", "processing task", review_count=0, digest=DIGEST, **_TIMES),
    task(
        BLOBS, "error", "processing task: deleting blob from storage: 503", error="503", review_count=3, digest=DIGEST
    ),
    task(BLOBS, "info", "postponing next review", backoff_duration="20m0s", review_count=3, digest=DIGEST),
    task(AGENT, "error", "failed run", worker=BLOBS, error="deleting blob from storage: 503"),
    task(AGENT, "info", "run complete", worker=BLOBS, duration_s=0.25),
    task(BLOBS, "warning", "blob no longer exists on storage", digest=OTHER, review_count=0),
    task(MANIFESTS, "warning", "manifest no longer exists on database, deleting task", manifest_id=7, repository_id=3),
    task(AGENT, "error", "online GC agent stopped", worker=MANIFESTS, error="context canceled"),
    task("registry.bbm.Worker", "error", "failed run. Throttling background migration worker", error="deadlock"),
)
USERS = (
    line("info", "manifest downloaded", **of("a/b", **ALICE, **DATABASE), path="a/b", media_type="m", size_bytes=500,
         digest=DIGEST, tag_name="1", reference_count=2),
    line("info", "manifest downloaded", **of("a/c", **ALICE, **DATABASE), path="a/c", media_type="m", size_bytes=500,
         digest=DIGEST, tag_name="", reference_count=2),
    line("info", "manifest downloaded", **of("d", **DATABASE), path="d", media_type="m", size_bytes=500, digest=DIGEST,
         tag_name="1", reference_count=2),
    line("info", "blob downloaded", **of("a/b", **ALICE), digest=DIGEST, size_bytes=1000, redirect=True),
    line("info", "blob downloaded", **of("a/b", **ALICE, **DATABASE), path="a/b"),
    line("info", "blob downloaded", **of("a/b", **ALICE), digest=DIGEST, size_bytes=30, redirect=False),
    line("info", "blob downloaded", **of("a/b", **ALICE, **DATABASE), path="a/b"),
    line("info", "blob downloaded", **of("a/b", **ALICE, **DATABASE), path="a/b"),  # of a HEAD
    line("info", "blob uploaded", **of("a/b", **BUILD), media_type="l", size_bytes=70, digest=DIGEST),
    line("info", "new blob uploaded", **of("a/b", **BUILD), media_type="l", size_bytes=70, digest=DIGEST),
    line("info", "blob uploaded", **of("a/b", **BUILD), media_type="l", size_bytes=8, digest=OTHER),
    line("info", "manifest uploaded", **of("a/b", **BUILD), media_type="m", size_bytes=500, digest=DIGEST,
         tag_name="1", reference_count=2),
)  # fmt: skip
OFFLINE_RUN = "5c1f0d3e-1111-4222-8333-0123456789ab"


def offline(msg: str, stage: str = "mark", **fields: Any) -> Line:
    """A line of a run of offline garbage collection, which has no correlation_id."""
    found = line("info", msg, stage=stage, driver="filesystem", dry_run=False, instance_id=OFFLINE_RUN, **fields)
    del found["correlation_id"]
    return found


OFFLINE = (
    offline("starting mark stage"),
    offline("blob eligible for deletion", digest=DIGEST, size_bytes=1000),
    offline("blob eligible for deletion", digest=OTHER, size_bytes=24),
    offline("mark stage complete", blobs_marked=3, blobs_to_delete=2, manifests_to_delete=1, duration_s=1.5,
            storage_use_estimate_bytes=5000),
    offline("sweep stage complete", "sweep", duration_s=0.5),
)  # fmt: skip
LINES: tuple[Line, ...] = (*REPLICAS, *FALLBACKS, *COLLECTION, *USERS, *OFFLINE)

TIME = "2026-11-23T12:00:00.250Z"
REPOSITORY = ByTerms("repository", FIELDS["uri"], missing=True, part="repository")
# The repository that a path is about, worked out by hand; empty where it is about none.
REPOSITORY_OF = {
    "/v2/a/b/manifests/latest": "a/b",
    "/v2/a/blobs/sha256:00?n=/v2/c/manifests/1": "a",
    "/v2/a/b/blobs/uploads/": "a/b",
    "/v2/a/b/blobs/uploads/?mount=sha256:00&from=c/d": "a/b",
    "/v2/a/b/blobs/uploads/5d4f?_state=x": "a/b",
    "/v2/a/b/tags/list": "a/b",
    "/v2/a/b/tags/list?n=5": "a/b",
    "/v2/a/b/tags/reference/1.0": "a/b",
    "/v2/a/tags/reference/manifests": "a",
    "/v2/a/tags/reference/": "",
    "/v2/a/referrers/sha256:00": "a",
    "/v2/a/manifests/b/blobs/sha256:00": "a/manifests/b",  # a project may be called so
    "/v2/tags/list/tags/list": "tags/list",
    "/v2/blobs/uploads/blobs/uploads/x": "blobs/uploads",
    "/v2/manifests/manifests/manifests": "manifests",
    "/gitlab/v1/repositories/a/b/": "a/b",
    "/gitlab/v1/repositories/a/b": "a/b",
    "/gitlab/v1/repositories/a/b/?size=self": "a/b",
    "/gitlab/v1/repositories/a/b/tags/list/?n=100": "a/b",
    "/gitlab/v1/repositories/a/tags/detail/latest/": "a",
    "/gitlab/v1/repositories/a/tags/tags/list/": "a/tags",
    "/v2/": "",
    "/v2": "",
    "/v2/_catalog?n=1": "",
    "/v2//manifests/latest": "",
    "/v2/manifests/latest": "",
    "/v2/a/manifests/": "",
    "/v2/a/tags/other": "",
    "/gitlab/v1/repositories/": "",
    "/gitlab/v1/": "",
    "?/v2/a/manifests/latest": "",
    "": "",
}

# The tag or digest of what a line is about: by its own field, else by its path, worked out by hand.
REFERENCE = ByTerms("of", FIELDS["uri"], missing=True, part="reference", first=FIELDS["tag_name"])
REFERENCE_OF: tuple[tuple[Line, str | None], ...] = (
    ({"uri": "/v2/a/b/manifests/latest"}, "latest"),
    ({"uri": "/v2/a/b/manifests/sha256:00?n=/manifests/x"}, "sha256:00"),
    ({"uri": "/v2/a/tags/reference/1.0/"}, "1.0"),
    ({"uri": "/v2/a/manifests/b/tags/reference/c"}, "c"),
    ({"uri": "/v2/a/tags/list"}, None),
    ({"uri": "/v2/a/blobs/sha256:00"}, None),
    ({"uri": "/v2//manifests/latest"}, None),
    ({"uri": "/v2/manifests/latest"}, None),
    ({"uri": "/v2/tags/reference/a"}, None),
    ({"uri": "/v2/a/manifests/"}, None),
    ({"uri": "/x/a/manifests/b"}, None),
    ({"uri": "/v2/a/manifests/x", "tag_name": "1"}, "1"),
    ({"uri": "/v2/a/manifests/x", "tag_name": ""}, "x"),
    ({"uri": "/v2/a/manifests/x", "tag_name": None}, "x"),
    ({"tag_name": "2"}, "2"),
    ({"tag_name": ""}, None),
)

PROGRAM = tuple(ByTerms(part, FIELDS["user_agent"], missing=True, part=part) for part in ("product", "version"))
# User-Agent headers with the first program that they name and its version.
PROGRAM_OF: tuple[tuple[str, str | None, str | None], ...] = (
    ("docker/28.1.1 go/go1.23.8 os/linux arch/amd64", "docker", "28.1.1"),
    ("containers/5.29.2 (github.com/containers/image)", "containers", "5.29.2"),
    ("containerd/v1.7.27+unknown", "containerd", "v1.7.27+unknown"),
    ("Helm", "Helm", None),
    ("curl/", "curl", None),
    ("a/b/c d/e", "a", "b/c"),
    ("-", "-", None),
    (" docker/28.1.1", None, None),
    ("/1", None, None),
    ("", None, None),
)

# Texts that are not there, null, empty, and a dash, which is a text; and what is counted by hand of them.
EMPTY: tuple[Line, ...] = (
    {"msg": "access", "root_repo": "", "vars_name": "", "time": TIME},
    {"msg": "access", "root_repo": "", "vars_name": "a/b", "time": TIME},
    {"msg": "access", "root_repo": "a", "vars_name": "", "time": TIME},
    {"msg": "access", "root_repo": "-", "vars_name": "c", "time": TIME},
    {"msg": "access", "root_repo": None, "vars_name": None, "time": TIME},
    {"msg": "access", "vars_name": "a/b", "time": TIME},
    {"msg": "access", "root_repo": "a", "vars_name": "a/b", "time": TIME},
)
NAMESPACES = (("a", 2, 1, "a/b"), ("-", 1, 1, "c"), (None, 4, 1, "a/b"))


def of_namespaces(*, missing: bool) -> Query:
    """Lines, names and the last name of each namespace, those of no namespace at the end."""
    metrics = (
        QueryMetric("n", MetricKind.COUNT),
        QueryMetric("names", MetricKind.CARDINALITY, FIELDS["vars_name"]),
        QueryMetric("last", MetricKind.MAX, FIELDS["vars_name"]),
    )
    group = ByTerms("namespace", FIELDS["root_repo"], missing=missing)
    return Query("q", groups=(group,), metrics=metrics, order=(Order("namespace", descending=True),))


# The same of addresses. Two clients in three lines, and three lines of none; and what is counted of them by hand.
ADDRESSES: tuple[Line, ...] = tuple(
    {"msg": "address", "time": TIME, **client}
    for client in (
        {"remote_ip": ""},
        {"remote_ip": "10.0.0.1"},
        {"remote_ip": None},
        {"remote_ip": "2001:db8::1"},
        {},
        {"remote_ip": "10.0.0.1"},
    )
)
CLIENTS = (("2001:db8::1", 1, 1, 1.0), ("10.0.0.1", 2, 1, 1.0), (None, 3, 0, 0.0))


def of_clients(*, missing: bool) -> Query:
    """Lines, addresses and the share of lines with one of each client, those of no client at the end."""
    metrics = (
        QueryMetric("n", MetricKind.COUNT),
        QueryMetric("addresses", MetricKind.CARDINALITY, FIELDS["remote_ip"]),
        QueryMetric("known", MetricKind.RATIO, where=Clause("remote_ip: *", condition("remote_ip: *"))),
    )
    group = ByTerms("client", FIELDS["remote_ip"], missing=missing)
    return Query("q", groups=(group,), metrics=metrics, order=(Order("client", descending=True),))


def by_client() -> Query:
    """The client of each line, sorted; those of none at the end."""
    return Query("q", columns=(FIELDS["remote_ip"],), order=(Order("remote_ip", descending=False),))
