"""The configuration of an Alertmanager: its file, or that of a tenant of Cortex or Mimir.

The build has routes and inhibitions, and the names of receivers. What receivers are, and what is global, stands in a
file of the deployment's own, as it has secrets: they go from there to the server, and into no plan, state or error.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from regobs.common.programs import find_program
from regobs.deploy.alertmanager_places import OBJECT, ConfigPlace, Json, config_mapping
from regobs.deploy.replaced_configs import ReplacedConfigs
from regobs.deploy.state import Objects
from regobs.deploy.target import NOT_WHOLE, PlannedChange
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, MachineError, RulesError, ServerError
from regobs.promql.durations import read_duration
from regobs.secrets import MASK

FILE = "alertmanager/alertmanager.yaml"  # of a build
_ROUTING = ("route", "inhibit_rules")
_OF_OURS, _OF_OTHERS = "as in the receivers file", "other than in the receivers file"
_UNREAD = "cannot be read: "  # begins what is shown of a configuration that is none
_OF_BEFORE = "as in the receivers file when it was deployed"
_MARK = b"# regobs deploy wrote what follows; its SHA-256: "  # of the place where the secrets are anyway
_SHORTEST_SECRET = 4  # characters: what is shorter would blank half of an error
_SAID = 400  # characters of what a server or amtool says


class AlertmanagerConfig:
    """One object: the routing, the names of the receivers, and whether their contents are those of `receivers`.

    What others wrote is kept beside the file `beside` when it is replaced, by default beside `receivers`: both are
    where secrets are anyway.
    """

    keeps_bytes: Literal[True] = True
    left_out = (
        "what the receivers file says, with its secrets, is in no state and does not go back: it stays as it is now"
    )

    def __init__(self, name: str, place: ConfigPlace, receivers: Path, beside: Path | None = None) -> None:
        self._name, self._place, self._receivers = name, place, receivers
        self._replaced, self._beside = ReplacedConfigs(beside or receivers), beside
        self._whole: dict[bytes, bytes] = {}  # what was read, with its secrets, by what is shown of it

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The routing of a build."""
        data = load_yaml(files[FILE], FILE, error=RulesError).data
        return {OBJECT: _shown(data, _OF_OURS)}

    def read(self) -> dict[str, bytes]:
        """What is there, without the contents of receivers."""
        content = self._place.read()
        if content is None:
            return {}
        shown = self._as_shown(content)
        self._whole[shown] = content
        return {OBJECT: shown}

    def _as_shown(self, content: bytes) -> bytes:
        try:
            data = config_mapping(content, str(self._beside) if self._beside else OBJECT)
            names = _names(data)
            _parts({**data, "contents": ""})
        except (*NOT_WHOLE, InputError) as error:
            return dump_yaml({"contents": _unread(error), "sha256": hashlib.sha256(content).hexdigest()}).encode()
        own = {key: value for key, value in data.items() if key not in _ROUTING}
        otherwise = _OF_BEFORE if _unedited(content) else _OF_OTHERS
        return _shown(data, _OF_OURS if own == self._own(names) else otherwise)

    def _own(self, names: list[str]) -> Json:
        """What the receivers file says, with the receivers that are asked for, in their order."""
        data = self._given()
        if strange := next((key for key in _ROUTING if key in data), ""):
            raise InputError(
                f"the receivers file has a {strange}, which comes from the build",
                value=str(self._receivers),
                next_step=f"change alerts/routing.yaml of the pack instead, and remove {strange} from this file",
            )
        given = {one["name"]: one for one in data.get("receivers") or () if isinstance(one, dict) and "name" in one}
        return {**data, "receivers": [given[name] for name in names if name in given]}

    def _given(self) -> Json:
        try:
            content = self._receivers.read_bytes()
        except OSError as error:
            raise MachineError(
                "the receivers file cannot be read",
                value=f"{self._receivers}: {error.strerror}",
                next_step="write it, or correct `receivers` of this target in regobs.toml",
            ) from None
        return config_mapping(content, str(self._receivers))

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is the one object that there is."""
        return name == OBJECT and isinstance(config_mapping(content), dict)

    def check(self, objects: Objects) -> None:
        """Refuse a receiver without contents, and what amtool refuses where it is installed."""
        self.refuse(objects)
        for content in objects.values():
            self._refuse(self._rendered(content))

    def refuse(self, objects: Objects) -> None:
        """Refuse a receivers file that lacks a receiver, or that is none."""
        for content in objects.values():
            names = _names(config_mapping(content))
            given = {one["name"] for one in self._own(names)["receivers"]}
            if lacking := [name for name in names if name not in given]:
                raise InputError(
                    "the receivers file lacks a receiver that alerts are routed to",
                    value=f"{self._receivers}: {', '.join(lacking)}",
                    expected=f"each of {', '.join(names)}; one with nothing but a name tells nobody",
                    next_step="add it there",
                )

    def _refuse(self, content: bytes) -> None:
        try:
            amtool = find_program("amtool", package="prometheus-alertmanager")
        except MachineError:
            return  # the server itself judges it when it reads it
        command = [str(amtool), "check-config", "/dev/stdin"]  # a file would leave the secrets on the disk
        done = subprocess.run(command, input=content, check=False, capture_output=True)
        if done.returncode != 0:
            raise InputError(
                "amtool refuses the configuration",
                value=self._told((done.stdout + done.stderr).decode(errors="replace")),
                next_step="correct the pack or the receivers file; nothing was changed",
            )

    def _rendered(self, shown: bytes) -> bytes:
        """The whole configuration."""
        data = config_mapping(shown)
        own = self._own(_names(data))
        return marked(dump_yaml({**own, **{key: data[key] for key in _ROUTING if key in data}}).encode())

    def write(self, before: Objects, after: Objects) -> None:
        """The whole configuration in one step: what was there as it was read, anything else with the receivers file."""
        self._replaced.clean()
        content = self._whole_of(after[OBJECT]) if OBJECT in after else None
        there = self._whole.get(before[OBJECT]) if OBJECT in before else None
        if there is not None and there != content and not _unedited(there):
            self._replaced.keep(there)
        try:
            self._place.write(content, there)
        except ServerError as error:
            error.value = self._told(str(error.value or ""))
            raise
        if content is not None:
            self._replaced.drop(content)

    def _whole_of(self, shown: bytes) -> bytes:
        """The configuration with its secrets. Raises MachineError for one of others that is nowhere any more."""
        contents, read = config_mapping(shown)["contents"], self._whole.get(shown)
        if read is not None and (contents != _OF_OURS or self._as_shown(read) == shown):  # not with older receivers
            return read
        if contents != _OF_OTHERS and not self.unread_reason(shown):
            return self._rendered(shown)
        for content in self._replaced.all():
            with suppress(InputError):  # somebody changed what is kept
                if self._as_shown(content) == shown:
                    return content
        raise MachineError(
            "what was there cannot be put back: its receivers stand in no file of ours",
            value=str(self._receivers),
            next_step="put the configuration back by hand, or its receivers into this file",
        )

    def _told(self, text: str) -> str:
        """What a server or a tool says, without the values of the receivers file."""
        for secret in sorted(set(_texts(self._given())), key=len, reverse=True):
            text = text.replace(secret, MASK)
        return " ".join(text.split())[:_SAID]

    def verify(self, objects: Objects) -> None:
        """What is in use routes and inhibits as was deployed. What others wrote is not judged."""
        if key := self._unused(objects):
            raise ServerError(
                f"another {key} is in use than was deployed",
                expected="that of the build",
                next_step="see what else writes this configuration, and deploy again",
            )

    def _unused(self, objects: Objects) -> str:
        """The part of a configuration that is in use otherwise than it is here, "" for none. Raises ServerError."""
        for content in objects.values():
            data = config_mapping(content)
            if data["contents"] != _OF_OTHERS and not self.unread_reason(content):
                loaded = self._place.loaded()
                return next((key for key in _ROUTING if _plain(loaded.get(key)) != _plain(data.get(key))), "")
        return ""

    def unread(self, objects: Objects) -> str:
        """Whether other routes or inhibitions are in use than are there, as after a reload that never came."""
        with suppress(ServerError):
            key = self._unused(objects)
            return f"another {key} is in use than is there" if key else ""
        return ""

    def unread_reason(self, live: bytes) -> str:
        """Why what is there is no configuration, "" where it is one."""
        contents = str(config_mapping(live).get("contents", ""))
        return contents.removeprefix(_UNREAD) if contents.startswith(_UNREAD) else ""

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal, in whatever order their keys are written."""
        return ours == live or config_mapping(ours) == config_mapping(live)

    def untouched(self, ours: bytes, live: bytes) -> bool:
        """Whether what is live is what we wrote, if with receivers that their file has no longer."""
        data = config_mapping(live)
        return self.same(ours, live) or (data["contents"] == _OF_BEFORE and self.same(ours, _shown(data, _OF_OURS)))

    def announce(self, text: str) -> None:
        """Nothing: an Alertmanager shows no such things."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Routes, inhibitions and receivers that are added, removed and changed."""
        sides = [_parts(config_mapping(side[OBJECT])) if side else {} for side in (before, after)]
        found = []
        for thing in dict.fromkeys((*sides[0], *sides[1])):
            old, new = (side.get(thing) for side in sides)
            if old != new:
                what = "added" if old is None else "removed" if new is None else "changed"
                found.append(PlannedChange(thing, what, old or "", new or ""))
        return found


