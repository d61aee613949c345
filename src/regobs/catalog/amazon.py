"""What yet-another-cloudwatch-exporter says of an S3 bucket.

Its names are built from those of CloudWatch: namespace, metric, statistic. Source: the list of S3 metrics in the S3
user guide; pkg/promutil/migrate.go of github.com/prometheus-community/yet-another-cloudwatch-exporter, and the S3
dashboard of its mixin, which reads the same names. No bucket was at hand. Request metrics exist where the bucket has
a filter for them (`FilterId`), which costs money; sizes are free.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Metric, Unit

_amazon = Component("amazon", Exposer.CLOUDWATCH)


def _of_bucket(dimension: str) -> Form:
    of = labels("account_id", "name", "region", "dimension_BucketName", dimension)
    return form(labels=of, needs=Capability.CLOUDWATCH_EXPORTER)


_DAILY = "CloudWatch measures it once a day."
_PERIOD = "Counts one period of CloudWatch, a minute for request metrics, and arrives some minutes late."
_EMPTY = "Without a value in the period the exporter says NaN, unless its `nilToZero` is set: set it for requests."


def _requests(name: str, unit: Unit, text: str, *pitfalls: str) -> Metric:
    return _amazon.gauge(name, unit, text, _of_bucket("dimension_FilterId"), pitfalls=(_PERIOD, _EMPTY, *pitfalls))


BUCKET_BYTES = _amazon.gauge(
    "aws_s3_bucket_size_bytes_average",
    Unit.BYTES,
    "Bytes of all objects of a bucket in one class of storage.",
    _of_bucket("dimension_StorageType"),
    pitfalls=(_DAILY, "Parts of uploads that were never completed count too."),
)
BUCKET_OBJECTS = _amazon.gauge(
    "aws_s3_number_of_objects_average",
    Unit.OBJECTS,
    "Objects of a bucket.",
    _of_bucket("dimension_StorageType"),
    pitfalls=(_DAILY,),
)
BUCKET_REQUESTS = _requests(
    "aws_s3_all_requests_sum",
    Unit.REQUESTS,
    "Requests to a bucket in a minute.",
    "A client that a registry redirected counts here and not in the registry.",
)
BUCKET_CLIENT_ERRORS = _requests("aws_s3_4xx_errors_sum", Unit.REQUESTS, "Requests answered with 4xx in a minute.")
BUCKET_SERVER_ERRORS = _requests(
    "aws_s3_5xx_errors_sum",
    Unit.REQUESTS,
    "Requests answered with 5xx in a minute.",
    "503 is how S3 says that a client asks too often.",
)
BUCKET_RECEIVED = _requests("aws_s3_bytes_uploaded_sum", Unit.BYTES, "Bytes that a bucket received in a minute.")
BUCKET_SENT = _requests("aws_s3_bytes_downloaded_sum", Unit.BYTES, "Bytes that a bucket sent in a minute.")
