"""What errors of a deployment say beside what went wrong: of which target, what was expected there, what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from regobs.common.reasons import reason_of
from regobs.config import Config
from regobs.documents import load_yaml
from regobs.errors import InputError, MachineError, RegobsError, ServerError
from regobs.prometheus.address import bare
from regobs.prometheus.answer_text import answer_words
from regobs.prometheus.failures import RETRY_SECONDS, ServerWords, retry_after, waiting_words

_RULES_API = "the rules API of a Prometheus, Thanos Ruler, vmalert, Cortex or Mimir: /api/v1/rules below `url` of {}"
_EXPECTED = {
    "rules": _RULES_API,
    "ruler": f"the API of a ruler of Cortex or Mimir at `api`, and {_RULES_API}",
    "alertmanager": "an Alertmanager at `url` of {}, or the API of a tenant's, such as http://mimir/api/v1/alerts",
    "grafana": "the HTTP API of Grafana 9 or later",
    "kubernetes": "the API of a Kubernetes cluster",
    "elasticsearch": "the REST API of Elasticsearch 8 or 9",
    "kibana": "the HTTP API of Kibana 8.17 or later",
}
# How to make room for an object where somebody else's has its name, and what that is.
_MAKE_ROOM = {
    "rules": "move the file {} out of the directory",
    "ruler": "give the group {} another name, or name another `namespace` for ours",
    "alertmanager": "take its routes into the pack and its receivers into the receivers file, and keep a copy of {}",
    "grafana": "save {} under another uid, or name another `folder` for ours",
    "kubernetes": "delete the object {} or give it another name",
    "elasticsearch": "delete {} or give it another name",
    "kibana": "delete {}, or name another `space` for ours",
}
_CERTIFICATES = {
    "grafana": "`ca_file`, `client_cert` and `client_key`",
    "elasticsearch": "`ca_file`",
    "kibana": "`ca_file`",
}
_WITHOUT_VERSIONS = {"rules", "ruler", "alertmanager"}  # a change of somebody else is no reason there to refuse ours
_AGAIN = "then run the same command again"


@dataclass(frozen=True, slots=True)
class TargetWords:
    """A target in errors.

    `opened` says where in regobs.toml that is what opens it, "" where its errors say it; `file` is that of its only
    object, "" for several; `address` that of its server, "" where a kubeconfig has it.
    """

    name: str
    kind: str = ""
    expected: str = ""
    opened: str = ""
    file: str = ""
    address: str = ""

    @classmethod
    def of(cls, name: str, config: Config) -> TargetWords:
        """Those of a target of regobs.toml."""
        settings = config.deploy[name]
        opened = f"[contexts.{settings.context}] in regobs.toml" if settings.context else ""
        of_server = settings.kind in {"rules", "ruler", "alertmanager"}
        return cls(
            name,
            settings.kind,
            _EXPECTED[settings.kind].format(opened),
            opened if of_server else "",
            str(settings.file or ""),
            bare(settings.url or settings.api or (config.contexts[settings.context].url if settings.context else "")),
        )

    @property
    def certificates(self) -> str:
        """The keys of the target itself that name certificates, "" for none."""
        return _CERTIFICATES.get(self.kind, "")

    def called(self, name: str) -> str:
        """What a person calls an object of the target: Grafana knows no file, and Alertmanager's has its own name."""
        if self.kind == "grafana":
            return f"dashboard {name.removesuffix('.json')}"
        if self.kind == "ruler":
            return name.removesuffix(".yaml")
        return self.file or name

    def way_on(self, called: str, *, there_already: bool, gone: bool = False) -> str:
        """What to do about an object that somebody else wrote, changed or removed."""
        if gone:
            return f"where {called} is to stay away, take it out of the pack; `apply --overwrite` puts the pack's there"
        if not there_already:
            return f"take what was changed of {called} into the pack; `apply --overwrite` puts the pack's in its place"
        room = _MAKE_ROOM.get(self.kind, "move {} away").format(called)
        return f"{room}; `apply --overwrite` replaces it"

    @property
    def label(self) -> str:
        """As regobs.toml calls it, with its kind."""
        return f"[deploy.{self.name}]" + (f" ({self.kind})" if self.kind else "")


def server_words(name: str, config: Config) -> ServerWords:
    """What errors call the server of a target's context."""
    opened = f"[contexts.{config.deploy[name].context}] in regobs.toml"
    return ServerWords(
        "server that evaluates rules",
        "a server that evaluates rules",
        _RULES_API.format(opened),
        f"correct `url` of {opened}; that of Mimir and Cortex ends in /prometheus",
    )


@contextmanager
def telling(words: TargetWords) -> Iterator[None]:
    """Every error of regobs that leaves this names the target, and says what to do next about it."""
    try:
        yield
    except RegobsError as error:
        tell(error, words)
        raise
    except OSError as error:
        told = outside_fault(error, words)
        tell(told, words)
        raise told from error


