"""The OpenSLO documents of a pack: read from its files, judged by the standard's form, sorted by their kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from regobs.common.closest import did_you_mean
from regobs.documents import Document, Steps, load_yaml_all, validate
from regobs.errors import Location, SloError
from regobs.pack import Pack, PackFile
from regobs.slo.schema import SCHEMAS

_VERSION = "openslo/v1"
_NOT_SUPPORTED = "not supported by regobs"


@dataclass(slots=True)
class OpensloDocuments:
    """The documents of a pack by kind; SLIs and data sources also by name, because SLOs refer to them."""

    slos: list[Document] = field(default_factory=list)
    slis: dict[str, Document] = field(default_factory=dict)
    sources: dict[str, Document] = field(default_factory=dict)


def read_documents(pack: Pack) -> OpensloDocuments:
    """The documents of all `alerts/*.slo.yaml` of a pack. Raises SloError for one that is no OpenSLO v1."""
    documents = OpensloDocuments()
    for file in pack.files("alerts", "*.slo.yaml"):
        _sort(file, documents)
    return documents


def _sort(file: PackFile, documents: OpensloDocuments) -> None:
    """The documents of a file, checked, each where it belongs."""
    items = documents_of(file)
    if not items:
        raise SloError(
            "the file holds no document",
            location=Location(str(file.path), 1, 1),
            expected="one OpenSLO document or more",
            next_step="write one, or remove the file",
        )
    for item in items:
        kind = _checked(item)
        name = item.data["metadata"]["name"]
        if kind == "SLO":
            documents.slos.append(item)
        elif kind == "SLI":
            documents.slis[name] = item
        elif kind == "DataSource":
            documents.sources[name] = item


def documents_of(file: PackFile) -> list[Document]:
    """The documents of a file. A list in the place of a document holds several."""
    found = load_yaml_all(file.read(), str(file.path), error=SloError)
    return [one for document in found for one in _items(document)]


def _items(document: Document) -> list[Document]:
    if isinstance(document.data, list):
        return [document.part(index) for index in range(len(document.data))]
    return [document]


def _checked(item: Document) -> str:
    """The kind of a document that is OpenSLO v1. Raises SloError."""
    data = item.data if isinstance(item.data, dict) else {}
    version, kind = str(data.get("apiVersion", data.get("version", ""))), str(data.get("kind", ""))
    if version != _VERSION:
        key = "apiVersion" if "apiVersion" in data else "version"
        raise SloError(
            f"the format {version} is {_NOT_SUPPORTED}" if version else "the document has no apiVersion",
            location=item.locate((key,)) if version else item.locate(),
            value=version or None,
            expected=_VERSION,
            next_step="write it as OpenSLO v1; docs/openslo.md says which part is compiled",
        )
    if kind not in SCHEMAS:
        raise SloError(
            f"the kind {kind} is {_NOT_SUPPORTED}" if kind else "the document has no kind",
            location=item.locate(("kind",)),
            value=kind or None,
            expected=f"one of {', '.join(SCHEMAS)}",
            next_step=did_you_mean(kind, SCHEMAS, "remove the document, or correct its kind"),
        )
    validate(item, SCHEMAS[kind], SloError)
    return kind


def unsupported(document: Document, path: Steps, what: str, expected: str, next_step: str) -> SloError:
    """An error for valid OpenSLO that has no rules here."""
    value: Any = document.data
    for step in path:
        value = value.get(step) if isinstance(value, dict) else value[step]
    shown = value if isinstance(value, (str, int, Decimal, bool)) else None
    return SloError(
        f"{what} is {_NOT_SUPPORTED}",
        location=document.locate(path),
        value=shown,
        expected=expected,
        next_step=next_step,
    )


def place_of(document: Document, path: Steps, value: object) -> Location:
    """Where the value stands that an error is about: deeper than the source when one leaf of it has that text."""

    def search(data: Any, steps: Steps) -> Steps | None:
        if isinstance(data, dict):
            if value in data:
                return (*steps, str(value))
            return next((found for key, one in data.items() if (found := search(one, (*steps, key)))), None)
        if isinstance(data, list):
            return next((found for i, one in enumerate(data) if (found := search(one, (*steps, i)))), None)
        return steps if str(data) == str(value) else None

    data = document.data
    for step in path:
        data = data[step]
    return document.locate(search(data, path) or path)
