"""What Elasticsearch's ingest processors do to a document, as far as our pipeline uses them. A stub: it runs no server.

Source: Elasticsearch reference 9, "Ingest processor reference". An option or a condition that is not known here fails
the test, so that nothing is passed by that nobody looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from regobs.logs.elasticsearch import pipeline as ours

Document = dict[str, Any]
NOW = "2026-11-25T00:00:00.000Z"
_COMMON = {"if", "ignore_failure", "on_failure"}


class NotDoneError(Exception):
    """A processor that cannot do its work."""


def ingest(pipeline: Document, document: Document) -> Document:
    """The document as it is indexed."""
    made: Document = json.loads(json.dumps(document))
    for processor in pipeline["processors"]:
        _run(processor, made)
    return made


def _run(processor: Document, document: Document) -> None:
    ((name, options),) = processor.items()
    allowed, work = _PROCESSORS[name]
    assert set(options) <= allowed | _COMMON, f"{name}: {set(options) - allowed - _COMMON}"
    if "if" in options and not _condition(options["if"], document):
        return
    try:
        work(options, document)
    except NotDoneError:
        if "on_failure" in options:
            for step in options["on_failure"]:
                _run(step, document)
        elif not options.get("ignore_failure"):
            raise


def _condition(text: str, document: Document) -> bool:
    """The conditions that we write, each by its text."""
    if text == ours.IS_JSON:
        return isinstance(document.get("message"), str) and document["message"].startswith("{")
    if " && " in text:
        return all(_condition(part, document) for part in text.split(" && "))
    if found := re.fullmatch(r"ctx\.(\w+) instanceof Number", text):
        return isinstance(document.get(found[1]), int | float)
    if found := re.fullmatch(re.escape(ours.IS_NO_NUMBER).replace(r"\{0\}", "(.*?)"), text):
        return not isinstance(document.get(found[1]), int | float)
    found = re.fullmatch(r"ctx\.(\w+) != null", text)
    assert found is not None, f"a condition that is not known: {text}"
    return document.get(found[1]) is not None


def _place(path: str, document: Document, *, make: bool = False) -> tuple[Document, str]:
    """The object that holds the last name of a path; NotDoneError when there is none."""
    if path in document:
        return document, path
    *outer, last = path.split(".")
    here: Any = document
    for name in outer:
        here = here.setdefault(name, {}) if make and isinstance(here, dict) else _inner(here, name)
        if not isinstance(here, dict):
            raise NotDoneError(path)
    return here, last


def _inner(here: Any, name: str) -> Any:
    return here.get(name) if isinstance(here, dict) else None


def _value(options: Document, document: Document) -> Any:
    """The value of the field; None when it is missing and may be."""
    try:
        here, last = _place(options["field"], document)
        return here[last]
    except (NotDoneError, KeyError):
        if options.get("ignore_missing"):
            return None
        raise NotDoneError(options["field"]) from None


def _rename(options: Document, document: Document) -> None:
    value = _value(options, document)
    if value is None and options.get("ignore_missing"):
        return
    here, last = _place(options["target_field"], document, make=True)
    if last in here:
        raise NotDoneError("the target is there")
    old, name = _place(options["field"], document)
    del old[name]
    here[last] = value


def _json(options: Document, document: Document) -> None:
    try:
        read = json.loads(_value(options, document))
    except ValueError:
        raise NotDoneError("no JSON") from None
    if not isinstance(read, dict):
        raise NotDoneError("no object")
    document |= read


def _remove(options: Document, document: Document) -> None:
    names = options["field"] if isinstance(options["field"], list) else [options["field"]]
    for name in names:
        if document.pop(name, None) is None and not options.get("ignore_missing"):
            raise NotDoneError(name)


def _expand(options: Document, document: Document) -> None:
    assert options["field"] == "*"
    for name in [name for name in document if "." in name]:
        value = document.pop(name)
        here, last = _place(name, document, make=True)
        here[last] = value


def _gsub(options: Document, document: Document) -> None:
    value = _value(options, document)
    if value is None:
        return
    texts = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in texts):
        raise NotDoneError("no text")
    # With re.ASCII the classes and the case of Python are those of Java; tests/e2e has a Java that says so.
    pattern = re.compile(options["pattern"], re.ASCII)
    replaced = [pattern.sub(re.sub(r"\$(\d+)", r"\\g<\1>", options["replacement"]), text) for text in texts]
    here, last = _place(options["field"], document)
    here[last] = replaced if isinstance(value, list) else replaced[0]


def _uppercase(options: Document, document: Document) -> None:
    value = _value(options, document)
    if value is None:
        return
    if not isinstance(value, str):
        raise NotDoneError("no text")
    here, last = _place(options["field"], document)
    here[last] = value.upper()


def _script(options: Document, document: Document) -> None:
    assert options["source"] == ours.SCALE
    values = options["params"]
    document[values["to"]] = int(Decimal(str(document.pop(values["from"]))) * Decimal(values["factor"]))


def _date(options: Document, document: Document) -> None:
    assert options["formats"] == ["ISO8601"]
    value = _value(options, document)
    try:
        datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise NotDoneError("no time") from None
    document["@timestamp"] = value


def _set(options: Document, document: Document) -> None:
    assert options["value"] == "{{{_ingest.timestamp}}}"
    if not options["override"] and document.get(options["field"]) is not None:
        return
    document[options["field"]] = NOW


_PROCESSORS: dict[str, tuple[set[str], Callable[[Document, Document], None]]] = {
    "rename": ({"field", "target_field", "ignore_missing"}, _rename),
    "json": ({"field", "add_to_root"}, _json),
    "remove": ({"field", "ignore_missing"}, _remove),
    "dot_expander": ({"field"}, _expand),
    "gsub": ({"field", "pattern", "replacement", "ignore_missing"}, _gsub),
    "uppercase": ({"field", "ignore_missing"}, _uppercase),
    "script": ({"source", "params"}, _script),
    "date": ({"field", "formats"}, _date),
    "set": ({"field", "value", "override"}, _set),
}
