"""Go templates of annotations and labels, as far as a mistake in them is certain.

Functions and variables: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from regobs.common.closest import closest, did_you_mean
from regobs.lint.template_syntax import GIVEN, OF_VMALERT, template_fault

LABEL_USE = re.compile(
    r"(?:\$labels|\.Labels)\.([A-Za-z_][A-Za-z0-9_]*)|index[ \t]++(?:\$labels|\.Labels)[ \t]++\"([^\"\n]*+)\""
)
LEGEND_USE = re.compile(r"\{\{[ \t]*+([A-Za-z_][A-Za-z0-9_]*+)[ \t]*+\}\}")
_STRING = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"|`[^`]*+`|'(?:[^'\\\n]|\\.)*+'")
_QUERY = re.compile(r"\{\{[^{}\"`]{0,80}?\bquery[ \t]++(?:\"((?:[^\"\\\n]|\\.)++)\"|`([^`]++)`)")
_VARIABLE = re.compile(r"\$([A-Za-z_]\w*+)")
_DECLARED = re.compile(r"\$([A-Za-z_]\w*+)\s*+(?:,\s*+\$([A-Za-z_]\w*+)\s*+)?:=")
_FUNCTIONS = frozenset(
    [
        "query",
        "first",
        "label",
        "value",
        "sortByLabel",
        "humanize",
        "humanize1024",
        "humanizeDuration",
        "humanizePercentage",
        "humanizeTimestamp",
        "toTime",
        "toDuration",
        "now",
        "title",
        "toUpper",
        "toLower",
        "stripPort",
        "stripDomain",
        "graphLink",
        "tableLink",
        "parseDuration",
        "match",
        "reReplaceAll",
        "urlQueryEscape",
        "externalURL",
        "pathPrefix",
        "safeHtml",
        "strvalue",
        "args",
        "tmpl",
        "and",
        "or",
        "not",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "len",
        "index",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "call",
        "slice",
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "true",
        "false",
        "nil",
    ]
)
# app/vmalert/templates/template.go
_FUNCTIONS_OF_VMALERT = frozenset(
    {
        *("crlfEscape", "quotesEscape", "jsonEscape", "htmlEscape", "pathEscape", "queryEscape"),
        *("formatTime", "parseDurationTime"),
    }
)
_CHANGES = re.compile(r"\$value\b|\.Value\b|(?:^|\|)\s*+(?:value|now|time)\b")
_IS_VALUE = re.compile(r"-?[ \t]*+(?:printf[ \t]++\"[^\"]*+\"[ \t]++)?(?:\$value|\.Value)\b")
_FIELD = re.compile(r"(?<![\w).\]\"$])\.([A-Za-z]\w*+)")
_FIELDS = frozenset({"Labels", "ExternalLabels", "ExternalURL", "Value"})
_BLOCKS = frozenset({"if", "range", "with", "define", "block"})
_BEGINS = re.compile(r"-?\s*+([a-z]++)(?!\w)")
_PIPED = re.compile(r"(?:^|\|)\s*+([A-Za-z]\w*+)")


def _actions(text: str) -> list[str] | None:
    """What stands between `{{` and the next `}}`, each once; None where one is not closed. Linear in the text."""
    found, place = [], 0
    while (start := text.find("{{", place)) >= 0:
        end = text.find("}}", start + 2)
        if end < 0:
            return None
        found.append(text[start + 2 : end])
        place = end + 2
    return found


def queries_of(text: str) -> Iterator[str]:
    """The queries that a template writes out whole; those that it puts together are left out."""
    for match in _QUERY.finditer(text):
        yield match[1].replace('\\"', '"').replace("\\\\", "\\") if match[2] is None else match[2]


def _misspelt_fields(action: str) -> Iterator[tuple[str, str, str]]:
    """Fields of what a template is given that there are not, and whose name is close to one: `.Label.instance`."""
    for match in _FIELD.finditer(action):
        if match[1] not in _FIELDS and (near := closest(match[1], _FIELDS, 1, 0.75)):
            yield f".{match[1]}", f"a template has no field .{match[1]}", f"did you mean .{near[0]}?"


def faults(text: str) -> Iterator[tuple[str, str, str]]:
    """What is certainly wrong in a template, as the word, what it is, and what to do."""
    if "{{" not in text:
        return
    found = list(_named_faults(text))
    yield from found
    if not found and (refused := template_fault(text)) is not None:
        yield refused


def _named_faults(text: str) -> Iterator[tuple[str, str, str]]:
    """Mistakes that are known by their names, with what was meant."""
    bare = _STRING.sub('""', text)
    declared = {name for match in _DECLARED.finditer(text) for name in match.groups() if name}
    actions = _actions(bare)
    if actions is None:
        yield "{{", "a template is never closed", "write }} behind it"
        return
    begins = (_BEGINS.match(one.strip()) for one in actions)
    scoped = any(one is not None and one[1] in {"range", "with", "define"} for one in begins)
    for action in actions:
        inside = action.strip().removeprefix("-").removesuffix("-").strip()
        if inside.startswith("/*"):
            continue
        if (broken := _broken(inside)) is not None:
            yield broken
            continue
        for match in _VARIABLE.finditer(inside):
            if match[1] not in GIVEN | OF_VMALERT | declared:
                step = did_you_mean(
                    match[0], {f"${one}" for one in GIVEN}, "it is $labels, $value, $externalLabels or $externalURL"
                )
                yield match[0], f"a template has no variable {match[0]}", step
        yield from () if scoped else _misspelt_fields(inside)
        for match in _PIPED.finditer(inside):
            if match[1] not in _FUNCTIONS | _FUNCTIONS_OF_VMALERT:
                step = did_you_mean(match[1], _FUNCTIONS, "see the template reference of Prometheus")
                yield match[1], f"a template has no function {match[1]}", step
    yield from _unbalanced(actions)


def printed_values(text: str) -> Iterator[str]:
    """What of a template writes a number that changes: the value of the alert or of a query, or the time."""
    if "{{" not in text:
        return
    strings = _STRING.sub('""', text)
    for action in _actions(strings) or ():
        inside = action.strip().removeprefix("-").removesuffix("-").strip()
        begin = _BEGINS.match(inside)
        chooses = begin is not None and begin[1] in {
            "if",
            "else",
            "with",
            "range",
            "end",
            "define",
            "template",
            "block",
        }
        if not chooses and ":=" not in inside and not inside.startswith("/*") and (found := _CHANGES.search(inside)):
            yield found[0]


def value_actions(text: str) -> Iterator[tuple[str, int]]:
    """The actions that write the value of the alert, and where in the text each ends. Linear in the text."""
    place = 0
    while (start := text.find("{{", place)) >= 0 and (end := text.find("}}", start + 2)) >= 0:
        place = end + 2
        if _IS_VALUE.match(text, start + 2, end):
            yield text[start:place], place


def _broken(inside: str) -> tuple[str, str, str] | None:
    """What the parser of templates refuses in an action whose texts are empty."""
    if not inside:
        return "{{", "an action of a template is empty", "write what it shows, or remove it"
    if inside.replace('""', "").count('"') % 2 or inside.count("`") % 2:
        return "{{", "a text in a template is never closed", "close it with the quote that it begins with"
    if inside.count("(") != inside.count(")"):
        return "{{", "the parentheses of a template do not match", "close each of them"
    if ".." in inside:
        return "..", "two dots follow each other in a template", "write one"
    return None


def _unbalanced(actions: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """An `if` that does not end, and an `end` or `else` of nothing: the template cannot be parsed."""
    opened: list[tuple[str, str]] = []
    for action in actions:
        begin = _BEGINS.match(action)
        word = begin[1] if begin else ""
        if word in _BLOCKS:
            opened.append((word, action))
        elif word in {"end", "else"} and not opened:
            yield f"{{{{{action}}}}}", f"{word} stands behind no if, range or with", f"remove {word}"
            return
        elif word == "end":
            opened.pop()
    for word, action in opened[-1:]:
        yield f"{{{{{action}}}}}", f"{word} has no end", "write {{ end }} behind it"