def marked(content: bytes) -> bytes:
    """A configuration that tells later that nobody changed it since."""
    return _MARK + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _unedited(content: bytes) -> bool:
    return content.startswith(_MARK) and content == marked(content.partition(b"\n")[2])


def _unread(error: Exception) -> str:
    """Why a configuration is none: the place and the kind of the fault, and nothing of its text, which has secrets."""
    if isinstance(error, InputError):
        return f"{_UNREAD}{f'{error.location}: ' if error.location else ''}{error.message}"
    return f"{_UNREAD}its routes, inhibitions or receivers are of another shape than those of an Alertmanager"


def _names(data: Json) -> list[str]:
    return [str(one["name"]) for one in data.get("receivers") or () if isinstance(one, dict) and "name" in one]


def _shown(data: Json, contents: str) -> bytes:
    """What may be kept and shown of a configuration."""
    routing = {key: data[key] for key in _ROUTING if key in data}
    return dump_yaml({**routing, "receivers": [{"name": name} for name in _names(data)], "contents": contents}).encode()


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value that might be a secret, but for names."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "name":
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
        yield value


def _plain(value: Any) -> Any:
    """A value however a server writes it: without what is empty or false, times in milliseconds, matchers bare."""
    if isinstance(value, dict):
        found = {key: _plain(one) for key, one in value.items()}
        return {key: one for key, one in found.items() if one not in (None, False, "", [], {})}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        read = read_duration(value)
        return read.ms if read is not None and not read.macro else value.replace('"', "").replace(" ", "")
    return value


def _parts(data: Json) -> dict[str, str]:
    """Each route, inhibition and receiver by what tells it from others, with what is set there."""
    found = {f"receiver {name}": name for name in _names(data)}
    found |= {"contents of receivers": str(data.get("contents"))}
    found |= dict(_routes(data.get("route") or {}, "route"))
    for one in data.get("inhibit_rules") or ():
        sides = [", ".join(map(str, one.get(f"{side}_matchers") or ())) for side in ("source", "target")]
        found[f"inhibition of {sides[1]} by {sides[0]}"] = ", ".join(map(str, one.get("equal") or ()))
    return found


def _routes(route: Json, place: str) -> Iterator[tuple[str, str]]:
    settings = {key: value for key, value in route.items() if key not in {"routes", "matchers"}}
    first = dict(sorted(settings.items(), key=lambda one: (one[0] != "receiver", one[0])))  # however it is written
    yield place, dump_yaml(first).strip().replace("\n- ", " ").replace("\n", ", ")
    for one in route.get("routes") or ():
        yield from _routes(one, f"{place} / {', '.join(map(str, one.get('matchers') or ('every alert',)))}")
