"""The bucket behind the registry as its cloud measures it: what it holds, and the requests that no registry sees.

A registry redirects most pulls to the bucket or to the CDN before it, so that their traffic is here and not in its own.
"""

from regobs.catalog import amazon, google_cloud
from regobs.grafana.words import *

size_by_bucket = total(google_cloud.BUCKET_BYTES, by="bucket_name")
objects = total(google_cloud.BUCKET_OBJECTS, by="bucket_name")
size_by_class = total(google_cloud.BUCKET_BYTES, by="storage_class")
gcs_methods = total(google_cloud.BUCKET_REQUESTS, by="method")
gcs_status = total(google_cloud.BUCKET_REQUESTS, by="response_code")
gcs_bytes = {"received": total(google_cloud.BUCKET_RECEIVED), "sent": total(google_cloud.BUCKET_SENT)}

google_storage = Row(
    "Google Cloud Storage",
    Lines("GCS bucket size", size_by_bucket, good="grows with the images"),
    Lines("GCS size by storage class", size_by_class, good="mostly the usual class", stacked=True),
    Lines("GCS objects", objects, good="grows with the images"),
    Lines("GCS requests a minute by method", gcs_methods, good="follows the pulls"),
    Lines("GCS responses a minute by status", gcs_status, good="mostly OK"),
    Lines("GCS bytes a minute", gcs_bytes, good="more sent than received"),
    logs="egress-by-redirect",
)

cdn_hits = total(select(google_cloud.CDN_REQUESTS, cache_result="HIT"))
cdn_results = total(google_cloud.CDN_REQUESTS, by="cache_result")
cdn_status = total(google_cloud.CDN_REQUESTS, by="response_code_class")

google_cdn = Row(
    "Cloud CDN",
    Lines("Cloud CDN cache hit ratio", ratio(cdn_hits, total(google_cloud.CDN_REQUESTS)), good="constant"),
    Lines("Cloud CDN requests a minute by cache result", cdn_results, good="mostly HIT", stacked=True),
    Lines("Cloud CDN requests a minute by status", cdn_status, good="200", stacked=True),
    logs="egress-by-redirect",
)

s3_size = total(amazon.BUCKET_BYTES, by="dimension_BucketName")
s3_objects = total(amazon.BUCKET_OBJECTS, by="dimension_BucketName")
s3_requests = total(amazon.BUCKET_REQUESTS, by="dimension_BucketName")
s3_errors = {"4xx": total(amazon.BUCKET_CLIENT_ERRORS), "5xx": total(amazon.BUCKET_SERVER_ERRORS)}
s3_bytes = {"received": total(amazon.BUCKET_RECEIVED), "sent": total(amazon.BUCKET_SENT)}

amazon_s3 = Row(
    "Amazon S3",
    Lines("S3 bucket size", s3_size, good="grows with the images"),
    Lines("S3 objects", s3_objects, good="grows with the images"),
    Lines("S3 requests a minute", s3_requests, good="follows the pulls"),
    Lines("S3 errors a minute", s3_errors, good="no 5xx; 404 is normal before a push"),
    Lines("S3 bytes a minute", s3_bytes, good="more sent than received"),
    logs="egress-by-redirect",
)

dashboard = Dashboard("Registry Buckets", google_storage, google_cdn, amazon_s3)
