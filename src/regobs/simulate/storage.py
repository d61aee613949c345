"""The storage back end of a pod: calls of the driver, sizes of blobs, redirects, retries, caches."""

from __future__ import annotations

from random import Random

from regobs.catalog import proxy, storage
from regobs.catalog.model import Capability, Flavor
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread, spreads
from regobs.simulate.faults import FaultName
from regobs.simulate.plan import Plan
from regobs.simulate.steps import TimeStep, Work

_TICK = 60.0  # seconds between two looks of the access tracker
_THROTTLED = 12.0  # times a throttled back end is slower
# Seconds of a call, median.
_CALLS = {"GetContent": 0.012, "PutContent": 0.03, "Stat": 0.008, "List": 0.04, "Move": 0.06, "Delete": 0.02}
_SIGNING = 0.0004
# Retries of a call, of each type: a throttled one backs off more than once before it succeeds or is given up.
_RETRIES, _THROTTLED_RETRIES = 0.003, 1.5
_RANKS = ((1, 0.06), (10, 0.25), (100, 0.6), (1000, 0.95), (10000, 1.0))


class Storage:
    """The back end as one pod sees it."""

    def __init__(self, plan: Plan, instruments: Instruments, rng: Random) -> None:
        self._plan = plan
        self._in = instruments
        self._rng = rng
        self._gitlab = plan.flavor is Flavor.GITLAB
        self._object = plan.has(Capability.OBJECT_STORAGE)
        self._driver = "gcs" if self._object else "filesystem"
        form = storage.ACTIONS.form(plan.flavor, plan.version)
        label = form.label("action") if form else None
        values = (label.values if label else None) or ()
        self._signs = "URLFor" if "URLFor" in values else "RedirectURL"
        for metric in (proxy.REQUESTS, proxy.HITS, proxy.MISSES, proxy.PULLED_BYTES, proxy.PUSHED_BYTES):
            if metric.form(plan.flavor, plan.version) is not None:
                instruments[metric].zero()
        self._ticked = 0.0
        self._reads: int = 0

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Do what the requests of this step need."""
        self._call(moment, work)
        if self._gitlab:
            downloads = self._in.histogram(storage.BLOB_DOWNLOADS).child(redirect=self._object)
            downloads.observe_many(work.downloads)
            self._in.histogram(storage.BLOB_UPLOADS).child().observe_many(work.uploads)
        if self._object and self._gitlab:
            self._trouble(moment, work.storage.total() - work.storage["URLFor"])  # a URL is signed without a call
        if self._plan.has(Capability.CDN):
            self._redirect(len(work.downloads))
        if self._plan.has(Capability.URL_CACHE):
            self._url_cache(moment, len(work.downloads))
        if self._plan.has(Capability.DESCRIPTOR_CACHE):
            self._descriptors(work.storage["Stat"] + work.storage["GetContent"], moment)
        if self._plan.has(Capability.PROXY):
            self._proxied(work)

    def _call(self, moment: TimeStep, work: Work) -> None:
        family = self._in.histogram(storage.ACTIONS)
        factor = moment.slowness * (_THROTTLED if moment.suffers(FaultName.STORAGE_THROTTLING) else 1.0)
        if not self._object:
            factor /= 20  # a local disk
        for action, count in work.storage.items():
            signing = action == "URLFor"
            if signing and not self._object:
                continue
            child = family.child(action=self._signs if signing else action, driver=self._driver)
            median = _SIGNING if signing else _CALLS[action] * factor
            child.observe_many(spreads(self._rng, median, 0.7, count))

    def _trouble(self, moment: TimeStep, calls: int) -> None:
        throttled = moment.suffers(FaultName.STORAGE_THROTTLING)
        repeated = 0
        for way in ("native", "custom"):
            count = events(self._rng, calls * (_THROTTLED_RETRIES if throttled else _RETRIES))
            self._in.counter(storage.RETRIES).child(retry_type=way).inc(count)
            repeated += count
        if throttled:
            self._in[storage.RATE_LIMITED].inc(repeated)

    def _redirect(self, count: int) -> None:
        near = sum(self._rng.random() < 0.15 for _ in range(count))
        family = self._in.counter(storage.CDN_REDIRECTS)
        family.child(backend="cdn", bypass=False, bypass_reason="").inc(count - near)
        family.child(backend="gcs", bypass=True, bypass_reason="gcp").inc(near)

    def _url_cache(self, moment: TimeStep, count: int) -> None:
        lost = moment.suffers(FaultName.REDIS_LOSS)
        hits = 0 if lost else sum(self._rng.random() < 0.8 for _ in range(count))
        family = self._in.counter(storage.URL_CACHE_REQUESTS)
        family.child(result="hit", reason="").inc(hits)
        family.child(result="miss", reason="error" if lost else "not_found").inc(count - hits)
        sizes = spreads(self._rng, 800, 0.3, 0 if lost else count - hits)
        self._in.histogram(storage.URL_CACHE_ENTRY_SIZE).child().observe_many(sizes)
        self._reads += count
        if moment.time - self._ticked >= _TICK:
            self._ticked = moment.time
            for rank, share in _RANKS:
                self._in.gauge(storage.OBJECT_ACCESSES_TOP).child(top_n=str(rank)).set(round(self._reads * share))
            self._in.gauge(storage.OBJECT_ACCESSES_TOP).child(top_n="all").set(self._reads)
            for _ in range(min(200, self._reads // 4)):
                self._in[storage.OBJECT_ACCESSES].observe(max(1, int(spread(self._rng, 3, 1.2))))
            self._reads = 0

    def _descriptors(self, count: int, moment: TimeStep) -> None:
        hits = sum(self._rng.random() < 0.85 for _ in range(count))
        if storage.CACHE.form(self._plan.flavor, self._plan.version) is not None:
            family = self._in.counter(storage.CACHE)
            for kind, amount in (("Request", count), ("Hit", hits), ("Miss", count - hits)):
                family.child(type=kind).inc(amount)
        else:
            self._in[storage.CACHE_REQUESTS].inc(count)
            self._in[storage.CACHE_HITS].inc(hits)
        if self._plan.has(Capability.REDIS_DESCRIPTOR_CACHE) and not moment.suffers(FaultName.REDIS_LOSS):
            family_redis = self._in.histogram(storage.CACHE_REDIS)
            for call, amount in (("RepoStat", count), ("Stat", count // 3), ("RepoSetDescriptor", count - hits)):
                family_redis.child(operation=call).observe_many(spreads(self._rng, 0.0008, 0.5, amount))
            family_redis.child(operation="SetDescriptor").observe(spread(self._rng, 0.0008))

    def _proxied(self, work: Work) -> None:
        for kind, count, size in (
            ("blob", len(work.downloads), sum(work.downloads)),
            ("manifest", work.events["pull", "manifest"], 1500 * work.events["pull", "manifest"]),
        ):
            hits = sum(self._rng.random() < 0.9 for _ in range(count))
            self._in.counter(proxy.REQUESTS).child(type=kind).inc(count)
            self._in.counter(proxy.HITS).child(type=kind).inc(hits)
            self._in.counter(proxy.MISSES).child(type=kind).inc(count - hits)
            self._in.counter(proxy.PUSHED_BYTES).child(type=kind).inc(size)
            self._in.counter(proxy.PULLED_BYTES).child(type=kind).inc(size // 10)
