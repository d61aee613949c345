"""How to reach a server: its address, and everything that opens it, from options, contexts or the environment."""

from __future__ import annotations

import base64
import os
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from regobs.common.bounded_reading import PATIENCE, read_file
from regobs.common.frozen import frozen
from regobs.common.reasons import reason_of
from regobs.errors import InputError
from regobs.prometheus.address import Address
from regobs.prometheus.thanos import PLAIN, ThanosParameters
from regobs.secrets import MASK

if TYPE_CHECKING:
    from regobs.prometheus.proxy import ProxyInUse

# The header by which Mimir, Cortex and Loki tell tenants apart; Thanos takes it with --query.tenant-header.
TENANT_HEADER = "X-Scope-OrgID"
TIMEOUT = 30.0  # seconds
PREFIX = "REGOBS_PROMETHEUS_"
_PATIENCE = 60.0  # seconds: a password manager may ask the user
_MOST = 64 * 1024  # bytes of a secret; more is another file
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@frozen
class Connection:
    """One server, and how to open it. `timeout` is in seconds, for a whole request.

    `ca_file` holds the certificate of the server's authority; `client_cert` and `client_key` what the server asks for.
    `thanos` is what queries say to Thanos alone. `context` is the name under which regobs.toml has what opens it, ""
    when an option or the environment has it. `secret_source` is where the token or password stands, as errors call it.
    `proxy_source` is the setting or variable that names the proxy, "" where requests finds one itself.
    `stores` is how many stores are behind a Thanos Query at least.
    Raises InputError for a file that cannot be read and for a header that
    HTTP does not allow.
    """

    address: Address
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = TIMEOUT
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: str = field(default="", repr=False)
    thanos: ThanosParameters = PLAIN
    context: str = ""
    secret_source: str = field(default="", compare=False)
    stores: int = 0
    proxy_source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for file in self.files:
            if file is not None:
                _read(file, patience=0.0)  # its name is handed on, to who would read a pipe a second time
        if self.client_key is not None and self.client_cert is None:
            raise InputError(
                "a client key without its certificate",
                value=str(self.client_key),
                next_step="name the certificate's file too (--client-cert, or client_cert in regobs.toml)",
            )

    def check(self) -> None:
        """Load certificates and key, which later would fail in the middle of a request. Raises InputError."""
        if not any(self.files):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            if self.ca_file is not None:
                context.load_verify_locations(self.ca_file)
            if self.client_cert is not None:
                context.load_cert_chain(self.client_cert, self.client_key, password="")  # else OpenSSL asks for one
        except (OSError, ValueError) as fault:
            raise InputError(
                "a certificate or key of the connection cannot be used",
                value=getattr(fault, "reason", None) or getattr(fault, "strerror", None) or str(fault),
                expected="PEM files, the key without a passphrase and the one of its certificate",
                next_step=f"check {' and '.join(map(str, filter(None, self.files)))}",
            ) from None

    @property
    def files(self) -> tuple[Path | None, Path | None, Path | None]:
        """The authority's certificate, the client's, and its key."""
        return self.ca_file, self.client_cert, self.client_key

    @property
    def verify(self) -> str | bool:
        """What requests checks the server's certificate with."""
        return True if self.ca_file is None else str(self.ca_file)

    @property
    def certificate(self) -> str | tuple[str, str] | None:
        """What requests shows to the server."""
        if self.client_cert is None:
            return None
        return str(self.client_cert) if self.client_key is None else (str(self.client_cert), str(self.client_key))

    @property
    def proxy_in_use(self) -> ProxyInUse | None:
        """The proxy that requests go through, and what names it."""
        from regobs.prometheus.proxy import proxy_of  # noqa: PLC0415 - of an error only; loads requests

        return proxy_of(self.address.url, self.proxy, self.proxy_source)

    @property
    def proxies(self) -> dict[str, str]:
        """The proxy of requests; without one those of HTTP_PROXY, HTTPS_PROXY and NO_PROXY count."""
        return {"http": self.proxy, "https": self.proxy} if self.proxy else {}