def outside_fault(error: OSError, words: TargetWords) -> RegobsError:
    """What no step foresaw: a request that failed, or what the system refused, as a file on a full disk."""
    if isinstance(error, requests.RequestException):  # which is an OSError, too
        return _request_fault(error, words)
    where = f"{error.filename}: " if error.filename else ""
    return MachineError(
        "this machine does not let it be done",
        value=f"{where}{error.strerror or error}",
        next_step="free some space, also where temporary files are (TMPDIR), and see the limits of this process "
        "(`ulimit -a`) and its rights",
    )


def _request_fault(error: requests.RequestException, words: TargetWords) -> ServerError:
    asked = error.request if error.request is not None else getattr(error.response, "request", None)
    address = bare(str(getattr(asked, "url", None) or "")) or words.address
    method = getattr(asked, "method", None) or (f"a request{' to' if address else ''}")
    told = ServerError(
        f"{f'{method} {address}'.strip()} fails",
        value=reason_of(error),
        next_step="check the address, what answers there, and its log",
    )
    if isinstance(error, requests.Timeout):
        told.fault = "late"
    return told


def tell(error: RegobsError, words: TargetWords) -> None:
    """Name the target in an error that does not name it yet."""
    if error.message.startswith(f"[deploy.{words.name}]"):
        return
    error.message = f"{words.label}: {error.message}"
    if isinstance(error, ServerError):
        error.expected = error.expected or words.expected or None
        if step := _next_step(error, words):
            error.next_step = f"{step}; {error.through}" if error.through else step


def _next_step(error: ServerError, words: TargetWords) -> str:
    """What fits the status of the answer, or the reason for none; "" where the error says it itself."""
    status, again = error.status or 0, f"{_wait(error)}, {_AGAIN}"
    if status in {401, 403} and words.opened:
        proxy = ", and what stands before the server must let the request pass" if status == 403 else ""
        return (
            f"correct `token_file`, `token_env`, `user` or `tenant` of {words.opened}; they must be allowed to read "
            f"and to change what is deployed{proxy}"
        )
    if status in {409, 412} and words.kind in _WITHOUT_VERSIONS:
        return f"this API has no versions that could be in conflict: see what answers {status}, and its log; {_AGAIN}"
    if status in {409, 412}:
        return "somebody else changed it at the same time: make the plan again, look at it, and apply that one"
    if status >= 500:
        return f"see the log of the server, and of the proxies before it; {again}"
    return again if status == 429 or error.retry_after is not None else _without_answer(error.fault, words)


def _without_answer(fault: str, words: TargetWords) -> str:
    """What to do where no answer came; "" where the error says it itself."""
    opened = words.opened
    if fault == "late":
        more = f", or give it more time: `timeout` of {opened}" if opened else ""
        return f"see that the server runs and is not overloaded, {_AGAIN}{more}"
    if fault == "tls" and (opened or words.certificates):
        keys = "`ca_file`, `client_cert` and `client_key`" if opened else words.certificates
        where = opened or f"[deploy.{words.name}] in regobs.toml"
        return f"use http:// if it speaks no TLS; else name the certificate of its authority: {keys} of {where}"
    return ""


def _wait(error: ServerError) -> str:
    after = error.retry_after
    return f"wait {after:g} s" if after is not None and after > RETRY_SECONDS else "wait a minute"


def answer_yaml(answer: requests.Response, doing: str, *, expected: str, next_step: str) -> Any:
    """The body of an answer as data. Raises ServerError for one that is no YAML, or breaks off."""
    try:
        return load_yaml(answer.content, doing, error=InputError).data
    except InputError as error:
        raise ServerError(
            f"{doing} answers no YAML, or not all of it",
            value=f"{answer_words(answer)!r}: {error.value or error.message}",
            expected=expected,
            next_step=next_step,
        ) from None


def accepted(answer: requests.Response) -> bool:
    """Whether an API did what it was asked: a redirect and a web page are of what stands before it, such as a login."""
    return 200 <= answer.status_code < 300 and not _is_page(answer)


def _is_page(answer: requests.Response) -> bool:
    begin = answer.text[:200].lstrip().lower()
    return "html" in answer.headers.get("Content-Type", "") or begin.startswith(("<!doctype html", "<html"))


def _page_words(answer: requests.Response) -> str:
    """What is said of an answer that is none of an API; "" for one that may be."""
    if 300 <= answer.status_code < 400:
        to = bare(answer.headers.get("Location", ""))
        return f"a redirect{f' to {to}' if to else ''}, no answer of an API"
    return "a web page, no answer of an API" if _is_page(answer) else ""


def answer_error(
    answer: requests.Response, doing: str, *, said: str | None = None, expected: str | None = None, next_step: str
) -> ServerError:
    """The error of an answer that nobody can use; `doing` names method and address, `said` is what the server says."""
    text = answer_words(answer) if said is None else said
    parts = (_page_words(answer) or text, waiting_words(answer))
    error = ServerError(
        f"{doing} answers {answer.status_code}",
        value="; ".join(filter(None, parts)) or None,
        expected=expected,
        next_step=next_step,
    )
    error.status = answer.status_code
    error.retry_after = retry_after(answer)
    return error
