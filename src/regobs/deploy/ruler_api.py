"""A namespace of rule groups in a Cortex or Mimir, through the API of its ruler.

https://cortexmetrics.io/docs/api/#ruler and https://grafana.com/docs/mimir/latest/references/http-api/#ruler: the same
calls under another prefix, which is why the whole address is a setting. The server changes one group at a time, and
drops fields that it does not know, so promtool looks at the rules first where it is installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import requests

from regobs.deploy.loaded_rules import await_groups, gone_groups, groups_of
from regobs.deploy.rule_changes import rule_changes
from regobs.deploy.rules_directory import VERIFY_SECONDS, refuse_rules
from regobs.deploy.state import Objects
from regobs.deploy.target import NOT_WHOLE, PlannedChange
from regobs.deploy.told import accepted, answer_error, answer_yaml
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import RulesError, ServerError
from regobs.prometheus import Prometheus
from regobs.promql.durations import duration_text, read_duration
from regobs.slo.outputs import RULES

_SAID = 300  # characters of what a server says
_EXPECTED = "the API of a ruler, such as http://cortex/api/v1/rules or http://mimir/prometheus/config/v1/rules"
_NEXT_STEP = "correct `api` of this target in regobs.toml, or the tenant and the token of its context"
_TIMES = ("interval", "for", "keep_firing_for", "query_offset")


class RulerApi:
    """The groups of one namespace, by `<group>.yaml`. `open_server` gives a client that asks the same tenant."""

    def __init__(
        self,
        name: str,
        api: str,
        namespace: str,
        open_server: Callable[[], Prometheus],
        *,
        patience: float = VERIFY_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name, self._namespace, self._open = name, namespace, open_server
        self._api = f"{api.rstrip('/')}/{quote(namespace, safe='')}"
        self._patience, self._sleep = patience, sleep
        self._written: tuple[Objects, Objects] = ({}, {})  # what was there before the last `write`, and after it

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Each group of the rule files of a build. Raises RulesError where two have one name."""
        found: dict[str, bytes] = {}
        for name in sorted(files):
            if name.startswith(f"{RULES}/"):
                data = load_yaml(files[name], name, error=RulesError).data
                for group in data["groups"]:
                    key = f"{group['name']}.yaml"
                    if key in found:
                        raise RulesError(
                            "two rule groups have one name, and the ruler tells them apart by it",
                            value=group["name"],
                            next_step="rename one of them in the pack",
                        )
                    found[key] = _canonical(group)
        return found

    def read(self) -> dict[str, bytes]:
        """Every group of the namespace."""
        with self._open() as server:
            answer = self._send(server, "GET", self._api, missing=True)
        if answer is None:
            return {}
        data = answer_yaml(answer, f"GET {self._api}", expected=_EXPECTED, next_step=_NEXT_STEP)
        try:
            return {f"{group['name']}.yaml": _as_it_is(group) for groups in dict(data).values() for group in groups}
        except NOT_WHOLE:
            raise ServerError(
                f"GET {self._api} answers no rule groups",
                value=" ".join(answer.text.split())[:_SAID] or None,
                expected=_EXPECTED,
                next_step=_NEXT_STEP,
            ) from None

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is one group, called as its object."""
        (group,) = load_yaml(content, name, error=RulesError).data["groups"]
        return name == f"{group['name']}.yaml" and group["name"] not in {"", ".", ".."}

    def check(self, objects: Objects) -> None:
        """Refuse what promtool refuses, and a server that is not there."""
        with self._open() as server:
            server.rules()
        refuse_rules(objects)

    def write(self, before: Objects, after: Objects) -> None:
        """One group at a time: those that differ are sent, those that went away are deleted."""
        self._written = before, after
        with self._open() as server:
            for name, content in after.items():
                if before.get(name) != content:
                    group = load_yaml(content, name, error=RulesError).data["groups"][0]
                    self._send(server, "POST", self._api, dump_yaml(group).encode())
            for name in before:
                if name not in after:
                    self._send(server, "DELETE", f"{self._api}/{quote(name.removesuffix('.yaml'), safe='')}")

    def verify(self, objects: Objects) -> None:
        """Every group is loaded as it is here, and each of its rules was evaluated since, without an error."""
        with self._open() as server:
            await_groups(
                server,
                {(self._namespace, group): rules for (_, group), rules in groups_of(objects)},
                lambda group: group.file if group.file == self._namespace else None,
                gone={(self._namespace, group) for _, group in gone_groups(*self._written)},
                patience=self._patience,
                sleep=self._sleep,
            )

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal: `read` leaves out what is not ours."""
        return ours == live

    def announce(self, text: str) -> None:
        """Nothing: a ruler shows no such things."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Rules added, removed and changed."""
        return rule_changes(before, after)

    def _send(
        self, server: Prometheus, method: str, url: str, content: bytes = b"", *, missing: bool = False
    ) -> requests.Response | None:
        """The answer; None for 404 where something may be missing. Raises ServerError."""
        answer = server.send(method, url, content, "application/yaml")
        if missing and answer.status_code == requests.codes.not_found and "no rule groups" in answer.text:
            return None
        if not accepted(answer):
            raise answer_error(answer, f"{method} {url}", expected=_EXPECTED, next_step=_NEXT_STEP)
        return answer


def _as_it_is(group: Mapping[str, Any]) -> bytes:
    """A group of the server; what is of another form than a group, as somebody else may have put it there, as given."""
    try:
        return _canonical(group)
    except NOT_WHOLE:
        return dump_yaml({"groups": [group]}).encode()


def _canonical(group: Mapping[str, Any]) -> bytes:
    """A group as a rule file, however the server writes times and what is empty."""
    data = _plain(group) | {"rules": [_plain(rule) for rule in group.get("rules") or ()]}
    return dump_yaml({"groups": [data]}).encode()


def _plain(data: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in sorted(data):
        value = data[key]
        if key in _TIMES:
            read = read_duration(str(value))
            value = duration_text(read) if read is not None and read.ms else None
        elif key == "expr":
            value = str(value).strip()
        elif isinstance(value, dict):
            value = {name: str(text) for name, text in sorted(value.items())}
        if value not in (None, {}, [], ""):
            found[key] = value
    return found
