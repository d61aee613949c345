"""Where in a file an allowance may stand: in comments and descriptions, never in a text that is shown or asked.

In YAML that is a comment; in a dashboard the description of a panel or of the dashboard, or one of its tags; in a
query, of whatever file, a comment of PromQL or LogQL; in a page for people everything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

import yaml

from regobs.documents import Steps
from regobs.lint.linted_files import LintedFile
from regobs.lint.sources import EmbeddedSource, SourceText

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS = re.compile(r"regobs: allow")
# A text in quotes, closed or not, or a comment.
_QUERY_PART = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`[^`]*+`?|(?P<comment>#[^\n]*+)",
)


def allowance_places(file: LintedFile) -> set[int]:
    """The offsets of `regobs: allow` where it allows something."""
    if file.file.endswith(".md"):
        return {match.start() for match in _WORDS.finditer(file.text)}
    found = comments_of_yaml(file)
    for source, path, text in (*_descriptions(file), *_log_queries(file)):
        found |= {source.within(path, text, *span)[0] for span in _spans(text, queries=path[-1:] == ("expr",))}
    for query in file.all_queries():
        found |= {query.place(*span)[0] for span in _spans(query.text, queries=True)}
    return found


def comments_of_yaml(file: LintedFile) -> set[int]:
    """The offsets of `regobs: allow` in comments of YAML, which may stand for what is below them."""
    return {offset for source in file.yaml_texts for offset in _in_comments(source)}


def _in_comments(source: SourceText) -> Iterator[int]:
    """Those in the comments of a text of YAML, which may be a value of another file."""
    text = source.inner.text if isinstance(source, EmbeddedSource) else source.text
    words = [match.start() for match in _WORDS.finditer(text)]
    scalars = list(_scalars(text)) if words else []
    starts = [start for start, _ in scalars]
    for offset in words:
        at = bisect_right(starts, offset) - 1
        if at < 0 or offset >= scalars[at][1]:
            yield source.place(offset) if isinstance(source, EmbeddedSource) else offset


def _scalars(text: str) -> Iterator[tuple[int, int]]:
    """Where the texts of YAML begin and end; one of several lines begins behind its `|`, which a comment may follow."""
    for token in yaml.scan(text, Loader=_Loader):
        if isinstance(token, yaml.ScalarToken):
            start, end = token.start_mark.index, token.end_mark.index
            block = text.find("\n", start, end) + 1 if token.style in {"|", ">"} else 0
            yield block or start, end


def _descriptions(file: LintedFile) -> Iterator[tuple[SourceText, Steps, str]]:
    for board in file.dashboards:
        tags = board.data.get("tags")
        places: list[tuple[Steps, object]] = [(("description",), board.data.get("description"))]
        places += [(("tags", index), tag) for index, tag in enumerate(tags if isinstance(tags, list) else ())]
        yield from ((board.source, (*board.path, *steps), text) for steps, text in places if isinstance(text, str))
        for panel in board.panels:
            text = panel.data.get("description")
            if isinstance(text, str):
                yield panel.source, (*panel.path, "description"), text


def _log_queries(file: LintedFile) -> Iterator[tuple[SourceText, Steps, str]]:
    yield from ((one.source, one.path, one.text) for one in file.log_queries if one.logql and not one.linked)


def _spans(text: str, *, queries: bool) -> Iterator[tuple[int, int]]:
    """Where the words stand in a text, or in the comments of a query."""
    if "regobs: allow" not in text:
        return
    comments = [match.span("comment") for match in _QUERY_PART.finditer(text) if match["comment"]]
    for start, end in comments if queries else [(0, len(text))]:
        yield from (match.span() for match in _WORDS.finditer(text, start, end))
