"""What the stackdriver_exporter says of a bucket of Google Cloud Storage and of the load balancer with Cloud CDN.

Its names are built from Google's: monitored resource, then metric type. Source: Google's list of metrics of
storage.googleapis.com and loadbalancing.googleapis.com, and the exporter's collectors/monitoring_metrics.go
(github.com/prometheus-community/stackdriver_exporter); no bucket was at hand.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_google = Component("google_cloud", Exposer.STACKDRIVER)


def _of_bucket(*names: str) -> Form:
    of = labels("bucket_name", "location", "project_id", "unit", *names)
    return form(labels=of, needs=Capability.STACKDRIVER_EXPORTER)


_DAILY = "Google measures it once a day."
_DELTA = "Counts the last minute that Google measured, two to five minutes ago; with aggregated deltas it is a counter."

BUCKET_BYTES = _google.gauge(
    "stackdriver_gcs_bucket_storage_googleapis_com_storage_total_bytes",
    Unit.BYTES,
    "Bytes of all objects of a bucket.",
    _of_bucket("storage_class"),
    pitfalls=(_DAILY,),
)
BUCKET_OBJECTS = _google.gauge(
    "stackdriver_gcs_bucket_storage_googleapis_com_storage_object_count",
    Unit.OBJECTS,
    "Objects of a bucket.",
    _of_bucket("storage_class"),
    pitfalls=(_DAILY,),
)
BUCKET_REQUESTS = _google.gauge(
    "stackdriver_gcs_bucket_storage_googleapis_com_api_request_count",
    Unit.REQUESTS,
    "Requests to a bucket in a minute.",
    _of_bucket("method", "response_code"),
    pitfalls=(_DELTA, "A client that a registry redirected counts here and not in the registry."),
)
BUCKET_RECEIVED = _google.gauge(
    "stackdriver_gcs_bucket_storage_googleapis_com_network_received_bytes_count",
    Unit.BYTES,
    "Bytes that a bucket received in a minute.",
    _of_bucket("method", "response_code"),
    pitfalls=(_DELTA,),
)
BUCKET_SENT = _google.gauge(
    "stackdriver_gcs_bucket_storage_googleapis_com_network_sent_bytes_count",
    Unit.BYTES,
    "Bytes that a bucket sent in a minute.",
    _of_bucket("method", "response_code"),
    pitfalls=(_DELTA,),
)
_RULE = ("backend_name", "backend_type", "forwarding_rule_name", "project_id", "target_proxy_name", "url_map_name")
_ANSWER = ("cache_result", "client_country", "protocol", "proxy_continent", "response_code", "response_code_class")
CDN_REQUESTS = _google.gauge(
    "stackdriver_https_lb_rule_loadbalancing_googleapis_com_https_request_count",
    Unit.REQUESTS,
    "Requests that a load balancer answered in a minute; `cache_result` is HIT where Cloud CDN had the answer.",
    form(labels=labels(*_RULE, *_ANSWER, "unit"), needs=Capability.STACKDRIVER_EXPORTER),
    pitfalls=(_DELTA,),
)
