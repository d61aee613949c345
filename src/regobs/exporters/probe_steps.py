"""What a client of a registry does, as steps: reach it, prove who one is, pull, push, read back, delete.

Sources: the OCI distribution specification 1.1 (endpoints, digests, monolithic upload), the token specification of
CNCF Distribution (WWW-Authenticate: Bearer, realm, service, scope), and RFC 7617 for basic authentication.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import time
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit
from urllib.request import parse_http_list

from regobs.exporters.outside import ClientConnections, Deadline, Origin, Reply, StepError, shown_url, target_url
from regobs.exporters.probe_settings import ProbeTarget

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
CANARY = "canary"
_PREFIX = "probe-"
_OWN_TAG = re.compile(rf"{_PREFIX}[0-9]{{1,11}}(?:-.*)?", re.ASCII).fullmatch
_FIXED = "probe"  # the tag where images cannot be deleted: each push takes it from the one before
_LEFT_BEHIND = 600.0  # seconds after which an image of another round is one that nobody deletes any more
_MOST_LEFT = 20  # images of earlier rounds that are still there: from then on one tag is taken over, or they pile up
_MOST_REMOVED = 20  # left-behind images a round, so that a round stays short


@dataclass(frozen=True, slots=True)
class TinyImage:
    """An image of two blobs of some hundred bytes."""

    tag: str
    layer: bytes
    config: bytes
    manifest: bytes

    @classmethod
    def made(cls, tag: str, content: bytes) -> TinyImage:
        """An image whose layer is this content."""
        config = _json(
            {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(content)]}}
        )
        manifest = _json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": _CONFIG, "size": len(config), "digest": digest(config)},
                "layers": [{"mediaType": _LAYER, "size": len(content), "digest": digest(content)}],
            }
        )
        return cls(tag, content, config, manifest)


@dataclass(slots=True)
class Round:
    """One round over the steps of a target: the connections, the token, and what earlier steps found."""

    target: ProbeTarget
    line: ClientConnections
    headers: dict[str, str] = field(default_factory=dict)
    canary: dict[str, str] = field(default_factory=dict)  # digest of the manifest, digest of a blob
    canary_was_there: bool = False  # in an earlier round of this process
    pushed: TinyImage | None = None
    failing_checks: tuple[str, ...] | None = None
    left: int | None = None  # images that may still be there when the round ends; None where nobody has looked yet

    def path(self, rest: str) -> str:
        """An address below the probe's repository."""
        return f"{self.target.url}/v2/{self.target.repository}/{rest}"

    def ask(
        self, method: str, url: str, deadline: Deadline, expect: tuple[int, ...], *, kind: str = "", body: bytes = b""
    ) -> Reply:
        """A request with the round's credentials. StepError for every other status, with the registry's words."""
        headers = dict(self.headers)
        if Origin.of(url) != Origin.of(self.target.url):  # an upload that another host takes has its right in the URL
            headers.pop("Authorization", None)
        if kind:
            headers["Content-Type" if body else "Accept"] = kind
        reply = self.line.ask(method, url, deadline, headers=headers, body=body)
        if reply.status not in expect:
            raise _refused(method, reply)
        return reply


Step = Callable[[Round, Deadline], None]


def authenticate(run: Round, deadline: Deadline) -> None:
    """GET /v2/ without credentials, and get those that its challenge asks for; a registry without one answers 200."""
    reply = _ask_base(run, deadline, {})
    if reply.status == 200:
        _expect_registry(reply)
        return
    if reply.status != 401:
        raise _refused("GET", reply)
    scheme, told = _challenge(reply.header("www-authenticate"))
    user, password = run.target.credentials()
    basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
    if scheme == "basic":
        if not basic:
            raise StepError("auth", "the registry asks for user and password, and none are set")
        run.headers["Authorization"] = basic
    elif scheme == "bearer" and told.get("realm"):
        run.headers["Authorization"] = f"Bearer {_token(run, told, basic, deadline)}"
    else:
        raise StepError("auth", "401 without a challenge for Basic or Bearer")


def base(run: Round, deadline: Deadline) -> None:
    """GET /v2/ with credentials; a web page that answers 200 to every path is no registry."""
    reply = _ask_base(run, deadline, run.headers)
    if reply.status != 200:
        raise _refused("GET", reply)
    _expect_registry(reply)


def _ask_base(run: Round, deadline: Deadline, headers: Mapping[str, str]) -> Reply:
    """GET /v2/. One that leads elsewhere, such as to the page of a login, and does not work there is no registry's.

    So no challenge that comes back is another server's: the password goes to nobody whom a redirect names.
    """
    own = Origin.of(run.target.url)
    reached: list[str] = []
    try:
        reply = run.line.ask("GET", f"{run.target.url}/v2/", deadline, headers=headers, reached=reached)
    except StepError as fault:
        if fault.reason == "answer" or not reached or Origin.of(reached[-1]) == own:
            raise
        raise _elsewhere(own, reached[-1], str(fault)) from None
    if reply.status != 200 and Origin.of(reply.url) != own:
        raise _elsewhere(own, reply.url, f"{reply.status}, and no credentials are sent there")
    return reply


