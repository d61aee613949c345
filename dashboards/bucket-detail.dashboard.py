"""The bucket behind the registry as its cloud measures it: what it holds, and the requests that no registry sees.

A registry redirects most pulls to the bucket or to the CDN before it, so that their traffic is here and not in its own.
"""

from regobs.catalog import amazon, google_cloud
from regobs.grafana.words import *

named, klass, bucket = "bucket_name", "storage_class", "dimension_BucketName"
google_network = {"in": total(google_cloud.BUCKET_RECEIVED), "out": total(google_cloud.BUCKET_SENT)}
cdn_hits = total(select(google_cloud.CDN_REQUESTS, cache_result="HIT"))
amazon_errors = {"4xx": total(amazon.BUCKET_CLIENT_ERRORS), "5xx": total(amazon.BUCKET_SERVER_ERRORS)}
amazon_network = {"in": total(amazon.BUCKET_RECEIVED), "out": total(amazon.BUCKET_SENT)}

dashboard = Dashboard(
    "Registry Buckets",
    Row(
        "Google Cloud Storage",
        Lines("Size", total(google_cloud.BUCKET_BYTES, by=named), good="grows with the images"),
        Lines("Size by class", total(google_cloud.BUCKET_BYTES, by=klass), good="mostly the usual class", stacked=True),
        Lines("Objects", total(google_cloud.BUCKET_OBJECTS, by=named), good="grows with the images"),
        Lines("Requests in a minute", total(google_cloud.BUCKET_REQUESTS, by="method"), good="follows the pulls"),
        Lines("Answers in a minute", total(google_cloud.BUCKET_REQUESTS, by="response_code"), good="OK above all"),
        Lines("Bytes in a minute", google_network, good="more out than in"),
        logs="egress-by-redirect",
    ),
    Row(
        "Cloud CDN",
        Lines("Answered from the cache", ratio(cdn_hits, total(google_cloud.CDN_REQUESTS)), good="level"),
        Lines("By result", total(google_cloud.CDN_REQUESTS, by="cache_result"), good="mostly HIT", stacked=True),
        Lines("By status", total(google_cloud.CDN_REQUESTS, by="response_code_class"), good="200", stacked=True),
        logs="egress-by-redirect",
    ),
    Row(
        "Amazon S3",
        Lines("Size of buckets", total(amazon.BUCKET_BYTES, by=bucket), good="grows with the images"),
        Lines("Objects in buckets", total(amazon.BUCKET_OBJECTS, by=bucket), good="grows with the images"),
        Lines("Requests to S3 in a minute", total(amazon.BUCKET_REQUESTS, by=bucket), good="follows the pulls"),
        Lines("Errors in a minute", amazon_errors, good="no 5xx; 404 is normal before a push"),
        Lines("Bytes of S3 in a minute", amazon_network, good="more out than in"),
        logs="egress-by-redirect",
    ),
)
