"""Messages of requests: access log, handlers, API errors, authorization, rate limiter, rename.

Which fields a message must have is known from lines that a running 4.32 wrote; for a message that was only read in the
source its fields are optional.
"""

from __future__ import annotations

from regobs.logs.messages.message import Match, group, message

ACCESS = group(
    "access",
    "bare",
    message(
        "access",
        "info",
        "correlation_id duration_ms ttfb_ms? status method proto host uri remote_addr remote_ip referrer user_agent "
        "content_type written_bytes read_bytes? system CF-RAY?",
    ),
)

_HOST = "path? db_host_type? db_host_addr?"
_UPLOAD = "upload_uuid? upload_size? state_name? state_uuid? state_offset? size_bytes? digest? media_type?"

HANDLERS = group(
    "handlers",
    "request",
    message(
        "router info",
        "info",
        "router method path config_http_addr config_http_host config_http_net config_http_prefix "
        "config_http_relative_urls",
    ),
    message(
        "response completed",
        "info",
        "http_response_status? http_response_written? http_response_contenttype? http_response_duration? method? "
        "host? uri? referer? user_agent? remote_addr? content_type?",
    ),
    # Two lines a download. The one of the blob server knows the size; the handler's comes after a HEAD as well.
    message("blob downloaded", "info", "digest size_bytes redirect media_type?", when=("size_bytes", None)),
    message("blob downloaded", "info", "path db_host_type db_host_addr"),
    message("blob uploaded", "info", "media_type size_bytes digest"),
    message("new blob uploaded", "info", "media_type size_bytes digest"),
    message("payload copied", "info", "copied content_length action"),
    message("client disconnected during ", "warning", "copied? content_length? action?", match=Match.PREFIX),
    message("getting manifest by tag from database", "info", "repository tag_name"),
    message("getting manifest by digest from database", "info debug", "repository? digest?"),
    message("putting manifest", "info", "repository manifest_digest schema_version tag_name?"),
    message(
        "manifest downloaded",
        "info",
        "media_type size_bytes digest tag_name reference_count path db_host_type db_host_addr",
    ),
    message("manifest uploaded", "info", "media_type size_bytes digest tag_name reference_count"),
    message("tag override", "info", "repository? tag_name? manifest_digest? current_manifest_digest?"),
    message("tag deleted", "info", "tag_name"),
    message("deleting manifest from repository in database", "debug", "repository? digest? manifest_digest?"),
    message("deleting tag from repository in database", "debug", "repository? tag_name?"),
    message("deleting blob from repository in database", "debug", "repository? digest?"),
    message("unknown layer media type", "warning", "media_type? digest? repository? size_bytes?"),
    message("creating new media type", "info", "media_type?"),
    message("error resolving upload", "info error", _UPLOAD),
    message("upload resumed at wrong offset", "info error", _UPLOAD),
    message("mismatched repository name in upload state", "info error", _UPLOAD + " repository?"),
    message("mismatched uuid in upload state", "info error", _UPLOAD),
    message("error canceling upload after error", "info error", _UPLOAD),
    message(
        "repository size measurement",
        "info",
        "path size_bytes size_cached size_type duration_ms is_top_level precision failure db_host_type db_host_addr",
    ),
    message("listed repository tags", "info", f"count {_HOST} limit? marker? repository?"),
    message("listed oci repository tags", "info", f"count {_HOST} limit? marker? repository?"),
    message("listed sub-repositories", "info", f"count {_HOST} limit? marker? repository?"),
    message("evaluating tag protection patterns", "info", "patterns? tag_name? repository? path?"),
    message("evaluating tag immutability patterns", "info", "patterns? tag_name? repository? path?"),
)

RENAME = group(
    "handlers",
    "request",
    message(
        "repository renamed",
        "info",
        "rename_type? from? to? repository_count? rename_duration_ms? dry_run? path? repository? db_host_type? "
        "db_host_addr?",
    ),
    message("repository rename conflicts with existing repository", "info", "rename_path? repository? path?"),
    message("repository exceeds rename limit", "info", "repository_count? repository? path?"),
    message("ongoing rename check: ", "debug error", "repository? path? lease_path?", match=Match.PREFIX),
    message("failed to invalidate project lease", "warning", "lease_path? path?"),
    message("upserting rename lease failed", "warning", "lease_path? path?"),
    message("the lease retrieved has a different grantor from the one requested", "warning", "lease_path? path?"),
)