def read_header(text: str, where: str) -> tuple[str, str]:
    """`Name: value` as a pair. InputError, which shows no value, for anything else; `where` says what was read."""
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not colon or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise InputError(
            f"{where} is no HTTP header",
            value=name if colon and _NAME.fullmatch(name) else MASK,
            expected=f"a name and a value in printable ASCII, such as '{TENANT_HEADER}: team-a'",
            next_step="correct it",
        )
    return name, value


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token; none for an empty one. InputError for a token of several lines."""
    token = token.strip()
    if token and not _VALUE.fullmatch(token):
        raise InputError(
            "the token holds a character that HTTP does not allow",
            value=MASK,
            expected="one line of printable ASCII",
            next_step="check the file or variable of the token for line breaks",
        )
    return {"Authorization": f"Bearer {token}"} if token else {}


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a user and a password (RFC 7617)."""
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def secret_from(command: Sequence[str]) -> str:
    """The first line that a program prints, such as a password manager. InputError, without its output, when none."""
    import subprocess  # noqa: PLC0415 - few servers need a command

    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_PATIENCE, check=False)
        lines = done.stdout[:_MOST].decode("utf-8").splitlines() or [""]
        reason = f"exit code {done.returncode}" if done.returncode else "" if lines[0].strip() else "no output"
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as fault:
        reason = reason_of(fault)
    if reason:
        raise InputError(
            "the command of the context's token gave none",
            value=f"{command[0]}: {reason}",
            expected="a program that prints the token as its first line and ends with exit code 0",
            next_step="run it by hand, or correct token_command in regobs.toml",
        )
    return lines[0].strip()


def secret_of(file: Path) -> str:
    """The text of a file that holds one secret. InputError when it cannot be read or is empty."""
    text = _read(file).strip()
    if not text:
        raise InputError("the file of a secret is empty", value=str(file), next_step="write the secret into it")
    return text


def _read(file: Path, patience: float = PATIENCE) -> str:
    try:
        return read_file(file, patience)[:_MOST].decode("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "not UTF-8 text"
        raise InputError(
            "a file of the connection cannot be read",
            value=f"{file}: {reason}",
            expected="a readable text file (certificates and keys: PEM)",
            next_step="correct the path or its permissions",
        ) from None


@frozen
class EnvironmentAccess:
    """What the environment says of the connection: REGOBS_PROMETHEUS_URL, _TOKEN, _TOKEN_FILE, _TENANT, ...

    Variables are the place of secrets that must stand in no file and on no command line.
    """

    url: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca_file: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    proxy: str = field(default="", repr=False)
    secret_source: str = ""

    @classmethod
    def read(cls, environ: Mapping[str, str] | None = None) -> EnvironmentAccess:
        """Read the variables. InputError for a header or a token that HTTP does not allow."""
        variables = os.environ if environ is None else environ

        def get(name: str) -> str:
            return variables.get(PREFIX + name, "").strip()

        def file(name: str) -> Path | None:
            return Path(get(name)).expanduser() if get(name) else None

        token_file = file("TOKEN_FILE")
        token = get("TOKEN") or (secret_of(token_file) if token_file else "")
        source = f"of {PREFIX}TOKEN" if get("TOKEN") else f"of {token_file} ({PREFIX}TOKEN_FILE)" if token_file else ""
        lines = filter(None, map(str.strip, get("HEADERS").splitlines()))
        headers = dict(read_header(line, f"a line of {PREFIX}HEADERS") for line in lines)
        if get("TENANT"):
            headers |= [read_header(f"{TENANT_HEADER}: {get('TENANT')}", f"{PREFIX}TENANT")]
        return cls(
            url=get("URL"),
            headers={**headers, **bearer(token)},
            ca_file=file("CA_FILE"),
            client_cert=file("CLIENT_CERT"),
            client_key=file("CLIENT_KEY"),
            proxy=get("PROXY"),
            secret_source=source or (f"of {PREFIX}HEADERS" if headers else ""),
        )

    def connection(self, url: str, *, timeout: float = TIMEOUT) -> Connection:
        """The connection to a URL with what the environment says; the URL's own password wins over a token."""
        address = Address.parse(url)
        headers = dict(self.headers)
        source = self.secret_source
        if address.credentials:
            headers.pop("Authorization", None)
            source = "of the URL"
        return Connection(
            address,
            headers,
            timeout,
            self.ca_file,
            self.client_cert,
            self.client_key,
            self.proxy,
            secret_source=source,
            proxy_source=f"{PREFIX}PROXY" if self.proxy else "",
        )
