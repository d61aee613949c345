"""The OpenSLO documents of a pack: read from its files, judged by the standard's form, sorted by their kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from regobs.common.closest import did_you_mean
from regobs.documents import Document, Steps, load_yaml_all, validate
from regobs.errors import Location, SloError
from regobs.pack import Pack, PackFile
from regobs.slo.schema import INLINE, SCHEMAS

_VERSION = "openslo/v1"
_NOT_SUPPORTED = "not supported by regobs"
_COMPOSITE = ("indicator", "indicatorRef", "compositeWeight")  # of an objective
_PARTS = frozenset({"good", "bad", "total", "raw"})  # of a ratio, each with a source
# What an entry of these lists is, and the key by which it may name a document of that kind.
_REFERENCES = {
    "alertPolicies": ("AlertPolicy", "alertPolicyRef"),
    "conditions": ("AlertCondition", "conditionRef"),
    "notificationTargets": ("AlertNotificationTarget", "targetRef"),
}


@dataclass(slots=True)
class OpensloDocuments:
    """The documents of a pack by kind; SLIs and data sources also by name, because SLOs refer to them.

    `policies` are those of the kind AlertPolicy, and `named` are the names of all documents of each kind. `unknown` are
    references to what no document defines and nothing reads, each with its place and what to do.
    """

    slos: list[Document] = field(default_factory=list)
    slis: dict[str, Document] = field(default_factory=dict)
    sources: dict[str, Document] = field(default_factory=dict)
    policies: list[Document] = field(default_factory=list)
    named: dict[str, set[str]] = field(default_factory=dict)
    unknown: list[tuple[Location, str]] = field(default_factory=list)


def read_documents(pack: Pack) -> OpensloDocuments:
    """The documents of all `alerts/*.slo.yaml` of a pack. Raises SloError for one that is no OpenSLO v1."""
    documents = OpensloDocuments()
    for file in pack.files("alerts", "*.slo.yaml"):
        _sort(file, documents)
    for document in (*documents.slos, *documents.policies):
        _check_references(document, documents)
    for document in (*documents.slos, *documents.slis.values()):
        _check_sources(document, documents)
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
        documents.named.setdefault(kind, set()).add(name)
        if kind == "SLO":
            documents.slos.append(item)
        elif kind == "SLI":
            _put(documents.slis, kind, item)
        elif kind == "DataSource":
            _put(documents.sources, kind, item)
        elif kind == "AlertPolicy":
            documents.policies.append(item)


def _put(known: dict[str, Document], kind: str, item: Document) -> None:
    """Keep a document that others name. Raises SloError for a second one of the name that says something else."""
    name = item.data["metadata"]["name"]
    first = known.setdefault(name, item)
    if first.data["spec"] != item.data["spec"]:
        place = first.locate(("metadata", "name"))
        raise SloError(
            f"the {kind} {name} is defined twice, and the two differ",
            location=item.locate(("metadata", "name")),
            value=name,
            expected=f"a name of its own; the first is at {place}",
            next_step="rename one of the two, or remove it",
        )


def documents_of(file: PackFile) -> list[Document]:
    """The documents of a file. A list in the place of a document holds several; after a last `---` there is none."""
    found = load_yaml_all(file.read(), str(file.path), error=SloError)
    return [one for document in found if document.data is not None for one in _items(document)]


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
    if kind == "SLO":
        _refuse_composite(item)
    validate(item, SCHEMAS[kind], SloError)
    return kind


def _refuse_composite(item: Document) -> None:
    """Raise SloError for an SLO of several indicators, before its form is judged by that of an SLO of one."""
    spec = item.data.get("spec")
    objectives = spec.get("objectives") if isinstance(spec, dict) else None
    for index, objective in enumerate(objectives if isinstance(objectives, list) else ()):
        key = next((one for one in _COMPOSITE if isinstance(objective, dict) and one in objective), None)
        if key is not None:
            path = ("spec", "objectives", index, key)
            raise unsupported(item, path, "a composite SLO", "one indicator, in spec", "make an SLO of each")


def _check_references(document: Document, documents: OpensloDocuments, path: Steps = ("spec",)) -> None:
    """Raise SloError for a policy, condition or target in place that is wrong; note one that is named and nowhere.

    Nothing is compiled of these documents, so a name of none changes nothing: another tool may know it.
    """
    for key, (kind, reference) in _REFERENCES.items():
        for index, entry in enumerate(document.at(path).get(key) or ()):
            place = (*path, key, index)
            named = entry.get(reference) if isinstance(entry, dict) else entry
            if named is None:
                _check_inline(document, place, kind)
                _check_references(document, documents, (*place, "spec"))
            elif named not in documents.named.get(kind, set()):
                told = _unknown(kind, str(named), documents.named.get(kind, set()))
                documents.unknown.append((document.locate((*place, reference)), told))


def _check_sources(document: Document, documents: OpensloDocuments) -> None:
    """Raise SloError for a source whose data source is of another type; note one that names none and has a type."""
    spec: Steps = ("spec",) if document.data["kind"] == "SLI" else ("spec", "indicator", "spec")
    if len(spec) > 1 and "indicator" not in document.data["spec"]:
        return
    indicator, known = document.at(spec), documents.sources
    parts: list[Steps] = [("ratioMetric", part) for part in indicator.get("ratioMetric", {}) if part in _PARTS]
    for path in parts or [("thresholdMetric",)]:
        source = document.at((*spec, *path, "metricSource"))
        kind, reference = source.get("type"), source.get("metricSourceRef")
        if kind is None or reference is None:
            continue  # what has no type is resolved where it is read
        place = (*spec, *path, "metricSource")
        if reference not in known:
            told = _unknown("DataSource", reference, known)
            documents.unknown.append((document.locate((*place, "metricSourceRef")), told))
        elif kind != "catalog" and (other := known[reference].data["spec"]["type"]).lower() != kind.lower():
            raise SloError(
                f"the metric source is of the type {kind}, and the DataSource {reference} that it names of {other}",
                location=document.locate((*place, "type")),
                value=kind,
                expected=other,
                next_step="leave out the type, or name another DataSource",
            )


def _check_inline(document: Document, path: Steps, kind: str) -> None:
    """Raise SloError for what stands in place of a reference and is no document of that kind."""
    for step in path:
        document = document.part(step)
    validate(document, INLINE[kind], SloError)


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    next_step = did_you_mean(name, sorted(known), "add it, or remove the reference")
    return f"no document of the pack is the {kind} {name}, so this reference changes nothing; {next_step}"


def unsupported(document: Document, path: Steps, what: str, expected: str, next_step: str) -> SloError:
    """An error for valid OpenSLO that has no rules here."""
    value = document.at(path)
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

    return document.locate(search(document.at(path), path) or path)