def _elsewhere(own: Origin, url: str, why: str) -> StepError:
    what = "host" if Origin.of(url).authority != own.authority else "scheme"
    return StepError("answer", f"GET /v2/ leads to another {what}, {shown_url(url)}: {why}")


def pull_manifest(run: Round, deadline: Deadline) -> None:
    """GET the canary's manifest by tag; it is pushed where there is none and pushing is on.

    Only the first push is a success: a canary that an earlier round found was lost by the registry.
    """
    reply = run.line.ask("GET", run.path(f"manifests/{CANARY}"), deadline, headers={**run.headers, "Accept": MANIFEST})
    if reply.status == 404 and run.target.push:
        push_image(run, TinyImage.made(CANARY, b"The canary of regobs export probe.\n"), deadline)
        if run.canary_was_there:
            raise StepError("status", f"{_refused('GET', reply)}: it was there before; pushed again")
        reply = run.ask("GET", run.path(f"manifests/{CANARY}"), deadline, (200,), kind=MANIFEST)
    if reply.status != 200:
        raise _refused("GET", reply)
    told = reply.header("docker-content-digest")
    if told and told != digest(reply.body):
        raise StepError("digest", f"the canary's manifest has {digest(reply.body)}, the registry says {told[:80]}")
    try:
        run.canary = {"manifest": digest(reply.body), "blob": str(_parsed(reply.body)["layers"][0]["digest"])}
    except (ValueError, LookupError, TypeError):
        raise StepError("answer", "the canary's manifest is none of an image with a layer") from None


def pull_blob(run: Round, deadline: Deadline) -> None:
    """GET the canary's layer, from wherever the registry redirects to."""
    wanted = run.canary["blob"]
    _expect_digest(run.ask("GET", run.path(f"blobs/{wanted}"), deadline, (200,)), wanted)


def push(run: Round, deadline: Deadline) -> None:
    """Push an image whose bytes no cache has seen, under a tag of its own where not too many are there already."""
    if run.target.delete and run.left is None:
        run.left = _left_by_others(run, deadline)
    tag = _FIXED
    if run.left is not None and run.left < _MOST_LEFT:
        tag = f"{_PREFIX}{int(time())}-{secrets.token_hex(4)}"
        run.left += 1  # until `delete` counts what stays: a push that fails may have stored its image
    image = TinyImage.made(tag, f"{time()} {secrets.token_hex(32)}\n".encode())
    push_image(run, image, deadline)
    run.pushed = image


def read_back(run: Round, deadline: Deadline) -> None:
    """GET manifest and layer of the image that was just pushed."""
    assert run.pushed is not None  # noqa: S101 - runs only after `push`
    wanted = digest(run.pushed.manifest)
    _expect_digest(run.ask("GET", run.path(f"manifests/{wanted}"), deadline, (200,), kind=MANIFEST), wanted)
    wanted = digest(run.pushed.layer)
    _expect_digest(run.ask("GET", run.path(f"blobs/{wanted}"), deadline, (200,)), wanted)


def delete(run: Round, deadline: Deadline) -> None:
    """DELETE the manifest of the image that was just pushed, then those that earlier rounds left."""
    assert run.pushed is not None  # noqa: S101 - runs only after `push`
    run.ask("DELETE", run.path(f"manifests/{digest(run.pushed.manifest)}"), deadline, (202,))
    run.left = _remove_left_behind(run, deadline)


def health(run: Round, deadline: Deadline) -> None:
    """GET /debug/health of the registry's debug port: which of its own checks fail."""
    reply = run.line.ask("GET", f"{run.target.debug_url}/debug/health", deadline)
    try:
        told = _parsed(reply.body)
    except ValueError:
        told = None
    if reply.status not in {200, 503} or not isinstance(told, dict):
        raise StepError("answer", f"/debug/health answers {reply.status} and no map of checks")
    run.failing_checks = tuple(str(check)[:80] for check in sorted(told)) if reply.status == 503 else ()
    if run.failing_checks:
        raise StepError("status", f"/debug/health: {', '.join(run.failing_checks)[:300]}")