# Read in the source (registry/datastore/repository.go): what Redis not being there says.
CACHE = group(
    "handlers",
    "request",
    message("failed to read repository from cache", "error"),
    message("failed to write repository to cache", "warning"),
    message("path hash collision detected when getting repository from cache", "warning", "path? cached_path?"),
    message("failed to invalidate repository size in cache for repo: ", "warning", match=Match.PREFIX),
    message("failed to read size with descendants key from cache", "error"),
    message("failed to create size with descendants key in cache", "warning"),
    message("failed to read size with descendants timeout key from cache", "error"),
    message("failed to create size with descendants timeout key in cache", "warning"),
)

# The message is the error code in small words (errcode.ErrorCode.Error).
_CODES = """
    UNKNOWN UNSUPPORTED UNAUTHORIZED DENIED UNAVAILABLE TOOMANYREQUESTS CONNECTIONRESET REQUESTCANCELED
    DIGEST_INVALID SIZE_INVALID NAME_INVALID TAG_INVALID MANIFEST_INVALID MANIFEST_UNVERIFIED MANIFEST_BLOB_UNKNOWN
    MANIFEST_REFERENCE_LIMIT MANIFEST_SIZE_LIMIT INVALID_LIMIT_PARAMETER_VALUE PAGINATION_NUMBER_INVALID
    TAG_PROTECTION_PATTERN_INVALID TAG_IMMUTABILITY_PATTERN_INVALID TAG_PATTERN_COUNT_LIMIT_EXCEEDED NAME_UNKNOWN
    MANIFEST_UNKNOWN BLOB_UNKNOWN BLOB_UPLOAD_UNKNOWN BLOB_UPLOAD_INVALID MANIFEST_REFERENCED RENAME_IN_PROGRESS
    CONTENT_RANGE_INVALID RESUMABLE_BLOB_UPLOAD_INVALID PROTECTED_TAG PROTECTED_MANIFEST IMMUTABLE_TAG
    INVALID_QUERY_PARAMETER_VALUE INVALID_QUERY_PARAMETER_TYPE INVALID_BODY_PARAMETER INVALID_BODY_PARAMETER_TYPE
    INVALID_JSON_BODY UNKNOWN_PROJECT_PATH_CLAIM MISMATCH_PROJECT_PATH_CLAIM RENAME_CONFLICT EXCEEDS_LIMITS
    NOT_IMPLEMENTED
"""

API_ERRORS = group(
    "handlers",
    "api error",
    *(message(code.lower().replace("_", " "), "error debug", "code detail? path?") for code in _CODES.split()),
)

AUTH = group(
    "auth",
    "api error",
    message("authorizing request", "debug"),
    message("authorized request", "info"),
    message("error authorizing context", "warning"),
    message("error checking authorization: ", "error", match=Match.PREFIX),
    message("token has expired", "warning", "valid_until?"),
    message("token used before time", "warning", "valid_after?"),
    message("token from untrusted issuer", "error", "issuer? trusted_issuers?"),
    message("token intended for another audience", "error", "audience? accepted_audiences?"),
    message("token has no signature", "error"),
    message("error verifying that signing key is trusted", "error"),
    message("unable to verify token signature", "error"),
    message("error while unmarshalling raw token", "error"),
    message("unable to decode token header", "error"),
    message("unable to decode token claims", "error"),
    message("unable to decode token signature", "error"),
)

_LIMITED = "component name method path source_ip user_agent referer?"
LIMITER = (
    *group(
        "handlers",
        "request",
        message("request blocked: rate limit exceeded", "info", f"{_LIMITED} log_only action retry_after_s"),
        message("rate_limiter reached threshold", "warning", f"{_LIMITED} usage warn_threshold description"),
        message("rate_limiter unsupported match type: ", "warning", "match_type? name?", match=Match.PREFIX),
    ),
    *group(
        "process",
        "line",
        message("rate limiting has been successfully configured", "info"),
        message(
            "Configured rate limiter",
            "info",
            "name:index description log_only match_type rate period burst warn_threshold warn_action hard_action",
        ),
    ),
)

MESSAGES = (*ACCESS, *HANDLERS, *RENAME, *CACHE, *API_ERRORS, *AUTH, *LIMITER)
