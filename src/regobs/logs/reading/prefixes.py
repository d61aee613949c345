"""What stands before a line of a registry, written by what keeps or shows logs, and where the line begins behind it.

Prefixes stand one behind the other, and some look like words of a line: `pod container 192.0.2.1 - - [` may be stern's
two words or its three. So all are tried, and a chain of them counts only where a line of a registry begins behind it.
"""

from __future__ import annotations

import re
import string

from regobs.logs.reading.read import BOM
from regobs.logs.reading.text import ADDRESS

_LAYERS = 5  # prefixes that stand one behind the other; grep, compose, a time and CRI are four
_ANSI = re.compile(rb"\x1b\[[0-9;:?]{0,40}[ -/]{0,4}[@-~]")
CRI = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,18}(?:Z|[+-][0-9]{2}:[0-9]{2}) (stdout|stderr) ([FP])(?::\S{1,40})? "
)
SELECTOR = re.compile(rb'\{(?:[A-Za-z_][A-Za-z0-9_]{0,80}="[^"]{0,400}"(?:, ?)?){1,40}\} {1,8}')  # of logcli
_SPACES = re.compile(rb" *+")
_TIME = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_NAME = rb"[A-Za-z0-9][A-Za-z0-9._/@-]{0,200}"
_LABEL = rb"(?!localhost )[a-z0-9][a-z0-9-]{0,62}"  # a namespace or container of Kubernetes, and no host
_POD = rb"[a-z0-9][a-z0-9.-]{0,252}"
_CLOCK = rb"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_HOST = (  # host name[7]:
    rb" (?![0-9]{4}-[0-9]{2}-|" + _CLOCK + rb"[ .]|[@\[./])[^\s{}\"=]{1,255} [^\s:\[]{1,128}(?:\[[0-9]{1,10}\])?: "
)
_PROGRAM = rb" [^\s:\[{\"=]{1,128}\[[0-9]{1,10}\]: "  # name[7]: where the host is left out
# RFC 5424, octet-counted (RFC 6587) or not. A quoted value of its structured data may hold a bracket.
_STRUCTURED_DATA = rb'\[(?:[^\]"]|"(?:[^"\\]|\\.){0,400}"){0,400}\]'
_RFC5424 = (
    rb"(?:[1-9][0-9]{0,6} )?<[0-9]{1,3}>1 (?:\S{1,255} ){5}(?:-|(?:" + _STRUCTURED_DATA + rb"){1,4}) (?:\xef\xbb\xbf)?"
)
_LEVEL = rb"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)"
_DIGIT, _UPPER, _LOWER = (string.digits.encode(), string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_WORD = _DIGIT + _UPPER + _LOWER
_SYSLOG_TIME = rb"[A-Z][a-z]{2} [ 0-9][0-9] [0-9:.]{8,15}"
_FULL_TIME = rb"(?:<[0-9]{1,3}>)?(?:[A-Z][a-z]{2} )?" + _TIME + rb"(?: [A-Z]{3,5})?"
_SECONDS = rb"(?:[0-9]{10}\.[0-9]{6}|\[ {0,9}[0-9]{1,10}\.[0-9]{6}(?: <[ 0-9.]{0,30}>)?\])"
# The first letters of a prefix, and what it is; of two that fit the first counts where a line begins behind both.
_PREFIXES = (
    (b"{", SELECTOR.pattern),
    (_DIGIT, rb"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9:.]{8,16} "),  # svlogd, as Omnibus GitLab runs the registry
    (b"@", rb"@[0-9a-f]{24} "),  # tai64n of daemontools and s6
    (_WORD, _NAME + rb" {0,200}\|(?: |\Z)"),  # docker compose: registry_1 |, registry-1  |
    (b"[", rb"\[pod/" + _NAME + rb"\](?: |\Z)"),  # kubectl logs --prefix
    # syslog, journalctl -o short; without a host over a socket of the same machine, or with --no-hostname
    (b"<" + _UPPER, rb"(?:<[0-9]{1,3}>)?" + _SYSLOG_TIME + _PROGRAM),
    (b"<" + _UPPER, rb"(?:<[0-9]{1,3}>)?" + _SYSLOG_TIME + _HOST),
    (b"<" + _UPPER, rb"(?:<[0-9]{1,3}>)?" + _SYSLOG_TIME + rb" "),  # ts of moreutils
    (_DIGIT, _CLOCK + rb"(?:\.[0-9]{1,9})? "),  # ts -s, ts -i
    (_DIGIT, _TIME + rb" (?=[^\s/]{1,200}/)" + _NAME + rb" "),  # aws logs tail: time and stream, which has a slash
    # journalctl -o short-iso, short-full
    (b"<" + _DIGIT + _UPPER, _FULL_TIME + _PROGRAM),
    (b"<" + _DIGIT + _UPPER, _FULL_TIME + _HOST),
    # journalctl -o short-unix, short-monotonic, short-delta
    (b"[" + _DIGIT, _SECONDS + _PROGRAM),
    (b"[" + _DIGIT, _SECONDS + _HOST),
    (b"\x1e", rb"\x1e"),  # journalctl -o json-seq
    (b"<" + _DIGIT, _RFC5424),
    (b"@", rb"@cee: ?"),  # rsyslog's mark of JSON
    (BOM[:1], BOM),  # of a file whose lines were written with something before them
    (_DIGIT, _TIME + rb"\t[^\t\n]{1,200}\t"),  # a file of Fluentd: time, tag, record
    (_DIGIT, _TIME + rb"(?: |\Z)"),  # docker logs -t, kubectl logs --timestamps
    (b"./" + _WORD, rb"(?![0-9]{4}-[0-9]{2})[./]{0,3}" + _NAME + rb":(?:[0-9]{1,9}:)?"),  # grep -H, -n; no time
    (_DIGIT + _LOWER, _LABEL + rb" " + _POD + rb" " + _LABEL + rb" "),  # stern: namespace, pod and container
    (_DIGIT + _LOWER, _POD + rb" " + _LABEL + rb" "),  # stern: pod and container
    (_WORD, _NAME + rb" (?=\{\"|(?:time|level)=|" + _LEVEL + rb"\[[0-9])"),  # k9s
)
_BY_LETTER = {
    letter: tuple(re.compile(pattern) for letters, pattern in _PREFIXES if letter in letters)
    for letter in {letter for letters, _ in _PREFIXES for letter in letters}
}
# Where a line of a registry may begin. A prefix is one only when one of these stands behind it.
_BEGIN = re.compile(
    rb"""\{\s*(?:"|\}|\Z)|(?:time|level|msg)=|(?:\x1b\[[0-9;]*m)*LEVEL(?:\x1b\[0m)?\[[0-9]
    |(?:[\w.-]{1,40}:?[ ])?[0-9]{4}/[0-9]{2}/[0-9]{2}[ ][0-9]
    |(?:ADDRESS[ ]){1,2}\S{1,255}[ ]\S{1,255}[ ]\[[0-9A-Za-z/]{8,11}:
    |panic:[ ]|fatal[ ]error:[ ]|goroutine[ ][0-9]|created[ ]by[ ]|\t/|configuration[ ]error:[ ]
    |creating[ ]new[ ]registry[ ]instance:[ ]|running[ ]http[ ]server:[ ]
    |failed[ ]to[ ][a-z]{3,10}[ ][A-Za-z0-9_ ]{2,40}:[ ]
    |(?:[\w/%@-]{1,100}\.){1,8}[\w.*()\[\]-]{1,200}\(
    """.replace(b"LEVEL", _LEVEL).replace(b"ADDRESS", ADDRESS.encode()),
    re.VERBOSE,
)


def begins(content: bytes) -> bool:
    """Whether this may be the beginning of a line of a registry."""
    return _BEGIN.match(content) is not None


def without_prefixes(content: bytes) -> bytes:
    """A line of a registry, or of CRI around one, without colours and what stands before it; any other as it is."""
    plain = _ANSI.sub(b"", content) if b"\x1b" in content else content
    if plain is not content and CRI.match(plain):
        return plain
    place = _behind(plain, 0, _LAYERS, set())
    return content if place is None else plain[place:]


def _behind(content: bytes, place: int, layers: int, failed: set[tuple[int, int]]) -> int | None:
    """Where a line begins behind prefixes; its end where there is none behind them. None where no chain leads to one.

    What failed is kept, so that no place is tried twice with as many layers.
    """
    if _BEGIN.match(content, place) or (place and CRI.match(content, place)):
        return place
    if not layers or (place, layers) in failed or place == len(content):
        return None
    for prefix in _BY_LETTER.get(content[place], ()):
        if found := prefix.match(content, place):
            spaces = _SPACES.match(content, found.end())
            end = spaces.end() if spaces else found.end()
            behind = end if end == len(content) else _behind(content, end, layers - 1, failed)
            if behind is not None:
                return behind
    failed.add((place, layers))
    return None
