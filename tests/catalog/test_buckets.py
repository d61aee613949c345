"""The names of bucket metrics follow from the clouds' own names by the rules of the exporters.

The rules are BuildMetricName and PromString of yet-another-cloudwatch-exporter (pkg/promutil), and buildFQName and
NormalizeMetricName of the stackdriver_exporter (collectors, utils). The clouds' names are those of their documentation.
"""

from __future__ import annotations

import re

from regobs.catalog import METRICS, amazon, google_cloud
from regobs.catalog.model import Exposer, Flavor, Metric

# Of CloudWatch, namespace AWS/S3: the metric and the statistic that makes sense of it.
S3 = {
    amazon.BUCKET_BYTES: ("BucketSizeBytes", "Average"),
    amazon.BUCKET_OBJECTS: ("NumberOfObjects", "Average"),
    amazon.BUCKET_REQUESTS: ("AllRequests", "Sum"),
    amazon.BUCKET_CLIENT_ERRORS: ("4xxErrors", "Sum"),
    amazon.BUCKET_SERVER_ERRORS: ("5xxErrors", "Sum"),
    amazon.BUCKET_RECEIVED: ("BytesUploaded", "Sum"),
    amazon.BUCKET_SENT: ("BytesDownloaded", "Sum"),
}
# Of Cloud Monitoring: the monitored resource and the metric's type.
GOOGLE = {
    google_cloud.BUCKET_BYTES: ("gcs_bucket", "storage.googleapis.com/storage/total_bytes"),
    google_cloud.BUCKET_OBJECTS: ("gcs_bucket", "storage.googleapis.com/storage/object_count"),
    google_cloud.BUCKET_REQUESTS: ("gcs_bucket", "storage.googleapis.com/api/request_count"),
    google_cloud.BUCKET_RECEIVED: ("gcs_bucket", "storage.googleapis.com/network/received_bytes_count"),
    google_cloud.BUCKET_SENT: ("gcs_bucket", "storage.googleapis.com/network/sent_bytes_count"),
    google_cloud.CDN_REQUESTS: ("https_lb_rule", "loadbalancing.googleapis.com/https/request_count"),
}


def of_exposer(exposer: Exposer) -> set[Metric]:
    return {metric for metric in METRICS.values() if metric.exposer is exposer}


def labels_of(metric: Metric) -> set[str]:
    form = metric.form(Flavor.GITLAB)
    assert form is not None
    return {label.exposed for label in form.labels}


def snake(text: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)).lower()


def test_names_of_s3_follow_from_cloudwatch() -> None:
    assert set(S3) == of_exposer(Exposer.CLOUDWATCH)
    for metric, (name, statistic) in S3.items():
        assert metric.name == f"{snake('AWS/S3'.lower())}_{snake(name)}_{snake(statistic)}"


def test_labels_of_s3_are_the_dimensions_and_where_the_bucket_is() -> None:
    for metric, (_, statistic) in S3.items():
        dimension = "StorageType" if statistic == "Average" else "FilterId"
        dimensions = {"dimension_BucketName", f"dimension_{dimension}"}
        assert labels_of(metric) == {"account_id", "region", "name"} | dimensions


def test_names_of_google_follow_from_resource_and_type() -> None:
    assert set(GOOGLE) == of_exposer(Exposer.STACKDRIVER)
    for metric, (resource, kind) in GOOGLE.items():
        assert metric.name == f"stackdriver_{snake(resource)}_{snake(kind)}"
        assert {"project_id", "unit"} <= labels_of(metric)
