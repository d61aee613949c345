"""The API of a Kubernetes cluster as the client library asks it, each fault as one error."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from regobs.common.reasons import reason_of
from regobs.config.named import ObjectKind
from regobs.errors import InputError, MachineError, RegobsError, ServerError
from regobs.prometheus.address import bare
from regobs.secrets import MASK

_OPERATOR = "monitoring.coreos.com"
VERSIONS = {
    ObjectKind.PROMETHEUS_RULE: f"{_OPERATOR}/v1",
    ObjectKind.POD_MONITOR: f"{_OPERATOR}/v1",
    ObjectKind.PROBE: f"{_OPERATOR}/v1",
    ObjectKind.ALERTMANAGER_CONFIG: f"{_OPERATOR}/v1alpha1",
    ObjectKind.CONFIG_MAP: "v1",
}


class KubernetesCluster:
    """The cluster of a kubeconfig and its context, or the one that we run in; for errors the namespace in question."""

    def __init__(self, kubeconfig: Path | None, cluster: str, namespace: str) -> None:
        self._kubeconfig, self._cluster, self._namespace = kubeconfig, cluster, namespace
        self._client: Any = None
        self.address = ""  # as its kubeconfig has it
        self._secrets: list[str] = []

    def resource(self, kind: str) -> Any:
        """What the client calls a kind of objects; None when the cluster does not know it."""
        library = _library()
        if self._client is None:
            self._client = self._connected(library)
        with self.speaking(f"look up {kind}"):
            try:
                return self._client.resources.get(api_version=VERSIONS[ObjectKind(kind)], kind=kind)
            except library.dynamic.exceptions.ResourceNotFoundError:
                return None

    def _connected(self, library: ModuleType) -> Any:
        settings = library.client.Configuration()
        try:
            if self._kubeconfig is None and not self._cluster and _in_cluster():
                library.config.load_incluster_config(client_configuration=settings)
            else:
                library.config.load_kube_config(
                    config_file=str(self._kubeconfig) if self._kubeconfig else None,
                    context=self._cluster or None,
                    client_configuration=settings,
                    persist_config=False,
                )
        except (library.config.ConfigException, OSError, ValueError) as error:
            raise InputError(
                "the cluster's address and its access cannot be read",
                value=str(error)[:300],
                expected="a kubeconfig with this context",
                next_step="correct `kubeconfig` or `cluster` of this target in regobs.toml, or KUBECONFIG",
            ) from None
        settings.retries = False
        self.address = bare(settings.host)
        self._secrets = [
            one.split()[-1] for one in (*settings.api_key.values(), settings.password or "") if one.strip()
        ]
        with self.speaking("ask for its kinds"), tempfile.TemporaryDirectory(prefix="regobs-deploy.") as folder:
            # the client keeps what it learned in a file that it would share with other users of this machine
            return library.dynamic.DynamicClient(
                library.client.ApiClient(settings), cache_file=str(Path(folder) / "kinds.json")
            )

    @contextmanager
    def speaking(self, doing: str, *, missing: bool = False) -> Iterator[None]:
        """Whatever goes wrong between the cluster and us is one ServerError; with `missing` 404 is nothing wrong."""
        library = _library()
        try:
            yield
        except RegobsError:
            raise
        except library.dynamic.exceptions.ResourceNotFoundError:
            raise
        except library.client.ApiException as error:  # those of the dynamic client too
            if not error.status:  # TLS: there is no answer
                raise self._unreachable(doing, error.reason) from error
            self._refused(doing, error, missing=missing)
        except Exception as error:
            raise self._unreachable(doing, reason_of(error), late=_is_late(error)) from error

    def _unreachable(self, doing: str, why: object, *, late: bool = False) -> ServerError:
        what = "did not answer in time" if late else "cannot be reached, or what answers is no Kubernetes API"
        error = ServerError(
            f"the cluster at {self.address} {what}",
            value=f"{doing}: {' '.join(str(why).split())[:200]}",
            next_step="check the server of the kubeconfig, its certificate and that it runs",
        )
        error.fault = "late" if late else ""
        return error

    def _refused(self, doing: str, error: Any, *, missing: bool) -> None:
        said, status = _message(error.body), error.status
        for secret in self._secrets:
            said = said.replace(secret, MASK)
        if missing and status == 404:
            return
        denied = status in {401, 403}
        refused = ServerError(
            f"the cluster at {self.address} {'does not let us do this' if denied else f'refuses to {doing}'}",
            value=f"{status}: {f'{doing} in {self._namespace}: ' if denied else ''}{said}",
            expected="a user or service account that may list, create, patch and delete these objects"
            if denied
            else None,
            next_step="correct the user of the kubeconfig or its token; docs/deploy.md has the role"
            if denied
            else "correct the pack or the namespace; docs/deploy.md says which objects it needs",
        )
        refused.status = status
        after = str((error.headers or {}).get("Retry-After", ""))
        refused.retry_after = float(after) if after.isascii() and after.isdigit() and len(after) <= 6 else None
        raise refused from error


def _library() -> ModuleType:
    try:
        import kubernetes.client  # noqa: PLC0415 - takes a second; only those who deploy to a cluster pay for it
        import kubernetes.config  # noqa: PLC0415
        import kubernetes.dynamic  # noqa: PLC0415
        import kubernetes.dynamic.exceptions  # noqa: PLC0415
    except ImportError:
        raise MachineError(
            "deployments to a cluster need the Kubernetes client, which is not installed",
            expected="the extra `kubernetes` of regobs",
            next_step="install it: pip install 'regobs[kubernetes]'",
        ) from None
    module: ModuleType = kubernetes
    return module


def _is_late(error: BaseException) -> bool:
    """Whether the time of a request is over: urllib3 puts that into the reason of another error."""
    import urllib3  # noqa: PLC0415 - that of the client

    reason = getattr(error, "reason", error)
    refused = isinstance(reason, urllib3.exceptions.NewConnectionError)  # counted there among those that take too long
    return isinstance(reason, urllib3.exceptions.TimeoutError) and not refused


def _in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ


def _message(body: Any) -> str:
    """The message of a Status of the API; of anything else its first characters."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "")
    try:
        return str(json.loads(text)["message"])[:500]
    except (ValueError, KeyError, TypeError, RecursionError):
        return " ".join(text[:300].split())
