"""Secrets that log lines carry, taken out before anything is shown."""

from __future__ import annotations

import re
from functools import cache

MASK = "[secret]"
# Upload state, and what signs or grants a URL at S3, Google, Azure, CloudFront and token endpoints.
_NAMES = (
    r"(?:_|%5f)state|signature|sig|policy|key-pair-id|x-(?:amz|goog|ms)-[a-z-]{1,40}|googleaccessid|awsaccesskeyid"
    r"|(?:[a-z0-9_.-]{0,40}[_.-])?(?:token|passw(?:or)?d|passphrase|secret|credentials?"
    r"|(?:api|private|secret|access)[-_]?key(?:[-_]?id)?)"
)
_HEADERS = r"authorization|cookie|x-registry-auth"
_KEYS = rf"{_NAMES}|(?:proxy-)?authorization|(?:set-)?cookie|x-registry-auth|user"
_LOOK = 4096
_ALONE = r"(?<![A-Za-z0-9_])"  # \b means other things to Java and to Python
_NEW = r"(?!\[secret\])"
# What stays before a secret, and the secret. Python's `re` with re.ASCII and Java's regular expressions read these in
# the same way, so that the ingest pipeline masks what is masked here. A group that repeats without end is possessive:
# Java takes a frame of its stack for each turn of any other.
RULES = (
    # in a query or an assignment: ?_state=..., &sig=..., password="...", also escaped, \u0026 in JSON or &amp; in text
    (
        rf"(?:[?&;]|\\u0026|{_ALONE})(?:{_NAMES})\s{{0,4}}=\s{{0,4}}\\?[\"']?{_NEW}",
        r"(?:(?<=[\"'])[^\"'\\]+|[^&\s\"'\\<>]+)",
    ),
    # a key of JSON: "password":"..."
    (rf"[\"'](?:{_KEYS})\\?[\"']\s*:\s*\\?[\"']{_NEW}", r"(?:[^\"\\]|\\[^\r\n])[^\"\\]*+(?:\\[^\r\n][^\"\\]*+)*+"),
    # a header, to the end of the line: Authorization: Basic ..., map[Authorization:[Bearer ...]]
    (
        rf"(?:{_HEADERS})\\?[\"']?\s{{0,4}}+[:=]>?+\s{{0,4}}+\\?+(?:{_NEW}[\"'\[(]){{0,3}}+{_NEW}",
        r"[^\r\n\"\])]+",
    ),
    # not "basic authentication": what follows has a capital or a digit
    (rf"{_ALONE}(?:bearer|basic)\s+(?=(?-i:[a-z]*[A-Z0-9+/=_~]))", r"[A-Za-z0-9+/=._~-]{4,}"),
    # a JSON web token, a token of GitLab
    (_ALONE, r"(?-i:eyJ)[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"),
    (_ALONE, r"(?-i:gl[a-z]{2,6}-)[A-Za-z0-9_-]{16,}"),
    # user information of a URL
    (rf"://[^/\s:@\"]*:{_NEW}", r"[^/\s@\"]+(?=@)"),
)
# One expression for all, case aside, so that a processor of a pipeline is enough for a field. The group of a rule that
# did not match is empty in a replacement of either.
PATTERN = "(?i)" + "|".join(f"({before}){secret}" for before, secret in RULES)
REPLACEMENT = "".join(f"${number}" for number in range(1, len(RULES) + 1)) + MASK
SECRET_FIELDS = frozenset(
    {
        *("_state", "authorization", "proxy-authorization", "cookie", "set-cookie", "x-registry-auth", "user"),
        *("token", "access_token", "refresh_token", "password", "passphrase", "secret", "credential", "credentials"),
        *("api_key", "access_key", "private_key", "secret_key", "sig", "signature", "string-to-sign"),
    }
)


def redact(text: str) -> str:
    """The text without the secrets that are known by their name or form. Doing it twice changes nothing more."""
    pattern, replacement = _compiled()
    return pattern.sub(replacement, text)


@cache
def _compiled() -> tuple[re.Pattern[str], str]:
    """The list as Python has it: a build needs only its text."""
    return re.compile(PATTERN, re.ASCII), re.sub(r"\$(\d)", r"\\\1", REPLACEMENT)


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
