"""What a metric is: the types of the catalog. No dependency, no file is read, importing it is cheap.

A metric has one name and one kind. How a registry exposes it (label names, closed label values, buckets, versions,
needed capability) may differ between flavors: each such way is a `Form`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from regobs.common.frozen import frozen


class Kind(StrEnum):
    """The type of a metric, spelled as in a `# TYPE` line."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    SUMMARY = "summary"


class Flavor(StrEnum):
    """A vocabulary: which registry's names are spoken."""

    GITLAB = "gitlab"
    DISTRIBUTION = "distribution"


class Exposer(StrEnum):
    """The process whose /metrics holds a metric. Only the registry's own series carry the registry's selector."""

    REGISTRY = "registry"
    RULES = "recording rules"
    PROMETHEUS = "prometheus"
    NODE = "node_exporter"
    CADVISOR = "cadvisor"
    KUBE_STATE = "kube-state-metrics"
    POSTGRES = "postgres_exporter"
    PGBOUNCER = "pgbouncer_exporter"
    REDIS = "redis_exporter"
    STACKDRIVER = "stackdriver_exporter"
    CLOUDWATCH = "cloudwatch_exporter"
    LOG_EXPORTER = "log_exporter"
    REGISTRY_PROBE = "registry_probe"
    NOTIFICATION_EXPORTER = "notification_exporter"
    DATABASE_EXPORTER = "database_exporter"
    BLACKBOX = "blackbox_exporter"
    ALERTMANAGER = "alertmanager"
    OTHER = "another process"

    @property
    def is_neighbour(self) -> bool:
        """Whether it is a process beside the registry that this catalog knows."""
        return self not in {Exposer.REGISTRY, Exposer.RULES, Exposer.OTHER}


class Capability(StrEnum):
    """An optional part of a deployment. The value is the word used in regobs.toml."""

    METADATA_DATABASE = "metadata_database"
    LOAD_BALANCING = "load_balancing"
    DATABASE_METRICS = "database_metrics"
    GARBAGE_COLLECTION = "garbage_collection"
    BACKGROUND_MIGRATIONS = "background_migrations"
    REDIS = "redis"
    DESCRIPTOR_CACHE = "descriptor_cache"
    REDIS_DESCRIPTOR_CACHE = "redis_descriptor_cache"
    NOTIFICATIONS = "notifications"
    CDN = "cdn"
    URL_CACHE = "url_cache"
    OBJECT_STORAGE = "object_storage"
    PROXY = "proxy"
    PROMETHEUS = "prometheus"  # it scrapes itself
    NODE_EXPORTER = "node_exporter"
    KUBERNETES = "kubernetes"
    POSTGRES_EXPORTER = "postgres_exporter"
    POSTGRES_QUERIES = "postgres_queries"  # the exporter runs those of exporters/postgres-queries.yaml as well
    PGBOUNCER_EXPORTER = "pgbouncer_exporter"
    REDIS_EXPORTER = "redis_exporter"
    STACKDRIVER_EXPORTER = "stackdriver_exporter"
    CLOUDWATCH_EXPORTER = "cloudwatch_exporter"
    REGISTRY_PROBE = "registry_probe"  # `regobs export probe` asks the registry from outside
    LOG_EXPORTER = "log_exporter"  # `regobs export logs` counts the registry's log lines
    DATABASE_EXPORTER = "database_exporter"  # `regobs export database` asks the metadata database
    NOTIFICATION_EXPORTER = "notification_exporter"  # `regobs export notifications` receives the registry's events
    PROBE = "probe"  # a blackbox_exporter asks the registry from outside
    ALERTMANAGER = "alertmanager"  # it is scraped
    PYTHON = "python"  # the registry is written in Python


class Unit(StrEnum):
    """What one unit of a sample's value counts. Everything that is not a measure is a count of things."""

    SECONDS = "seconds"
    TIMESTAMP = "timestamp"  # seconds since 1970-01-01 UTC
    BYTES = "bytes"
    RATIO = "ratio"  # 0 to 1
    PERCENT = "percent"  # 0 to 100
    CORES = "cores"  # CPU seconds per second
    BOOL = "bool"
    INFO = "info"  # constant 1; the labels carry the information
    NONE = "none"
    ACCESSES = "accesses"
    ALERTS = "alerts"
    ARTIFACTS = "artifacts"
    ATTEMPTS = "attempts"
    BLOCKS = "blocks"
    CHECKPOINTS = "checkpoints"
    COMMANDS = "commands"
    CONNECTIONS = "connections"
    ELECTIONS = "elections"
    EVENTS = "events"
    FDS = "fds"
    FILES = "files"
    GOROUTINES = "goroutines"
    IMPORTS = "imports"
    KEYS = "keys"
    LAYERS = "layers"
    LOCKS = "locks"
    LOOKUPS = "lookups"
    MIGRATIONS = "migrations"
    NODES = "nodes"
    OBJECTS = "objects"
    QUERIES = "queries"
    REDIRECTS = "redirects"
    REPLICAS = "replicas"
    REQUESTS = "requests"
    RESPONSES = "responses"
    RESTARTS = "restarts"
    RETRIES = "retries"
    ROWS = "rows"
    RUNS = "runs"
    SAMPLES = "samples"
    SCRAPES = "scrapes"
    SLOTS = "slots"
    TAGS = "tags"
    TASKS = "tasks"
    THREADS = "threads"
    TIMES = "times"  # how many times as much: 2 is twice
    TRANSACTIONS = "transactions"
    WAITS = "waits"


