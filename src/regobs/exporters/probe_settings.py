"""The settings of `regobs export probe`: targets, their credentials by file, and how often each step runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from regobs.catalog.probe import RESULTS, STEPS
from regobs.common.addresses import fault_of_url
from regobs.documents import Document, read_yaml, validate
from regobs.errors import ConfigError
from regobs.exporters.outside import Origin, Trust
from regobs.exporters.secret_files import read_secret
from regobs.prometheus.address import redact
from regobs.promql.durations import read_duration

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_REPOSITORY = rf"{_PART}(?:/{_PART})*"  # OCI distribution 1.1, <name>
_LONGEST_REPOSITORY = 255
# What one process can tell apart: a family has at most 5,000 series, and that of runs one for each result of each step.
MOST_TARGETS = 5_000 // (len(STEPS) * len(RESULTS))


@dataclass(frozen=True, slots=True)
class StepTiming:
    """How often a step runs and how long it may take, in seconds."""

    every: float
    within: float


# Reaching it costs the registry next to nothing; an image pushed each minute is an image deleted each minute.
_REACH, _PULL, _PUSH = StepTiming(10, 5), StepTiming(30, 5), StepTiming(60, 10)
DEFAULT_TIMING: Mapping[str, StepTiming] = {
    **dict.fromkeys(("resolve", "connect", "tls", "auth", "base", "health"), _REACH),
    **dict.fromkeys(("pull_manifest", "pull_blob"), _PULL),
    **dict.fromkeys(("push", "read_back", "delete"), _PUSH),
}


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One registry, by its public address. `name` is the value of the label `target`."""

    name: str
    url: str
    repository: str = "regobs/probe"
    username_file: Path | None = None
    password_file: Path | None = None
    trust: Trust = field(default_factory=Trust)
    debug_url: str = ""
    push: bool = True
    delete: bool = True

    def credentials(self, *, waits: bool = False) -> tuple[str, str]:
        """User and password, read anew each time so that they can be changed; empty texts where none are set.

        Raises ConfigError for a file that cannot be read; `waits` as `read_secret` has it.
        """
        return read_secret(self.username_file, waits=waits), read_secret(self.password_file, waits=waits)

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that this target has, in their order."""
        absent = set() if self.url.startswith("https:") else {"tls"}
        if not self.push:
            absent |= {"push", "read_back", "delete"}
        if not self.delete:
            absent.add("delete")
        if not self.debug_url:
            absent.add("health")
        return tuple(step for step in STEPS if step not in absent)


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """What a probe process does."""

    targets: tuple[ProbeTarget, ...]
    timing: Mapping[str, StepTiming] = field(default_factory=lambda: DEFAULT_TIMING)
    without_effect: tuple[str, ...] = ()  # what the file sets for nothing


_TEXT = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^[^\x00-\x1f\x7f]+$",
    "description": "text without control characters",
}
# Of `every`: from once a second, as a round is some ten requests, to once a day. Of `within`: a millisecond is what a
# clock of a network tells, and what takes longer than ten minutes hides each outage until then.
_BOUNDS = {"every": (1.0, 86_400.0, "1s to 1d"), "within": (0.001, 600.0, "1ms to 10m")}
_REASONS = {
    "every": "a round is about ten requests to the registry, and a step that rests longer is no probe",
    "within": "longer than that a step that hangs would be told as none",
}
_DEBUG = "/debug/health stands at the root of a registry's debug port"
_DURATION = {"type": "string", "description": "a duration such as 10s or 1m"}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["targets"],
    "properties": {
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "url"],
                "properties": {
                    "name": {
                        **_TEXT,
                        "maxLength": 100,
                        "pattern": r"^[^\x00-\x1f\x7f\s](?:[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s])?$",
                        "description": "text without control characters, with no space at its begin and end",
                    },
                    "url": _TEXT,
                    "repository": {
                        "type": "string",
                        "pattern": f"^{_REPOSITORY}$",
                        "maxLength": _LONGEST_REPOSITORY,
                        "description": "a repository name such as regobs/probe",
                    },
                    "debug_url": _TEXT,
                    "push": {"type": "boolean"},
                    "delete": {"type": "boolean"},
                    **dict.fromkeys(
                        ("username_file", "password_file", "ca_file", "certificate_file", "key_file"), _TEXT
                    ),
                },
            },
        },
        "steps": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                step: {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"every": _DURATION, "within": _DURATION},
                }
                for step in STEPS
            },
        },
    },
}


def read_probe_settings(file: Path) -> ProbeSettings:
    """Read and judge a settings file. Raises ConfigError with the place of what is wrong."""
    try:
        document = read_yaml(file, error=ConfigError)
    except OSError as fault:
        raise ConfigError(
            "the settings cannot be read", value=f"{file}: {fault.strerror}", next_step="name a readable file"
        ) from None
    validate(document, _SCHEMA, ConfigError)
    rows: list[dict[str, Any]] = document.data["targets"]
    if len(rows) > MOST_TARGETS:
        raise ConfigError(
            "too many targets for one process",
            location=document.locate(("targets", MOST_TARGETS)),
            value=f"{len(rows)}",
            expected=f"at most {MOST_TARGETS}: the series of those above would be `other`",
            next_step="share them out between several files, each with a process of its own",
        )
    targets = tuple(_target(document, index, file.parent) for index in range(len(rows)))
    for index, row in enumerate(rows):
        if row["name"] in [other["name"] for other in rows[:index]]:
            raise ConfigError(
                "two targets have the same name",
                location=document.locate(("targets", index, "name")),
                value=row["name"],
                expected="each name once: it is the label that tells their series apart",
                next_step="rename one",
            )
        place = (Origin.of(targets[index].url).known_as, targets[index].repository)
        if place in [(Origin.of(other.url).known_as, other.repository) for other in targets[:index]]:
            raise ConfigError(
                "two targets have the same repository",
                location=document.locate(("targets", index, "name")),
                value=f"{row['name']}: {targets[index].url}, {targets[index].repository}",
                expected="each url and repository once: a probe removes what earlier ones left there",
                next_step="name another repository, or take one target off",
            )
    return ProbeSettings(targets, _timing(document), tuple(_without_effect(document, targets)))


def checked_repository(name: str) -> str:
    """A name that a registry takes. Raises ConfigError."""
    if len(name) > _LONGEST_REPOSITORY or not re.fullmatch(_REPOSITORY, name):
        raise ConfigError(
            "this is no name of a repository",
            value=name[:_LONGEST_REPOSITORY],
            expected="parts of a-z and 0-9, joined by `/`, and within a part by `.`, `_`, `__` or hyphens; at most 255",
            next_step="name one such as regobs/probe",
        )
    return name


def checked_url(url: str, place: dict[str, Any], root: str = "/v2/ stands at the root of a registry's host") -> str:
    """An http or https address without path, query and credentials, as `root` says. Raises ConfigError."""
    if fault := fault_of_url(url, query=True):
        raise ConfigError(
            f"the address {fault}",
            value=None if "@" in url else redact(url),  # with an @ it may hold a password
            expected="scheme and host, such as https://registry.example.com",
            next_step="put user and password into files and name these" if "credentials" in fault else "correct it",
            **place,
        )
    parts, origin = urlsplit(url), Origin.of(url)
    if parts.path.strip("/") or "?" in url or "#" in url:
        raise ConfigError(
            "the address has more than scheme, host and port",
            value=url.partition("?")[0].partition("#")[0],
            expected=f"{origin.scheme}://{origin.authority}: {root}",
            next_step="take off what follows the host",
            **place,
        )
    return f"{origin.scheme}://{parts.netloc}"


def _target(document: Document, index: int, directory: Path) -> ProbeTarget:
    row: dict[str, Any] = document.data["targets"][index]

    def place(key: str) -> dict[str, Any]:
        return {"location": document.locate(("targets", index, key))}

    def file(key: str) -> Path | None:
        return directory / row[key] if key in row else None

    if row.get("delete") and not row.get("push", True):
        raise ConfigError(
            "delete without push",
            expected="push: true; what is deleted is what was pushed",
            next_step="take off `delete`",
            **place("delete"),
        )
    if ("username_file" in row) != ("password_file" in row):
        raise ConfigError(
            "user and password belong together",
            expected="both username_file and password_file, or neither",
            next_step="add the other one",
            **place("username_file" if "username_file" in row else "password_file"),
        )
    if "key_file" in row and "certificate_file" not in row:
        raise ConfigError(
            "a key without its certificate",
            expected="both certificate_file and key_file, or certificate_file alone, which may hold the key too",
            next_step="add certificate_file, or take key_file off",
            **place("key_file"),
        )
    trust = Trust(file("ca_file"), file("certificate_file"), file("key_file"))
    trust.context()
    push = row.get("push", True)
    target = ProbeTarget(
        name=row["name"],
        url=checked_url(row["url"], place("url")),
        repository=row.get("repository", "regobs/probe"),
        username_file=file("username_file"),
        password_file=file("password_file"),
        trust=trust,
        debug_url=checked_url(row["debug_url"], place("debug_url"), _DEBUG) if "debug_url" in row else "",
        push=push,
        delete=row.get("delete", push),
    )
    target.credentials(waits=True)
    return target


def _without_effect(document: Document, targets: tuple[ProbeTarget, ...]) -> Iterator[str]:
    """What the file sets for nothing, with its place. A token service and a redirect may have TLS all the same."""
    for index, (target, row) in enumerate(zip(targets, document.data["targets"], strict=True)):
        if target.url.startswith("https:") or target.debug_url.startswith("https:"):
            continue
        for key in ("ca_file", "certificate_file", "key_file"):
            if key in row:
                place = document.locate(("targets", index, key))
                yield f"{place}: {key} counts only where a token service or a redirect has TLS: the url has none"
    for step in document.data.get("steps", {}):
        if not any(step in target.steps for target in targets):
            yield f"{document.locate(('steps', step))}: no target has the step {step}: its times have no effect"


def _timing(document: Document) -> dict[str, StepTiming]:
    told: dict[str, dict[str, str]] = document.data.get("steps", {})
    timing = dict(DEFAULT_TIMING)
    for step, row in told.items():
        seconds = {key: _seconds(document, step, key) for key in row}
        timing[step] = StepTiming(
            every=seconds.get("every", timing[step].every), within=seconds.get("within", timing[step].within)
        )
    return timing


def _seconds(document: Document, step: str, key: str) -> float:
    text = document.data["steps"][step][key]
    found = read_duration(text)
    if found is None or found.macro or found.ms <= 0:
        raise ConfigError(
            f"{key} is not a duration",
            location=document.locate(("steps", step, key)),
            value=text,
            expected="a time above zero such as 10s or 1m",
            next_step="correct it",
        )
    least, most, words = _BOUNDS[key]
    seconds = found.ms / 1000
    if not least <= seconds <= most:
        raise ConfigError(
            f"{key} is too {'short' if seconds < least else 'long'}",
            location=document.locate(("steps", step, key)),
            value=text,
            expected=f"{words}: " + _REASONS[key],
            next_step="take one in between",
        )
    return seconds
