"""Where an Elasticsearch is and what opens it. Secrets come from the environment or files, never from arguments."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from regobs.common.addresses import fault_of_url
from regobs.common.bounded_reading import read_file
from regobs.errors import InputError, Location
from regobs.prometheus.address import redact

KEY_VARIABLE = "REGOBS_ELASTICSEARCH_API_KEY"
USER_VARIABLE = "REGOBS_ELASTICSEARCH_USER"
PASSWORD_VARIABLE = "REGOBS_ELASTICSEARCH_PASSWORD"  # noqa: S105 - the name of one
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Access:
    """The base URL with its port, an API key or a user with a password, and the authority that signs the server."""

    url: str
    api_key: str | None = field(default=None, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)
    authority: Path | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The header that opens the server; none for one that is open."""
        if self.api_key:
            return {"authorization": f"ApiKey {self.api_key}"}
        if self.basic:
            return {"authorization": "Basic " + b64encode(":".join(self.basic).encode()).decode()}
        return {}

    @classmethod
    def of(
        cls,
        url: str,
        *,
        api_key_file: Path | None = None,
        user: str | None = None,
        password_file: Path | None = None,
        authority: Path | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> Access:
        """Put an address and its secrets together. What is given comes before the environment, a key before a user.

        InputError when something is wrong or missing.
        """
        address, authority = _address(url), _readable(authority)
        key = _secret(api_key_file, environ, KEY_VARIABLE)
        named = user or environ.get(USER_VARIABLE) or None
        if key and (api_key_file or not (user or password_file)):
            return cls(address, api_key=key, authority=authority)
        password = _secret(password_file, environ, PASSWORD_VARIABLE)
        if named is None and password is None:
            return cls(address, authority=authority)
        if named is None or password is None:
            missing = "--user or " + USER_VARIABLE if named is None else "--password-file or " + PASSWORD_VARIABLE
            raise InputError("Elasticsearch takes a user with a password", expected="both", next_step=f"give {missing}")
        return cls(address, basic=(named, password), authority=authority)


def _address(text: str) -> str:
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _wrong(text, "is no valid address") from None
    if "@" in text:
        raise _wrong(text, "holds a user or password, which every user of this machine can read in a list of processes")
    if parts.scheme not in _PORTS or not host:
        raise _wrong(text, "is no http or https address")
    if parts.query or parts.fragment:
        raise _wrong(text, "has something after the path")
    if fault := fault_of_url(text.strip()):
        raise _wrong(text, fault)
    name = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{name}:{port or _PORTS[parts.scheme]}", parts.path.rstrip("/"), "", ""))


def _wrong(text: str, problem: str) -> InputError:
    return InputError(
        f"the address of Elasticsearch {problem}",
        value=redact(text) or "(empty)",
        expected="https://host:9200, with a path if there is one",
        next_step=f"put secrets into {KEY_VARIABLE}, or {USER_VARIABLE} and {PASSWORD_VARIABLE}, or into files",
    )


def _secret(file: Path | None, environ: Mapping[str, str], variable: str) -> str | None:
    if file is None:
        return environ.get(variable, "").strip() or None
    try:
        text = read_file(file).decode().strip()
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise InputError("the secret cannot be read", location=Location(str(file)), value=reason) from None
    if not text or "\n" in text:
        raise InputError("a file with a secret has one line", location=Location(str(file)))
    return text


def _readable(authority: Path | None) -> Path | None:
    """The file, if it holds a certificate in the form that TLS wants."""
    if authority is None:
        return None
    try:
        text = read_file(authority, patience=0.0).decode("ascii")  # its name is handed on, to who would read it again
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise InputError("the authority cannot be read", location=Location(str(authority)), value=reason) from None
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise InputError(
            "there is no certificate in this file",
            location=Location(str(authority)),
            expected="PEM: -----BEGIN CERTIFICATE-----",
            next_step="give the certificate of the authority that signed the server's, as http_ca.crt",
        )
    return authority