class Version(NamedTuple):
    """A registry version. `Version.parse("v4.32.0-gitlab")` is 4.32.0; the rest after the numbers does not count."""

    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `4`, `4.32`, `4.32.0`, `v2.8.2+ds1`. Raises ValueError for anything without a leading number."""
        numbers = text.strip().removeprefix("v").replace("-", "+").split("+")[0].split(".")
        if not all(part.isascii() and part.isdigit() for part in numbers[:3]):
            raise ValueError(f"{text!r} is not a version number; write it like 4.32.0")
        return cls(*(int(part) for part in numbers[:3]))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# The newest releases whose expositions the catalog was held against, and the oldest that are supported.
NEWEST: Mapping[Flavor, Version] = {Flavor.GITLAB: Version(4, 32), Flavor.DISTRIBUTION: Version(3, 1, 2)}
OLDEST: Mapping[Flavor, Version] = {Flavor.GITLAB: Version(4), Flavor.DISTRIBUTION: Version(2, 8)}


@frozen
class Label:
    """A label of a metric.

    `name` is the name that content uses, the same in every flavor; `exposed` is what the flavor writes (`handler` for
    `route` in CNCF Distribution). `values` are the closed values as exposed, None when open. `words` maps the words
    that content uses to exposed values where the two differ (`manifest` to `/v2/{name}/manifests/{reference}`);
    `patterns` maps words to a regular expression over the values (`5xx` to `5..`). `titles` maps values to what
    a legend shows in their place; of an open label, those that are usual.
    `target_label` says that Prometheus itself puts a label of that name on every target, so that after a scrape
    without `honor_labels` this one is called `exported_` + name.
    """

    name: str
    values: tuple[str, ...] | None = None
    exposed: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    patterns: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    target_label: bool = False

    def __post_init__(self) -> None:
        if not self.exposed:
            object.__setattr__(self, "exposed", self.name)


ALL_FLAVORS = (Flavor.GITLAB, Flavor.DISTRIBUTION)
_REGISTRIES = {Flavor.GITLAB: "GitLab registry", Flavor.DISTRIBUTION: "CNCF Distribution"}


@frozen
class Form:
    """How a metric looks in one or more flavors.

    `buckets` are the finite upper bounds of a histogram in ascending order, in the metric's unit; `+Inf` is implied.
    `since` is the first version that has it, `until` the first version that no longer has it; None means always.
    `absent_until_observed` is true where a series appears only with its first event. `always_exposed` is true where
    the process shows it (at zero) even while the capability that fills it is off. `may_lack` says why a process of the
    same version may or may not have it, where that depends on how it was linked; empty means that it must be there.
    `only` says where alone it has series at all ("on a replica"); elsewhere it never will.
    """

    flavors: tuple[Flavor, ...]
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] | None = None
    since: Version | None = None
    until: Version | None = None
    needs: Capability | None = None
    absent_until_observed: bool = False
    always_exposed: bool = False
    may_lack: str = ""
    only: str = ""

    def label(self, name: str) -> Label | None:
        """The label with this content name or this exposed name, or None."""
        return next((label for label in self.labels if name in (label.name, label.exposed)), None)

    def live(self, version: Version | None) -> bool:
        """Whether a registry of this version has it; an unknown version (None) is taken as the newest."""
        if version is None:
            return self.until is None
        return (self.since is None or self.since <= version) and (self.until is None or version < self.until)


@frozen
class Metric:
    """One metric family.

    `name` is the family's name as the `# TYPE` line has it (without `_bucket`, `_sum`, `_count`). `cumulative` marks
    a gauge whose value only grows, so that a rate of it makes sense. `common` marks a number of which every process
    tells the same, or one tells for all: over several the highest counts, not the sum. `signed` marks a value that may
    be below zero. `busy` marks a counter of the seconds in which one thing was busy: its rate is a share of time.
    `unscoped` marks a recorded series that is the same for a whole deployment: it has none of the labels that tell
    environments apart. `pitfalls` are facts that a reader of its panels must know, each one sentence with its own
    source or observable cause.
    """

    name: str
    kind: Kind
    unit: Unit
    help: str
    forms: tuple[Form, ...]
    component: str
    exposer: Exposer = Exposer.REGISTRY
    cumulative: bool = False
    pitfalls: tuple[str, ...] = ()
    common: bool = False
    signed: bool = False
    busy: bool = False
    unscoped: bool = False

    def form(self, flavor: Flavor, version: Version | None = None) -> Form | None:
        """The form that this flavor exposes at this version, or None when it has none."""
        return next((form for form in self.forms if flavor in form.flavors and form.live(version)), None)

    @property
    def flavors(self) -> tuple[Flavor, ...]:
        """Every flavor that has, or once had, this metric."""
        return tuple(flavor for flavor in ALL_FLAVORS if any(flavor in form.flavors for form in self.forms))

    def pitfalls_in(self, flavor: Flavor) -> tuple[str, ...]:
        """The pitfalls for readers of this flavor: not those that are about the registry of another one alone."""
        others = [name for one, name in _REGISTRIES.items() if one is not flavor]
        return tuple(
            told for told in self.pitfalls if _REGISTRIES[flavor] in told or not any(name in told for name in others)
        )

    @property
    def series(self) -> tuple[str, ...]:
        """The names of the time series of this family: three for a histogram, two or three for a summary."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(self.name + suffix for suffix in ("_bucket", "_sum", "_count"))
        if self.kind is Kind.SUMMARY:
            return (self.name, self.name + "_sum", self.name + "_count")
        return (self.name,)

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name
