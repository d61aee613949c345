"""Secrets out of a text.

Unlike a request URI a message can not be held to a list of what may stay, so what carries a secret is looked for: user
information and queries of URLs (there the list of what may stay holds, see `redaction`), credentials after Bearer and
Basic, headers, parameters and options that are named like a secret, private keys, JSON web tokens and GitLab tokens.
Too much is masked rather than too little: a header to the end of its line, a value to the next space. A text that hides
a secret in an encoding is shown decoded, without it.
"""

from __future__ import annotations

import re

from regobs.instrument.decoding import LAYERS, peeled
from regobs.instrument.redaction import MASK, redacted_uri

_WORDS = (
    r"(?:_|%5f)state|signature|\bsig|password|passwd|passphrase|\bpwd|\bpass|secret|token|api[-_]?key|private[-_]?key"
    r"|secret[-_]?key|access[-_]?key(?:[-_]?id)?|credentials?|google[-_]?access[-_]?id|x-(?:amz|goog|ms)-[\w-]{1,40}"
    r"|(?<=[\"'])auth(?=\\?[\"'])"
)
# One is in each of these. Most texts hold none, and looking for them is cheap.
_STEM = re.compile("state|sig|pass|pwd|secret|token|key|credential|access|x-|auth").search
_CODED = re.compile(r"[^ -$&-\[\]-~]").search  # percent, backslash, and all that is no printable ASCII
_USERINFO = re.compile(r"((?::|%3a)(?:/|%2f){2})(?:[^/?#@\s]{0,80}:[^/?#@\r\n\"']{0,200}@|\S*(?:@|%40))", re.IGNORECASE)
# A password with a raw question mark, or a query with an @ in it: nothing after the scheme is known to be harmless.
_USER_OR_QUERY = re.compile(r"((?::|%3a)(?:/|%2f){2})[^\s?#]*[?#]\S*(?:@|%40)[^\s\"']*", re.IGNORECASE)
# Not the digest behind a tag: `group/app:v1@sha256:...`.
_LOGIN = re.compile(r"(?<![^\s\"'=(,\[])[^\s:/@\"'(\[]{1,80}:(?!//)[^\s@\"]{1,200}@(?!sha\d{3}:)(?=[\w\[])")
_QUERY = re.compile(r"\?\S+")
_SEPARATOR = re.compile(r"(&amp;|\\u0026|[&;])")
_FOLDED = r"(?:\r?\n[ \t]+[^\r\n]+)*"  # RFC 9112, section 5.2
_HEADER = re.compile(
    r"((?:authorization|cookie|x-registry-auth)\\?[\"']?\s{0,4}(?:[:=]>?|,)\s{0,4})(\\?[\"'\[(]{0,3})[^\r\n]+"
    + _FOLDED,
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(bearer|basic)((?:[\s:]|\\{1,40}[nrt])+|\\?[\"']\s{0,4},?\s{0,4}b?\\?[\"'])"
    r"(?!(?:auth\w*|token|realm|scheme|credentials?|challenge)\b(?![~+/=.-]))[^\s,\"']+",
    re.IGNORECASE,
)
_END = r"(?:\r?\n|\\+n)"  # of a line, also as a text in JSON has it
_BLOCK = rf"[|>][-+0-9]{{0,2}}[ \t]{{0,4}}{_END}(?:[ \t]+(?:(?!\\+n)[^\r\n])*(?:{_END}|$))+"  # of YAML
_NAMED = re.compile(
    rf"((?:{_WORDS})s?(?:\\?[\"']?\]?\s{{0,4}}(?:=>?|[:>])|\\?[\"']\s{{0,4}},)(?:\s|\\{{1,40}}[nrt]){{0,6}})"
    rf"(?:{_BLOCK}|\"\"\"(?:(?!\"\"\")[\s\S])*(?:\"\"\")?|\\?\"(?:[^\"\\]|\\++.)*\"?|\\?'(?:[^'\\]|\\++.)*'?|[^\s&]+)",
    re.IGNORECASE,
)
_OPTION = re.compile(rf"((?<!\S)--?(?:[\w-]{{0,30}}(?:{_WORDS})|(?:proxy-)?user|u)\s{{1,4}})[^\s-]\S*", re.IGNORECASE)
_KEY = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)(?:(?!-----END)[\s\S])+")
_TOKENS = re.compile(r"\beyJ[\w-]+\s?\.[\w-]+(?:\.[\w-]*)*|\bgl[a-z]{2,6}-[\w-]{16,}")


def redacted_text(text: str) -> str:
    """A text without what looks like a secret. Doing it twice changes nothing more."""
    text = plain = _redacted(text)
    if _CODED(text):
        for _ in range(LAYERS):
            before, plain = plain, peeled(plain)
            if plain == before:
                break
            before, plain = plain, _redacted(plain)
            if plain != before:
                text = plain
    return text


def _redacted(text: str) -> str:
    seen = text.lower()
    if "@" in seen or "%40" in seen:
        text = _USER_OR_QUERY.sub(rf"\1{MASK}", text)
        text = _LOGIN.sub(f"{MASK}@", _USERINFO.sub(rf"\1{MASK}@", text))
    if "bearer" in seen or "basic" in seen:
        text = _SCHEME.sub(rf"\1\2{MASK}", text)
    if "authorization" in seen or "cookie" in seen or "x-registry-auth" in seen:
        text = _HEADER.sub(rf"\1{MASK}", text)
    if "?" in seen:
        text = _QUERY.sub(_query, text)
    if ("=" in seen or ":" in seen or ">" in seen or "," in seen) and _STEM(seen):
        text = _NAMED.sub(rf"\1{MASK}", text)
    if "private key-----" in seen:
        text = _KEY.sub(rf"\1{MASK}", text)
    if " -" in seen or seen.startswith("-"):
        text = _OPTION.sub(rf"\1{MASK}", text)
    return _TOKENS.sub(MASK, text) if "eyj" in seen or "gl" in seen else text


def _query(found: re.Match[str]) -> str:
    """What follows a question mark up to the next space, pair by pair."""
    parts = _SEPARATOR.split(found[0][1:])
    return "?" + "".join(part if _SEPARATOR.fullmatch(part) else redacted_uri(f"?{part}")[1:] for part in parts)
