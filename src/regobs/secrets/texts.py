"""Secrets out of a text.

Unlike a request URI a message can not be held to a list of what may stay, so what carries a secret is looked for: user
information and queries of URLs (there the list of what may stay holds, see `uris`), and what the rules of
`expressions` know. Too much is masked rather than too little: a header to the end of its line, a value to the next
space. A text that hides a secret in an encoding is shown decoded, without it.

The time that a text takes is in proportion to its length, and a text has at most `LONGEST` characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from regobs.secrets.decoding import LAYERS, peeled
from regobs.secrets.expressions import RULES, TOKENS, Rule
from regobs.secrets.mask import MASK
from regobs.secrets.uris import redacted_uri

LONGEST = 32_768  # characters of a text
# Percent, question mark, at, dollar and backslash, and all that is no printable ASCII: encodings, queries, names.
STRANGE = r"[^\t\n\r -#&->A-\[\]-~]"
# One of these is in each text that a rule changes, if nothing of `STARTS` is (in small letters).
SIGNS = (
    *("pass", "token", "key", "auth", "secret", "state", "sig", "cred", "pwd", "sess", "jwt", "otp", "amz", "goog"),
    *("x-ms-", "exponent", "bearer", "basic", "cookie", "x-registry-", "identified", "failing row", "parameters: "),
    *("setuser", "actor", "private-lines", ":543", ":643", "hmac", 'sid"', "sid'", "x_registry", "xregistry"),
)
# An option of a command, and how tokens and the addresses that are secrets begin.
OPTION = r"(?:^|[\s\"'\[(,;|=])--?[a-zA-Z]"
STARTS = rf"(?:{'|'.join(TOKENS)}|(?i:hooks\.slack|discord|api\.telegram|webhook\.office))"
_strange = re.compile(STRANGE).search
_option = re.compile(OPTION, re.MULTILINE | re.ASCII).search
_starts = re.compile(rf"(?<![A-Za-z0-9]){STARTS}", re.ASCII).search
_coded = re.compile(r"[^\t\n\r -$&-\[\]-~]").search


def shortened(text: str) -> str:
    """A text of at most `LONGEST` characters; one that was longer says at its end how long it was.

    It is cut where a word ends: of the secret of a URL that is cut nobody would know any more what it is.
    """
    if len(text) <= LONGEST:
        return text
    note = f"...[cut, {len(text)} characters]"
    kept = text[: LONGEST - len(note)]
    last = max(map(kept.rfind, " \n\t\"'=(,;&"))
    colon = kept.find(":", last + 1)
    return (kept if colon < 0 else kept[: colon + 1]) + note


def redacted_text(text: str) -> str:
    """A text without what looks like a secret, cut when it is very long. Doing it twice changes nothing more."""
    if is_clean(text):
        return text
    text = plain = scanned(shortened(text))
    if _coded(text):
        for _ in range(LAYERS):
            before, plain = plain, peeled(plain)
            if plain == before:
                break
            before, plain = plain, scanned(plain)
            if plain != before:
                text = plain
    return text


def is_clean(text: str) -> bool:
    """Whether there is nothing to look for: true of most texts, and found out quickly."""
    if len(text) > LONGEST or _strange(text) or ("-" in text and _option(text)) or _starts(text):
        return False
    seen = text.lower()
    for sign in SIGNS:  # noqa: SIM110 (any() takes twice as long)
        if sign in seen:
            return False
    return True


def scanned(text: str) -> str:
    """One layer of a text of any length without its secrets."""
    seen = text.lower()
    if "@" in seen or "%40" in seen:
        text = _RUN.sub(_login, _SPACED.sub(rf"\1{MASK}@", text))
    if "?" in seen:
        text = _RUN.sub(_queries, text)
    for rule in RULES:
        for stem in rule.stems:
            if stem in seen:
                substitute, replacement = _compiled(rule)
                text = substitute(replacement, text)
                break
    return text


@cache
def _compiled(rule: Rule) -> tuple[Callable[[str, str], str], str]:
    """Expressions are compiled when a text needs them: an import would take too long."""
    return re.compile(f"({rule.before}){rule.secret}", re.IGNORECASE | re.ASCII).sub, rf"\1{MASK}"


_RUN = re.compile(r"\S++")
_ADDRESS = re.compile(r"(?::|%3a)(?:/|%2f){2}", re.IGNORECASE)
_AT = re.compile(
    r"(?:(?<!://git)@|%40)(?!sha\d{3}(?::|%3a)[0-9a-f])", re.IGNORECASE
)  # not the digest of `app:v1@sha256:...`
_AUTHORITY = re.compile(r"[^/?#\"'<>\\,;(){}\s]*+")
_HOST = re.compile(r"(?:git@)?(?:[a-z0-9_-]+(?:\.[a-z0-9-]+)*+|\[[0-9a-f:.]++\])(?P<port>:\d{1,5})?")
_NEXT = re.compile(r"[\"'<>`]")
_MARK = re.compile(r"[?#]")
# User information with spaces in it, which a run of letters without a space between them does not show.
_SPACED = re.compile(r"((?::|%3a)(?:/|%2f){2})[^/?#@\s]{0,80}:(?!\d{1,5}[^\w@])[^@\r\n\"']{0,200}@", re.IGNORECASE)
_USER = re.compile(r"(?<![^\s\"'=(,\[])[^\s:/@\"'(\[=,]{1,256}+:(?!//|[\w+.-]{1,20}://)")
_ADDRESSED = frozenset({"mailto", "email", "mail", "from", "to", "cc", "bcc", "author", "sip", "xmpp", "git"})


def _login(found: re.Match[str]) -> str:
    """Letters without a space between them, without the user information of a URL: `redis://:...@cache`, `me:...@h`."""
    run = found[0]
    ats = [at.span() for at in _AT.finditer(run)]
    return _without_name(_without_userinfo(run, ats)) if ats else run


def _without_userinfo(run: str, ats: list[tuple[int, int]]) -> str:
    """From the first address that has some to the last @, because a password may hold anything."""
    place = segment = 0
    upcoming = iter(ats)
    at = next(upcoming)
    while start := _ADDRESS.search(run, place):
        begin = start.end()
        while at[0] < begin:
            at = next(upcoming, (len(run) + 1, 0))
        if at[0] > len(run):
            break
        place = _end(_AUTHORITY, run, begin)
        if segment < begin:
            quote = _NEXT.search(run, begin)
            segment = quote.start() if quote else len(run)
        host = _HOST.fullmatch(run, begin, place)
        if host is None and ":" in run[begin:place]:
            return _masked(run, begin, ats[-1])
        if at[0] < segment:
            marked = _MARK.search(run, place, ats[-1][0])
            if host is None or host["port"] or marked:
                return _masked(run, begin, ats[-1])
            break  # https://host/@name
    return run


def _end(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return found.end() if found else start


def _masked(run: str, begin: int, last: tuple[int, int]) -> str:
    """Without what stands before the last @; where that may be in a query, without all up to a quote."""
    start, after = last
    if _MARK.search(run, begin, start) is None:
        return f"{run[:begin]}{MASK}@{run[after:]}"
    quote = _NEXT.search(run, after)
    return f"{run[:begin]}{MASK}{run[quote.start() :] if quote else ''}"


def _without_name(run: str) -> str:
    """User and password without a scheme in front: `me:...@host`, not `registry:5000/app:v1@sha256:...`."""
    ats = [at.start() for at in _BEFORE_HOST.finditer(run)]
    last = ats[-1] if ats else -1
    for start in _USER.finditer(run):
        if start.end() > last:
            break
        name = start[0][:-1]
        if name.lower() in _ADDRESSED or (("." in name or name == "localhost") and _PORT.match(run, start.end())):
            continue
        return f"{run[: start.start()]}{MASK}{run[last:]}"
    return run


_BEFORE_HOST = re.compile(rf"{_AT.pattern}(?=[\w\[$%{{<*])", re.IGNORECASE)
_PORT = re.compile(r"\d{1,5}/")
_PARAMETERS = re.compile(r"[^\"<>`\s]++")
_NO_QUERY = frozenset(",)]}'?.:!|") | {""}  # what follows the question mark of a sentence or a statement
_SEPARATOR = re.compile(r"(&amp;|\\u0026|[&;])")


def _queries(found: re.Match[str]) -> str:
    """Letters without a space between them, without what the queries of URLs in them may not show."""
    run = found[0]
    place, shown = 0, []
    slash = run.find("/")
    while (mark := run.find("?", place)) >= 0:
        shown.append(run[place : mark + 1])
        place = mark + 1
        query = _PARAMETERS.match(run, place) if run[place : place + 1] not in _NO_QUERY else None
        if query is None or not (0 <= slash < mark or "=" in query[0][1:]):
            place = query.end() if query else place
            shown.append(query[0] if query else "")
            continue
        shown.append(_query(query[0]))
        place = query.end()
    return "".join((*shown, run[place:]))


def _query(text: str) -> str:
    """A query, pair by pair; what closes the sentence around it stays."""
    bare = text.rstrip(")]}',.:;!")
    if text.startswith("]", len(bare)) and f"{bare}]".endswith(MASK):
        bare += "]"
    parts = _SEPARATOR.split(bare)
    kept = "".join(part if _SEPARATOR.fullmatch(part) else redacted_uri(f"?{part}")[1:] for part in parts)
    return kept + text[len(bare) :]