def push_image(run: Round, image: TinyImage, deadline: Deadline) -> None:
    """Upload both blobs, each in one PUT, then the manifest under its tag."""
    for content in (image.layer, image.config):
        opened = run.ask("POST", run.path("blobs/uploads/"), deadline, (202,))
        parts = urlsplit(target_url(opened.url, opened.header("location")))
        query = "&".join(filter(None, (parts.query, urlencode({"digest": digest(content)}))))
        place = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
        run.ask("PUT", place, deadline, (201,), kind="application/octet-stream", body=content)
    stored = run.ask(
        "PUT", run.path(f"manifests/{image.tag}"), deadline, (201,), kind=MANIFEST, body=image.manifest
    ).header("docker-content-digest")
    if stored and stored != digest(image.manifest):
        raise StepError("digest", f"pushed {digest(image.manifest)}, the registry says {stored[:80]}")


def digest(content: bytes) -> str:
    """The name that a registry gives to this content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _remove_left_behind(run: Round, deadline: Deadline) -> int:
    """Delete images of rounds that ended between push and delete: those whose tag is older than ten minutes.

    How many of the probe's images stay.
    """
    tags = _own_tags(run, deadline)
    removed = 0
    for tag in [tag for tag in tags if _is_left_behind(tag)][:_MOST_REMOVED]:
        found = run.ask("HEAD", run.path(f"manifests/{tag}"), deadline, (200, 404), kind=MANIFEST)
        if found.status == 200:
            run.ask("DELETE", run.path(f"manifests/{found.header('docker-content-digest')}"), deadline, (202, 404))
            removed += 1
    return len(tags) - removed


def _left_by_others(run: Round, deadline: Deadline) -> int:
    """How many images earlier processes left. As many as may be where the registry does not tell."""
    try:
        return len(_own_tags(run, deadline))
    except StepError:
        return _MOST_LEFT


def _own_tags(run: Round, deadline: Deadline) -> list[str]:
    """The tags that rounds of a probe gave; none where the repository is new."""
    reply = run.ask("GET", run.path("tags/list"), deadline, (200, 404))
    try:
        tags = _parsed(reply.body).get("tags") or [] if reply.status == 200 else []
        return [tag for tag in tags if isinstance(tag, str) and _OWN_TAG(tag)]
    except (ValueError, AttributeError, TypeError):
        raise StepError("answer", "the list of tags is no JSON object") from None


def _is_left_behind(tag: str) -> bool:
    return time() - int(tag.split("-")[1]) > _LEFT_BEHIND


def _token(run: Round, told: Mapping[str, str], basic: str, deadline: Deadline) -> str:
    realm = told["realm"]
    try:
        origin = Origin.of(realm)
    except ValueError:
        raise StepError("auth", "the challenge names a token service that is no http or https URL") from None
    if basic and origin.scheme == "http" and run.target.url.startswith("https:"):
        raise StepError("auth", f"the token service {origin.authority} has no TLS: no password is sent to it")
    actions = ",".join(("pull", *(("push",) if run.target.push else ()), *(("delete",) if run.target.delete else ())))
    asked = {"scope": f"repository:{run.target.repository}:{actions}"}
    if told.get("service"):
        asked["service"] = told["service"]
    url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}"
    try:
        reply = run.line.ask("GET", url, deadline, headers={"Authorization": basic} if basic else {})
    except StepError as failure:
        if failure.reason == "timeout":
            raise
        raise StepError("auth", f"token service: {failure}") from None
    try:
        body = _parsed(reply.body) if reply.status == 200 else {}
        token = body.get("token") or body.get("access_token")
    except (ValueError, AttributeError):
        token = None
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise StepError("auth", f"token service {origin.authority} answers {reply.status} and no token")
    return token


def _challenge(header: str) -> tuple[str, dict[str, str]]:
    """Scheme and parameters of a WWW-Authenticate header."""
    scheme, _, rest = header.partition(" ")
    pairs = (part.partition("=") for part in parse_http_list(rest))
    return scheme.lower(), {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}


def _expect_registry(reply: Reply) -> None:
    if not reply.header("docker-distribution-api-version") and not _is_object(reply.body):
        raise StepError("answer", "GET /v2/: 200 without the header of a registry and without an object of JSON")


def _expect_digest(reply: Reply, wanted: str) -> None:
    if digest(reply.body) != wanted:
        raise StepError("digest", f"asked for {wanted}, got {digest(reply.body)} ({len(reply.body)} bytes)")


def _refused(method: str, reply: Reply) -> StepError:
    """401 and 403 are refusals of the credentials, all others are the registry's own."""
    words = ""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        words = ", ".join(str(error["code"])[:40] for error in _parsed(reply.body)["errors"][:3])
    path = urlsplit(reply.url).path[:200]
    reason = "auth" if reply.status in {401, 403} else "status"
    return StepError(reason, f"{method} {path}: {reply.status} {words}".rstrip())


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(_parsed(body), dict)
    except ValueError:
        return False


def _parsed(body: bytes) -> Any:
    """What an answer of JSON says. Raises ValueError for any other, also for one that is nested without end."""
    try:
        return json.loads(body)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode()
