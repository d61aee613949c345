"""What to change, in the words of the registry's own configuration."""

from __future__ import annotations

from regobs.catalog.model import Capability, Exposer, Flavor

# Source: the configuration reference of GitLab container registry 4.x and of CNCF Distribution 2.8 and 3.x.
_SWITCHES: dict[Capability, str] = {
    Capability.METADATA_DATABASE: "`database.enabled: true` (after the metadata import)",
    Capability.LOAD_BALANCING: "`database.loadbalancing.enabled: true`",
    Capability.DATABASE_METRICS: "`database.metrics.enabled: true`",
    Capability.GARBAGE_COLLECTION: "`gc.disabled: false`, with the metadata database on",
    Capability.BACKGROUND_MIGRATIONS: "`database.backgroundmigrations.enabled: true`",
    Capability.NOTIFICATIONS: "an entry under `notifications.endpoints`",
    Capability.URL_CACHE: "the storage middleware `urlcache` and `redis.cache`",
    Capability.CDN: "a CDN storage middleware such as `googlecdn` or `cloudfront`",
    Capability.OBJECT_STORAGE: "an object storage driver (`s3_v2`, `azure_v2`, `gcs`)",
    Capability.PROXY: "`proxy.remoteurl`",
    Capability.PYTHON: "`observe_process(instruments)`",
}
_BY_FLAVOR: dict[tuple[Capability, Flavor], str] = {
    (Capability.REDIS, Flavor.GITLAB): "`redis.cache.enabled: true`",
    (Capability.REDIS, Flavor.DISTRIBUTION): "`redis.addr`",
    (
        Capability.DESCRIPTOR_CACHE,
        Flavor.GITLAB,
    ): "`storage.cache.blobdescriptor`, which works only without the database",
    (Capability.DESCRIPTOR_CACHE, Flavor.DISTRIBUTION): "`storage.cache.blobdescriptor: inmemory` or `redis`",
    (Capability.REDIS_DESCRIPTOR_CACHE, Flavor.GITLAB): "`storage.cache.blobdescriptor: redis`, without the database",
    (Capability.REDIS_DESCRIPTOR_CACHE, Flavor.DISTRIBUTION): "`storage.cache.blobdescriptor: redis`",
}
SCRAPED = {
    Capability.PROMETHEUS: "Prometheus itself",
    Capability.NODE_EXPORTER: "node_exporter",
    Capability.KUBERNETES: "cAdvisor and kube-state-metrics",
    Capability.POSTGRES_EXPORTER: "postgres_exporter",
    Capability.POSTGRES_QUERIES: "postgres_exporter with --extend.query-path=postgres-queries.yaml",
    Capability.PGBOUNCER_EXPORTER: "pgbouncer_exporter",
    Capability.REDIS_EXPORTER: "redis_exporter",
    Capability.STACKDRIVER_EXPORTER: "stackdriver_exporter",
    Capability.CLOUDWATCH_EXPORTER: "yet-another-cloudwatch-exporter",
    Capability.PROBE: "blackbox_exporter with exporters/blackbox.yaml",
    Capability.ALERTMANAGER: "Alertmanager itself",
    Capability.REGISTRY_PROBE: "`regobs export probe`",
    Capability.LOG_EXPORTER: "`regobs export logs`",
    Capability.NOTIFICATION_EXPORTER: "`regobs export notifications`",
    Capability.DATABASE_EXPORTER: "`regobs export database`",
}


def turn_on(capability: Capability, flavor: Flavor) -> str:
    """How to get the families of a capability, or to stop asking for them."""
    drop = f"or take {capability.value} out of `capabilities` in regobs.toml"
    if capability in SCRAPED:
        return f"scrape {SCRAPED[capability]}, {drop}"
    switch = _BY_FLAVOR.get((capability, flavor)) or _SWITCHES.get(capability)
    return f"turn it on in the registry with {switch}, {drop}" if switch else f"turn it on, {drop}"


def out_of_hosts(process: str) -> str:
    """What to do about what only a cluster has, where there is none."""
    return f"take `{Capability.KUBERNETES}` out of `capabilities` in regobs.toml; in a cluster, scrape {process}"


def set_version(which: str) -> str:
    """How to build for the version that runs; `which` says what is known of it."""
    return f"set `version` under [registry] in regobs.toml to what runs, {which}, and build again"


def scrape(exposer: Exposer) -> str:
    """How to get the families of a neighbour."""
    return f"add a scrape job for {exposer.value}, or take its capability out of `capabilities` in regobs.toml"


DEBUG_ENDPOINT = "set `http.debug.addr` and `http.debug.prometheus.enabled: true` in the registry's configuration"


# What the text of a scrape error says, first match wins, and what to do then.
_SCRAPE_ERRORS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("404",), f"the port answers but has no metrics there: {DEBUG_ENDPOINT}, and check `metrics_path`"),
    (("connection refused",), f"start the registry, or correct the target's port: {DEBUG_ENDPOINT}"),
    (("no such host", "no route"), "correct the target's host name in the scrape configuration"),
    (("deadline exceeded", "timeout"), "open the network path from Prometheus to it, or raise `scrape_timeout`"),
    (("401", "403"), "give the scrape job the credentials of the metrics endpoint"),
    (("certificate", "tls", "response to https"), "correct `scheme` and `tls_config` of the scrape job"),
    (
        ("expected", "invalid", "content-type", "parse"),
        f"the target serves something else than metrics (the API port?): {DEBUG_ENDPOINT}, and scrape that port",
    ),
)


def repair_scrape(error: str) -> str:
    """What to do about a target that is down, from the scrape's own error text."""
    text = error.lower()
    found = (step for words, step in _SCRAPE_ERRORS if any(word in text for word in words))
    return next(found, "look at the target on the server's own page of targets")
