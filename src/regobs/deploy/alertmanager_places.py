"""Where the configuration of an Alertmanager is: a file that it reads, or the API of a tenant of Cortex or Mimir."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import requests

from regobs.common.files import StaleFileError, is_named, remove_abandoned, replace_file, stale
from regobs.deploy.told import accepted, answer_error, answer_yaml
from regobs.documents import dump_yaml, load_yaml
from regobs.errors import InputError, MachineError, ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.answer_text import answer_words

OBJECT = "alertmanager.yaml"  # the name of the one object
_EXPECTED = "an Alertmanager, or the API of one such as http://mimir/api/v1/alerts"
_NEXT_STEP = "correct `context` or `api` of this target in regobs.toml, or what the server says is wrong"
_SAID = 400  # characters of what a server says
Json = dict[str, Any]


class ConfigPlace(Protocol):
    """Where a whole configuration is."""

    def read(self) -> bytes | None:
        """The configuration as it is; None where there is none."""

    def write(self, content: bytes | None, before: bytes | None) -> None:
        """Put it in the place of `before` in one step, and let it be used; None is no configuration.

        Raises InputError when something else is there by now.
        """

    def loaded(self) -> Json:
        """What is in use."""


class ConfigFile:
    """The file that an Alertmanager reads. `open_server` gives a client of this Alertmanager."""

    def __init__(self, path: Path, open_server: Callable[[], Prometheus]) -> None:
        self._path, self._open = path, open_server

    def read(self) -> bytes | None:
        """The configuration as it is; None where there is none."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from None

    def write(self, content: bytes | None, before: bytes | None) -> None:
        """Replace the file, which only its owner may read unless it is there already, and let it be read again."""
        place = Path(os.path.realpath(self._path))
        remove_abandoned(place.parent, is_named(place.name))  # it has secrets
        try:
            if content is None:
                if self._path.exists() and self._path.read_bytes() != before:
                    raise stale(self._path)
                self._path.unlink(missing_ok=True)
                return
            replace_file(self._path, content, before, 0o600)
        except StaleFileError:
            raise _changed(str(self._path)) from None
        except OSError as error:
            raise self._unusable(error) from None
        with self._open() as server:
            answer = server.send("POST", f"{server.url}/-/reload", b"", "text/plain")
        if not accepted(answer):
            raise _refused(answer, f"POST {server.url}/-/reload")

    def loaded(self) -> Json:
        """What is in use, with the defaults that Alertmanager adds."""
        with self._open() as server:
            url = f"{server.url}/api/v2/status"
            answer = server.send("GET", url, b"", "application/json")
        try:
            return config_mapping(str(answer.json()["config"]["original"]).encode())
        except (ValueError, KeyError, TypeError, RecursionError):
            if not accepted(answer):
                raise _refused(answer, f"GET {url}") from None
            raise _strange(f"GET {url} answers without a configuration", answer_words(answer)) from None

    def _unusable(self, error: OSError) -> MachineError:
        return MachineError(
            "the file of the configuration cannot be written or read",
            value=f"{error.filename or self._path}: {error.strerror}",
            next_step="free some space, or give the right to replace this file in its folder",
        )


def _changed(place: str) -> InputError:
    return InputError(
        "somebody changed the configuration while it was to be replaced",
        value=place,
        next_step="make the plan again, and look at it",
    )


class ConfigApi:
    """The configuration of a tenant, at `api`. https://cortexmetrics.io/docs/api/#alertmanager, and Mimir alike."""

    def __init__(self, api: str, open_server: Callable[[], Prometheus]) -> None:
        self._api, self._open = api, open_server
        self._templates: Json = {}

    def read(self) -> bytes | None:
        """The configuration as it is; None where there is none."""
        with self._open() as server:
            answer = server.send("GET", self._api, b"", "application/yaml")
        if answer.status_code == 404 and "not found" in answer.text and "<" not in answer.text:
            return None
        if not accepted(answer):
            raise _refused(answer, f"GET {self._api}")
        data = answer_yaml(answer, f"GET {self._api}", expected=_EXPECTED, next_step=_NEXT_STEP)
        if not isinstance(data, dict) or not isinstance(data.get("alertmanager_config"), str):
            raise _strange(f"GET {self._api} answers no alertmanager_config", answer_words(answer))
        self._templates = data.get("template_files") or {}
        return str(data["alertmanager_config"]).encode()

    def write(self, content: bytes | None, before: bytes | None) -> None:
        """Send it whole, with the templates that are there. The API takes no condition: it is looked at just before."""
        if self.read() != before:
            raise _changed(self._api)
        body = {"template_files": self._templates, "alertmanager_config": (content or b"").decode()}
        with self._open() as server:
            if content is None:
                answer = server.send("DELETE", self._api, b"", "application/yaml")
            else:
                answer = server.send("POST", self._api, dump_yaml(body).encode(), "application/yaml")
        if not accepted(answer):
            raise _refused(answer, f"{'DELETE' if content is None else 'POST'} {self._api}")

    def loaded(self) -> Json:
        """What is there now: the server takes no configuration that it cannot use."""
        return config_mapping(self.read() or b"{}")


def _refused(answer: requests.Response, doing: str) -> ServerError:
    return answer_error(answer, doing, said=answer_words(answer, _SAID), expected=_EXPECTED, next_step=_NEXT_STEP)


def _strange(message: str, value: str) -> ServerError:
    return ServerError(message, value=value or None, expected=_EXPECTED, next_step=_NEXT_STEP)


def config_mapping(content: bytes, where: str = OBJECT) -> Json:
    """The configuration of its YAML. Raises InputError."""
    data = load_yaml(content, where, error=InputError).data
    if not isinstance(data, dict):
        raise InputError(
            "this is no configuration of an Alertmanager",
            value=where,
            expected="a mapping with receivers",
            next_step="correct the file",
        )
    return data
