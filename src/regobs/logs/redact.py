"""Secrets that log lines carry, taken out before anything is shown."""

from __future__ import annotations

import re

MASK = "[secret]"
# Upload state, and what signs or grants a URL at S3, Google, Azure, CloudFront and token endpoints.
PARAMETERS = (
    r"_state|signature|sig|x-amz-signature|x-amz-credential|x-amz-security-token|x-goog-signature|x-goog-credential"
    r"|key-pair-id|policy|token|access_token|refresh_token|id_token|account_token|password|secret|api_key|awsaccesskeyid"
    r"|googleaccessid"
)
_KEYS = (
    r"authorization|proxy-authorization|cookie|set-cookie|_state|token|access_token|refresh_token|password|secret|user"
)
_LOOK = 4096
_PATTERNS = (
    # in a query: ?_state=..., &sig=..., also escaped as \u0026 in JSON or &amp; in text
    (re.compile(rf"((?:[?&;]|\\u0026|\b)(?:{PARAMETERS})=)[^&\s\"'\\<>]+", re.IGNORECASE), rf"\1{MASK}"),
    # a header or a key: Authorization: Basic ..., "password":"..."
    (re.compile(rf'(["\'](?:{_KEYS})\\?["\']\s*:\s*\\?["\'])(?:[^"\\]|\\.)*', re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"(authorization\s*[:=]\s*\[?\"?)(?:\w+\s+)?[^\s\",\]]+", re.IGNORECASE), rf"\1{MASK}"),
    # not "basic authentication": what follows has a capital or a digit
    (re.compile(r"\b((?i:bearer|basic))\s+(?=[a-z]*[A-Z0-9+/=_~])[A-Za-z0-9+/=._~-]{4,}"), rf"\1 {MASK}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), MASK),  # a JSON web token
    (re.compile(r"(://[^/\s:@\"]*:)[^/\s@\"]+@"), rf"\1{MASK}@"),  # user information of a URL
)
SECRET_FIELDS = frozenset(
    {"_state", "authorization", "token", "password", "secret", "cookie", "user", "signature", "string-to-sign"}
)


def redact(text: str) -> str:
    """The text without the secrets that are known by their name or form."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def masked(value: str, field: str) -> str:
    """A value of a field as an answer shows it: too much is masked rather than too little."""
    from regobs.instrument.masking import redacted_fields  # noqa: PLC0415 - a build needs only the names above

    shown = redacted_fields({field: value})[field]
    return str(shown)


def sample(value: object, field: str = "", longest: int = 160) -> str:
    """A value as it can be shown: without secrets or control characters, cut."""
    if field.rsplit(".", 1)[-1].lower() in SECRET_FIELDS:
        return MASK
    # Cut first: a line may be huge. What begins in the part that is shown is masked, wherever it ends.
    text = redact(str(value)[:_LOOK])
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"


_PARTS = re.compile(
    r'"(?:[^"\\]|\\.)*"?|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[a-z0-9]+:[0-9a-f]{32,}|\w+://\S+|[0-9]+(?:[.:][0-9]+)*'
)


def shape(text: str) -> str:
    """The text with what differs from line to line (quoted, numbers, digests, addresses) replaced by `…`."""
    return sample(_PARTS.sub("…", text[:_LOOK]))
