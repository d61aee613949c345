"""Who may ask for metrics: TLS and basic authentication by the web configuration file of Prometheus' own exporters.

    tls_server_config: {cert_file: server.crt, key_file: server.key}
    basic_auth_users: {prometheus: $2y$10$...}      # bcrypt; needs regobs[web]

Format: github.com/prometheus/exporter-toolkit, docs/web-configuration.md. A changed file counts from the next request
on, and changed certificates from the next connection on. One that has become wrong lets nobody in until it is right.
File names in it are relative to the file. Not supported, and refused by name: certificates inside the file, cipher
suites, curves, `rate_limit`, and `RequireAnyClientCert` (Python's TLS asks for no certificate that it does not verify).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import ssl
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from regobs.common.bounded_reading import PATIENCE
from regobs.common.pem_files import no_password, without_pipes
from regobs.errors import ConfigError, MachineError

if TYPE_CHECKING:
    from regobs.documents import Document

_LONGEST = 4096  # characters of an Authorization header
_BCRYPT_TAKES = 72  # bytes of a password; Go's bcrypt leaves the rest out as well
_HASH = r"^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$"
_VERSIONS = {
    "TLS10": ssl.TLSVersion.TLSv1,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
_LEAST_VERSION, _MOST_VERSION = "TLS12", "TLS13"  # where the file names none
_CLIENTS = {
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_NONE,  # what is sent is not looked at, so it need not be asked for
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_TEXT = {
    "type": "string",
    "minLength": 1,
    "pattern": r"^[^\x00-\x1f\x7f]+$",
    "description": "text without control characters",
}
_VERSION = {"enum": list(_VERSIONS)}
_HEADERS = (
    *("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"),
    *("X-XSS-Protection", "Strict-Transport-Security"),
)
_HEADER = {"type": "string", "pattern": r"^[\x20-\x7e]*$", "description": "printable ASCII"}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "tls_server_config": {
            "type": "object",
            "additionalProperties": False,
            "required": ["cert_file", "key_file"],
            "properties": {
                **dict.fromkeys(("cert_file", "key_file", "client_ca_file"), _TEXT),
                "client_auth_type": {"enum": list(_CLIENTS)},
                "client_allowed_sans": {"type": "array", "items": _TEXT},
                "min_version": _VERSION,
                "max_version": _VERSION,
                "prefer_server_cipher_suites": {"type": "boolean"},
            },
        },
        "http_server_config": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "http2": {"type": "boolean"},  # a server of HTTP/1 has none to switch off
                "headers": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": dict.fromkeys(_HEADERS, _HEADER),
                },
            },
        },
        "basic_auth_users": {
            "type": "object",
            "additionalProperties": {
                "type": "string",
                "pattern": _HASH,
                "description": "a password hashed with bcrypt",
            },
        },
    },
}


@dataclass(frozen=True)
class _Settings:
    """What one state of the file says."""

    users: Mapping[str, bytes] = field(default_factory=dict)
    tls: Mapping[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()


class WebConfig:
    """The web configuration of one server. Raises ConfigError, which shows no hash, for a file that is wrong.

    `status` judges an Authorization header; `quick_status` too, but gives None where a password must be hashed first,
    which takes tens of milliseconds. A right password is remembered, as an HMAC of it, until the file changes.
    """

    def __init__(self, file: Path | str) -> None:
        self._file = Path(file)
        self._key = os.urandom(32)
        self._known: set[bytes] = set()
        self._guard = Lock()
        self._one_hash = Lock()  # wrong passwords take turns: they hold one core at most
        self._stamp = _stamp([self._file])
        self._settings: _Settings | None = self._read(waits=True)
        self._tls: tuple[object, ssl.SSLContext] | None = None
        self.tls()

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What every answer carries besides."""
        settings = self._settings
        return settings.headers if settings else ()

    def quick_status(self, authorization: str) -> int | None:
        """200, or 401 without the credentials of a user, or 500 while the file is wrong; None: ask `status`."""
        settings = self._now()
        if settings is None:
            return 500
        if not settings.users:
            return 200
        given = _credentials(authorization)
        if given is None:
            return 401
        return 200 if self._mark(settings, *given) in self._known else None

    def status(self, authorization: str) -> int:
        """200, 401 or 500. Unknown users take as long as wrong passwords."""
        quick = self.quick_status(authorization)
        settings, given = self._settings, _credentials(authorization)
        if quick is not None or settings is None or given is None:
            return quick or 500
        bcrypt = _bcrypt()
        user, password = given
        hashed = settings.users.get(user)
        with self._one_hash:
            try:
                right = bcrypt.checkpw(password[:_BCRYPT_TAKES], hashed or next(iter(settings.users.values())))
            except ValueError:  # NUL bytes, in some releases
                right = False
        if hashed is None or not right:
            return 401
        with self._guard:
            self._known.add(self._mark(settings, user, password))
        return 200

    def tls(self) -> ssl.SSLContext | None:
        """For the next connection; None where the file asks for no TLS. ConfigError for certificates that are wrong."""
        settings = self._now()
        if settings is None:
            raise ConfigError("the web configuration is wrong", value=str(self._file), next_step="correct it")
        rules = settings.tls
        if rules is None:
            return None
        names = (rules[name] for name in ("cert_file", "key_file", "client_ca_file") if name in rules)
        files = [self._file.parent / name for name in names]
        stamp = (id(settings), _stamp(files))
        with self._guard:
            if self._tls is None or self._tls[0] != stamp:
                patience = PATIENCE if self._tls is None else 0.0  # later no connection waits for a pipe
                self._tls = (stamp, _context(rules, files, patience))
            return self._tls[1]

    def accepts(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether the client's certificate has one of `client_allowed_sans`, where the file names them."""
        settings = self._settings
        allowed = settings.tls.get("client_allowed_sans") if settings and settings.tls else None
        names = (certificate or {}).get("subjectAltName", ())
        return not allowed or any(name in allowed for _, name in names)

    def _now(self) -> _Settings | None:
        """The settings of the file as it is now; None while it is wrong, which is logged once."""
        stamp = _stamp([self._file])
        if stamp != self._stamp:
            with self._guard:
                if stamp != self._stamp:
                    try:
                        self._settings = self._read()
                    except (ConfigError, MachineError) as fault:
                        import logging  # noqa: PLC0415 (only here)

                        logging.getLogger("regobs.instrument").error("nobody is let in until it is right: %s", fault)  # noqa: TRY400 (its text says all)
                        self._settings = None
                    self._known.clear()
                    self._stamp = stamp
        return self._settings

    def _read(self, *, waits: bool = False) -> _Settings:
        """Judge the file; `waits` for what comes from a pipe at the start, as no request may."""
        from regobs.common.bounded_reading import PATIENCE  # noqa: PLC0415 (as below)
        from regobs.documents import read_yaml, validate  # noqa: PLC0415 (YAML is not for every process)

        try:
            document = read_yaml(self._file, error=ConfigError, patience=PATIENCE if waits else 0.0)
        except OSError as fault:
            raise ConfigError(
                "the web configuration cannot be read",
                value=f"{self._file}: {fault.strerror}",
                next_step="name a readable file",
            ) from None
        if document.data is None:
            return _Settings()
        _check_hashes(document)
        validate(document, _SCHEMA, ConfigError)
        _check_clients(document)
        _check_versions(document)
        data: dict[str, Any] = document.data
        users = {name: hashed.encode() for name, hashed in (data.get("basic_auth_users") or {}).items()}
        if users:
            _bcrypt()
        headers = (data.get("http_server_config") or {}).get("headers") or {}
        shown = tuple((name, text) for name, text in headers.items() if text)
        return _Settings(users, data.get("tls_server_config"), shown)

    def _mark(self, settings: _Settings, user: str, password: bytes) -> bytes:
        """What is remembered of a right password. It holds the hash of the file: a changed one is asked anew."""
        held = settings.users.get(user, b"")
        parts = [hashlib.sha256(part).digest() for part in (user.encode("utf-8", "replace"), held, password)]
        return hmac.digest(self._key, b"".join(parts), "sha256")


def _credentials(authorization: str) -> tuple[str, bytes] | None:
    """User and password of a basic Authorization header (RFC 7617); None for anything else."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic" or len(authorization) > _LONGEST:
        return None
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
        return (user.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _check_hashes(document: Document) -> None:
    """Before the schema is: an error of that would show the text, which may be a password."""
    import re  # noqa: PLC0415 (only where there is a file)

    users = document.data.get("basic_auth_users") if isinstance(document.data, dict) else None
    for name, hashed in (users if isinstance(users, dict) else {}).items():
        if not isinstance(hashed, str) or not re.fullmatch(_HASH, hashed):
            raise ConfigError(
                "a user's password is not hashed with bcrypt",
                location=document.locate(("basic_auth_users", name)),
                value=f"user {name}",
                expected="text that begins with $2y$, $2b$ or $2a$",
                next_step="htpasswd -nBC 10 NAME",
            )


def _check_clients(document: Document) -> None:
    rules = document.data.get("tls_server_config") or {}
    kind = rules.get("client_auth_type", "NoClientCert")
    at = document.locate(("tls_server_config",))
    verifies = _CLIENTS[kind] is not ssl.CERT_NONE
    if verifies != ("client_ca_file" in rules):
        raise ConfigError(
            "client_auth_type and client_ca_file do not fit each other",
            location=at,
            value=f"client_auth_type: {kind}",
            expected="client_ca_file with VerifyClientCertIfGiven and RequireAndVerifyClientCert, and only with these",
            next_step="add client_ca_file" if verifies else "use RequireAndVerifyClientCert",
        )
    if rules.get("client_allowed_sans") and kind != "RequireAndVerifyClientCert":
        raise ConfigError(
            "client_allowed_sans needs a certificate of every client",
            location=at,
            value=f"client_auth_type: {kind}",
            next_step="use RequireAndVerifyClientCert",
        )


def _check_versions(document: Document) -> None:
    rules = document.data.get("tls_server_config") or {}
    least, most = rules.get("min_version", _LEAST_VERSION), rules.get("max_version", _MOST_VERSION)
    if list(_VERSIONS).index(least) > list(_VERSIONS).index(most):
        raise ConfigError(
            "min_version is above max_version: no client could connect",
            location=document.locate(("tls_server_config", "max_version" if "max_version" in rules else "min_version")),
            value=f"min_version: {least}, max_version: {most}",
            expected=f"a min_version (by default {_LEAST_VERSION}) that is at most max_version ({_MOST_VERSION})",
            next_step="correct the two, or take them off",
        )


def _context(rules: Mapping[str, Any], files: list[Path], patience: float) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.minimum_version = _VERSIONS[rules.get("min_version", _LEAST_VERSION)]
        context.maximum_version = _VERSIONS[rules.get("max_version", _MOST_VERSION)]
        with without_pipes(*files, patience=patience) as (certificate, key, *authorities):
            context.load_cert_chain(str(certificate), key, password=no_password)
            for authority in authorities:
                context.load_verify_locations(authority)
        context.verify_mode = _CLIENTS[rules.get("client_auth_type", "NoClientCert")]
    except (OSError, ValueError) as fault:  # ssl.SSLError is an OSError
        raise ConfigError(
            "a certificate, its key or the authority of clients cannot be used",
            value=f"{', '.join(map(str, files))}: {getattr(fault, 'strerror', None) or fault}",
            expected="PEM files; the key belongs to the certificate and has no password",
            next_step="correct tls_server_config",
        ) from None
    return context


def _bcrypt() -> Any:
    try:
        import bcrypt  # noqa: PLC0415 (an extra)
    except ImportError:
        raise MachineError(
            "the web configuration names users, and bcrypt is missing", next_step="pip install 'regobs[web]'"
        ) from None
    return bcrypt


def _stamp(files: list[Path]) -> list[tuple[int, ...]]:
    """Changes when one of the files does."""
    found: list[tuple[int, ...]] = []
    for file in files:
        try:
            state = file.stat()
            regular = stat.S_ISREG(state.st_mode)  # a pipe has a new time whenever it is read
            found.append((state.st_ino, state.st_mtime_ns, state.st_size) if regular else (state.st_dev, state.st_ino))
        except OSError:
            found.append(())
    return found
