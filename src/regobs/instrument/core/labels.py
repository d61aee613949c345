"""Which label values a family may take: the closed ones of the catalog, open ones up to a cap, nothing personal.

A value that may not be is folded into one overflow value and counted, so the number of series has a ceiling whatever
clients send.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from regobs.errors import InstrumentError
from regobs.instrument.core.text import readable, safe_repr

if TYPE_CHECKING:
    from regobs.catalog.model import Form, Label, Metric

OVERFLOW = "other"
_UNKNOWN = "unknown"  # the registry's own word where it has one: method, status of a migration
DEFAULT_CAP = 100
_LONGEST = 200  # characters of an open value; the longest real ones are media types and names of queries

# One series for each of these would grow without end or name a person; the logs carry them instead.
FORBIDDEN = frozenset(
    {
        "addr", "address", "blob", "client", "correlation_id", "host", "namespace", "namespace_path", "path", "peer",
        "project", "project_path", "remote", "remote_addr", "request_id", "x_forwarded_for",
    }
)  # fmt: skip
# Nor may a name have one of these words in it: `imageTag`, `manifest_digest`, `auth_user_name`, `source_ip`.
FORBIDDEN_WORDS = frozenset(
    {
        "account", "actor", "digest", "digests", "email", "image", "images", "ip", "layer", "login", "manifest", "ref",
        "reference", "repo", "repos", "repositories", "repository", "sha", "sha256", "tag", "tagname", "tags", "uri",
        "url", "user", "userid", "username", "users", "uuid",
    }
)  # fmt: skip
# The processes of `regobs export`.
_EXPORTERS = frozenset({"log_exporter", "registry_probe", "notification_exporter", "database_exporter"})
_NAME = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII).fullmatch
_TAKEN = {"histogram": {"le"}, "summary": {"quantile"}}  # by the format itself
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


def forbid_unwritable(metric: Metric, names: Sequence[str]) -> None:
    """Raise InstrumentError for label names which Prometheus does not take or reads otherwise."""
    taken = _TAKEN.get(metric.kind, set[str]())
    if len(set(names)) < len(names) or not all(_NAME(name) and name not in taken for name in names):
        raise InstrumentError(
            f"{metric.name}: Prometheus does not take these names of labels together",
            value=safe_repr(names),
            expected="letters, digits and _, no __ in front, each once, and none that this kind of metric sets itself",
        )


def forbid_personal(metric: Metric, form: Form) -> None:
    """Raise InstrumentError for an open label that would hold a repository, digest, tag, user or address.

    Exporters may have a namespace: they bound its values themselves, by how frequent or large each is.
    """
    if metric.exposer in _EXPORTERS:
        return
    for label in form.labels:
        if label.values is None and (_is_personal(label.name) or _is_personal(label.exposed)):
            raise InstrumentError(
                f"{metric.name}: {label.exposed} can not be a label",
                value=label.exposed,
                expected="labels whose values are few and name no repository, digest, tag, user or address",
                next_step="write it into a log line, or count it with the bounded top list of the exporters",
            )


def _is_personal(name: str) -> bool:
    return name.lower() in FORBIDDEN or not FORBIDDEN_WORDS.isdisjoint(word.lower() for word in _WORD.findall(name))


class LabelValues:
    """The values of one label of one family. Calls that may add a value are made under the family's lock."""

    __slots__ = ("_closed", "_own", "_words", "accepted", "cap", "label", "overflow")

    def __init__(self, label: Label, cap: int) -> None:
        self.label = label
        self.cap = cap
        self._closed = None if label.values is None else frozenset(label.values)
        self._words: Mapping[str, str] = label.words
        self.accepted: set[str] = set()
        self._own: list[str] = []
        self.overflow = _UNKNOWN if self._closed is not None and _UNKNOWN in self._closed else OVERFLOW

    @property
    def closed(self) -> tuple[str, ...] | None:
        """The closed values as exposed, those of the application last; None when open."""
        return None if self.label.values is None else (*self.label.values, *self._own)

    def declare(self, values: Iterable[str]) -> None:
        """Take these values of an application too. ValueError for more than the cap allows, TypeError for no text."""
        new = [text for text in dict.fromkeys(map(spelled, values)) if text not in (self._closed or self.accepted)]
        if len(self._own) + len(new) > self.cap or any(len(text) > _LONGEST for text in new):
            raise ValueError
        self._own += new
        if self._closed is None:
            self.accepted.update(new)
        else:
            self._closed |= set(new)

    def forget(self, text: str) -> None:
        """Make room for another value in the place of this one, unless the application has declared it."""
        if text not in self._own:
            self.accepted.discard(text)

    def admit(self, text: str) -> tuple[str, bool]:
        """The exposed value of a text that `spelled` gave, and whether it was let in."""
        if self._closed is not None:
            exposed = self._words.get(text, text)
            return (exposed, True) if exposed in self._closed else (self.overflow, False)
        text = self._words.get(text, text)
        if text in self.accepted:
            return text, True
        if len(text) <= _LONGEST:
            from regobs.secrets import redacted_text  # noqa: PLC0415 (an import of the library does without it)

            text = redacted_text(text)  # an address with a password, a DSN
            if text in self.accepted:
                return text, True
        if len(self.accepted) >= self.cap or len(text) > _LONGEST or _is_digest(text):
            return self.overflow, text == self.overflow
        self.accepted.add(text)
        return text, True


def spelled(value: object) -> str:
    """A label value as text: `true` and `false` for a bool, digits for an int. TypeError for anything else.

    What cannot be written or read is replaced.
    """
    if isinstance(value, str):
        text = str.__str__(value)
        return readable(text)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        try:
            return int.__repr__(value)
        except ValueError:  # more digits than Python writes
            return OVERFLOW
    raise TypeError(f"a label value is a str, bool or int, not {type(value).__name__}")


def _is_digest(text: str) -> bool:
    algorithm, colon, digits = text.partition(":")
    hexadecimal = len(digits) >= 32 and digits.isascii() and digits.isalnum()
    return bool(colon and algorithm.isalnum() and hexadecimal)


def crossed(choices: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Every combination of one value a label."""
    rows: list[tuple[object, ...]] = [()]
    for values in choices:
        rows = [(*row, value) for row in rows for value in values]
    return rows
