"""What log queries, and texts for people about logs, ask for: the texts that may be messages, and the fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from regobs.catalog import METRICS
from regobs.lint.log_subjects import LintedLogQuery

Span = tuple[int, int]
# `msg="..."` of LogQL, `json.msg: "..."` of KQL and Lucene; a line filter names no field.
_TERM = re.compile(
    r"(?<![\w.])(?P<field>[A-Za-z_][\w.]*+)\s*+(?P<op>=~|!=|!~|==|=|:|[<>]=?)\s*+"
    r'(?:"(?P<value>(?:[^"\\]|\\.)*+)"|`(?P<raw>[^`]*+)`)'
)
_NUMBER = re.compile(r"(?<![\w.\"`])(?P<field>[A-Za-z_][\w.]*+)\s*+(?:==|!=|=|:|[<>]=?)\s*+(?=[-+.]?[0-9])")
_LINE_FILTER = re.compile(r'(?:\|(?P<op>[=~])|(?<=[}"`])\s*+!(?P<no>[=~]))\s*+(?:"((?:[^"\\]|\\.)*+)"|`([^`]*+)`)')
# What LogQL groups by, keeps, drops, reads as a number, or writes into a line; and what it gives a name itself.
_LISTED = re.compile(r"\b(?:by|without)\s*+\(([^()]*+)\)|\|\s*+(?:keep|drop)\s++([\w, ]++)")
_UNWRAPPED = re.compile(r"\|\s*+unwrap\s++(?:\w++\s*+\(\s*+)?([A-Za-z_]\w*+)(?!\s*+\()")
_WRITTEN = re.compile(r"\{\{-?\s*+\.([A-Za-z_]\w*+)\s*+-?\}\}")
_WORD = re.compile(r"[A-Za-z_]\w*+")
_GIVEN = re.compile(r"(?<!\w)([A-Za-z_]\w*+)\s*+=(?![=~])")
_FLAGS = re.compile(r"\(\?[imsU]++\)")
_ESCAPED = re.compile(r"\\([^\w\s])")
_PATTERN = re.compile(r"[.*+?()\[\]{}^$\\]")
# In a text for people, what is quoted or set as code.
_QUOTED = re.compile(r'`([^`\n]++)`|"([^"\n]++)"')
_NAME = re.compile(r"`([A-Za-z][\w.]*+)`|(?<![\w.`])(json\.[A-Za-z_][\w.]*+)")
_ABOUT_LOGS = re.compile(r"\blog|\bmessages?\s++[\"`]|\bjson\.", re.IGNORECASE)
_TEXTS = frozenset({"msg", "message"})
_PARSED = re.compile(r"\|\s*+(?:json|logfmt)\b")
_WIDEST = 300  # characters of a selector


def asked_messages(query: LintedLogQuery) -> Iterator[tuple[str, Span, bool]]:
    """Texts that may be messages, where they stand, and whether a field of messages is compared with them."""
    if not _quotes(query.text):
        return
    for match in _TERM.finditer(query.text):
        if match["field"].rpartition(".")[2] in _TEXTS and match["op"] in {"=", "==", ":"}:
            yield match["value"] if match["value"] is not None else match["raw"], match.span(), True
    if not query.prose:
        for match in _LINE_FILTER.finditer(query.text):
            text = match[3] if match[3] is not None else match[4]
            matches = "~" in {match["op"], match["no"]}
            for one in _texts_of(text, quoted=match[3] is not None) if matches else (text,):
                yield one, match.span(), False
    elif _ABOUT_LOGS.search(query.text):
        for match in _QUOTED.finditer(query.text):
            text = match[1] if match[1] is not None else match[2]
            if " " in text:
                yield text, match.span(), False


def _quotes(text: str) -> bool:
    """Whether a text may quote anything: most texts for people do not, and need no closer look."""
    return '"' in text or "`" in text


def is_called_message(text: str, start: int) -> bool:
    """Whether what begins at a place in a text for people is called a message: `the message "blob downloaded"`."""
    return text[max(0, start - len(" messages ")) : start].lower().rstrip().endswith((" message", " messages"))


def _texts_of(pattern: str, *, quoted: bool) -> list[str]:
    """The texts that a regular expression asks for, where it is nothing but texts, were it in any case."""
    written = pattern.replace("\\\\", "\\") if quoted else pattern
    branches = _FLAGS.sub("", written, count=1).split("|")
    plain = [one for one in branches if not _PATTERN.search(_ESCAPED.sub("", one))]
    return [_ESCAPED.sub(r"\1", one) for one in plain]


def asked_fields(query: LintedLogQuery) -> Iterator[tuple[str, Span]]:
    """The names of fields, as they are written, and where they stand."""
    parsed = _PARSED.search(query.text)
    start = parsed.end() if parsed is not None and query.logql else 0
    if query.logql and parsed is None:
        return
    if query.prose and not _quotes(query.text) and "json." not in query.text:
        return
    for match in _TERM.finditer(query.text, start):
        if not query.prose or _of_a_log(query.text, match["field"], match.start()):
            yield match["field"], match.span("field")
    if query.prose and _ABOUT_LOGS.search(query.text):
        for match in _NAME.finditer(query.text):
            number = 1 if match[1] is not None else 2
            if _of_a_log(query.text, match[number], match.start()):
                name = match[number].rstrip(".")  # the end of a sentence
                yield name, (match.start(number), match.start(number) + len(name))
    elif not query.prose:
        yield from ((match["field"], match.span("field")) for match in _NUMBER.finditer(query.text, start))
        yield from _used(query.text, start) if query.logql else ()


def _used(text: str, start: int) -> Iterator[tuple[str, Span]]:
    """The fields that LogQL reads otherwise than in a comparison, those aside that it gives a name itself."""
    given = {match[1] for match in _GIVEN.finditer(text)}
    for match in _LISTED.finditer(text):
        number = 1 if match[1] is not None else 2
        for word in _WORD.finditer(text, *match.span(number)):
            if word[0] not in given:
                yield word[0], word.span()
    for pattern in (_UNWRAPPED, _WRITTEN):
        for match in pattern.finditer(text, start):
            if match[1] not in given:
                yield match[1], match.span(1)


def _of_a_log(text: str, field: str, start: int) -> bool:
    """Whether a name in a text for people is meant as a field: not a common word, nor within a selector of PromQL."""
    selector = text.rfind("{", max(0, start - _WIDEST), start) > text.rfind("}", max(0, start - _WIDEST), start)
    return not selector and re.search(r"[_.]", field) is not None and field not in _labels()


@cache
def _labels() -> frozenset[str]:
    return frozenset(label.exposed for one in METRICS.values() for form in one.forms for label in form.labels)
