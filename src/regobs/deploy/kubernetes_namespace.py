"""A namespace of a Kubernetes cluster, with the objects of a build's `kubernetes/`, by server-side apply.

https://kubernetes.io/docs/reference/using-api/server-side-apply/: the server keeps who wrote each field, so what
controllers and defaults add to an object is no change. It changes one object at a time: while a deployment runs, some
are new and some are old.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from regobs.build.rulers import NAMESPACE as PREFIX
from regobs.config.named import ObjectKind
from regobs.deploy.board_changes import board_changes
from regobs.deploy.kubernetes_cluster import VERSIONS, KubernetesCluster
from regobs.deploy.loaded_rules import GroupKey, Rule, await_groups
from regobs.deploy.managed_fields import MANAGER, Json, object_bytes, read_objects, written_object
from regobs.deploy.rule_changes import rule_changes
from regobs.deploy.rules_directory import refuse_rules
from regobs.deploy.state import Objects
from regobs.deploy.target import PlannedChange
from regobs.documents import dump_yaml, load_yaml_all
from regobs.errors import InputError, ServerError
from regobs.prometheus import Prometheus, RuleGroup

_RULES, _DASHBOARDS = ObjectKind.PROMETHEUS_RULE, ObjectKind.CONFIG_MAP
_FOLDER, _KUSTOMIZATION = "kubernetes/", "kubernetes/kustomization.yaml"
_TIMEOUT = 30.0  # seconds
_PAGE = 200  # objects of one answer
_SHOWN = 400  # characters of a value: a whole dashboard is longer
# The operator writes rule objects into a volume: the kubelet brings it to the pod within about a minute (its sync
# period), the sidecar makes Prometheus read it, and each group is evaluated once.
_LOAD_SECONDS = 300.0
# How the operator names the file of a rule object: namespace, name, uid (pkg/operator/rules.go of its repository).
_RULE_FILE = r"{namespace}-(.+)-[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\.yaml"


class KubernetesNamespace:
    """The objects of a namespace whose names begin with `regobs`, by `<kind>/<name>`.

    `kinds` are those that are deployed, all if none is given. Without `kubeconfig` the usual places hold: KUBECONFIG,
    ~/.kube/config, and inside a cluster the service account. `open_server` gives a client of the Prometheus that loads
    the rules, where one is known.
    """

    def __init__(
        self,
        name: str,
        namespace: str,
        kinds: Collection[ObjectKind] = (),
        *,
        kubeconfig: Path | None = None,
        cluster: str = "",
        open_server: Callable[[], Prometheus] | None = None,
        patience: float = _LOAD_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name, self._namespace, self._open = name, namespace, open_server
        self._kinds = tuple(kind for kind in ObjectKind if not kinds or kind in kinds)
        self._read = self._kinds  # and those of what is ours
        self._cluster = KubernetesCluster(kubeconfig, cluster, namespace)
        self._patience, self._sleep = patience, sleep
        self._versions: dict[str, str] = {}  # the resourceVersion of each object when it was read last
        self._answered: dict[str, bytes] = {}  # each object that the last `write` applied, as the cluster answered it
        self._written: tuple[Objects, Objects] = ({}, {})  # what was there before the last `write`, and after it

    @property
    def name(self) -> str:
        """As regobs.toml calls it."""
        return self._name

    def wanted(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """The objects of a build that are of these kinds."""
        found: dict[str, bytes] = {}
        for file, content in files.items():
            if file.startswith(_FOLDER) and file != _KUSTOMIZATION:
                for document in load_yaml_all(content, file):
                    items = document.data["items"] if document.data["kind"] == "List" else [document.data]
                    found |= {_key(one): object_bytes(one) for one in items if one["kind"] in self._kinds}
        return found

    def owns(self, names: Collection[str]) -> None:
        """Objects of these kinds are read too: what is ours stays so when `kinds` is narrowed, and is deleted then."""
        ours = {name.partition("/")[0] for name in names}
        self._read = tuple(kind for kind in ObjectKind if kind in self._kinds or str(kind) in ours)

    def read(self) -> dict[str, bytes]:
        """Every object of these kinds whose name is one of ours; nothing of a kind that the cluster does not know."""
        found: dict[str, bytes] = {}
        self._versions = {}
        for kind in self._read:
            resource = self._cluster.resource(kind)
            if resource is None:
                continue
            try:
                for one in self._listed(resource):
                    if _is_ours(one):
                        found[_key(one)] = written_object(one)
                        self._versions[_key(one)] = str(one["metadata"].get("resourceVersion") or "")
            except ServerError as error:
                if kind not in self._kinds and error.status == 403:
                    error.next_step = (
                        f"{kind} was deployed before `kinds` of this target was narrowed: give the right to list, "
                        "patch and delete these objects until the next apply has deleted them, or name the kind again"
                    )
                raise
        return found

    def _listed(self, resource: Any) -> Iterator[Json]:
        token = None
        while True:
            with self._cluster.speaking(f"list {resource.kind}"):
                got = resource.get(
                    namespace=self._namespace, limit=_PAGE, _continue=token, serialize=False, _request_timeout=_TIMEOUT
                )
                answer = json.loads(got.data)
                items, token = answer["items"], answer["metadata"].get("continue")
            for one in items:
                yield {"apiVersion": resource.group_version, "kind": resource.kind} | one
            if not token:
                return

    def fits(self, name: str, content: bytes) -> bool:
        """Whether it is an object of ours of this kind and name, in this namespace."""
        one = json.loads(content)
        here = one["metadata"].get("namespace") in {None, self._namespace}
        return name == _key(one) and one["kind"] in set(map(str, ObjectKind)) and _is_ours(one) and here

    def check(self, objects: Objects) -> None:
        """Refuse what the cluster refuses in a dry run, what promtool refuses, and kinds that the cluster lacks."""
        refuse_rules(_rule_files(objects))
        if self._open is not None:
            with self._open() as server:
                server.rules()
        for key, content in objects.items():
            if self._cluster.resource(key.partition("/")[0]) is None:
                raise InputError(
                    "the cluster does not know this kind of object",
                    value=f"{key.partition('/')[0]} ({VERSIONS[ObjectKind(key.partition('/')[0])]})",
                    expected="the resource definitions of prometheus-operator",
                    next_step="install them, or name the kinds that are wanted: `kinds` of this target in regobs.toml",
                )
            self._apply(key, content, dry_run=True)

    def write(self, before: Objects, after: Objects) -> None:
        """One object at a time: those that differ are applied, those that went away are deleted.

        The cluster refuses with 409 what somebody wrote or deleted since `read`.
        """
        self._written, self._answered = (before, after), {}
        for key, content in after.items():
            if before.get(key) != content:
                self._while_it_is(key, before.get(key), partial(self._apply, key, content))
        for key in before:
            if key not in after:
                self._while_it_is(key, before[key], partial(self._delete, key))

    def _while_it_is(self, key: str, content: bytes | None, change: Callable[[], None]) -> None:
        """Change an object whose content is this; once more where only its version is another, as that of a status."""
        try:
            change()
        except ServerError as error:
            if error.status != 409:
                raise
            versions = self._versions
            same = self.read().get(key) == content
            self._versions = versions | {key: self._versions.get(key, "")}
            if not same:
                raise
            change()

    def _delete(self, key: str) -> None:
        kind, _, name = key.partition("/")
        version = self._versions.get(key)
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"resourceVersion": version}}
        with self._cluster.speaking(f"delete {key}", missing=True):
            self._cluster.resource(kind).delete(
                name=name, namespace=self._namespace, body=body if version else None, _request_timeout=_TIMEOUT
            )

    def _apply(self, key: str, content: bytes, *, dry_run: bool = False) -> None:
        kind, _, name = key.partition("/")
        more = {"dry_run": "All"} if dry_run else {}
        body = json.loads(content)
        if not dry_run and self._versions.get(key):
            body["metadata"]["resourceVersion"] = self._versions[key]  # of an object that is there: it must be this one
        with self._cluster.speaking(f"apply {key}"):
            resource = self._cluster.resource(kind)
            got = resource.server_side_apply(
                body=body,
                name=name,
                namespace=self._namespace,
                field_manager=MANAGER,
                force_conflicts=True,  # conflicts are told in the plan, and refused there
                serialize=False,
                _request_timeout=_TIMEOUT,
                **more,
            )
            if not dry_run:
                answer = {"apiVersion": resource.group_version, "kind": resource.kind} | json.loads(got.data)
                self._answered[key] = written_object(answer)

    def edited_since(self, found: Objects) -> list[str]:
        """Objects that are not as the cluster answered when we applied them, or are gone again."""
        return [key for key, content in self._answered.items() if found.get(key) != content]

    def verify(self, objects: Objects) -> None:
        """Every object can be read and is what was applied; where a Prometheus is known, it evaluates the rules."""
        here = self.read()
        for key, content in objects.items():
            if here.get(key) != content:
                raise ServerError(
                    f"{key} {'is not what was applied' if key in here else 'is not there'}",
                    value=f"namespace {self._namespace} of {self._cluster.address}",
                    next_step="see whether something else writes to this object, such as Argo CD or Flux",
                )
        if self._open is not None and _RULES in self._read:
            before, after = (dict(_groups(one)) for one in self._written)
            with self._open() as server:
                await_groups(
                    server, dict(_groups(objects)), self._rule_object, namespace=self._namespace,
                    gone=set(before) - set(after),
                    patience=self._patience, sleep=self._sleep,
                )  # fmt: skip

    def _rule_object(self, group: RuleGroup) -> str | None:
        """The name of the rule object that a loaded group came from; None when it is none of ours."""
        pattern = _RULE_FILE.format(namespace=re.escape(self._namespace))
        found = re.fullmatch(pattern, group.file.rpartition("/")[2])
        return found[1] if found and _has_prefix(found[1]) else None

    def same(self, ours: bytes, live: bytes) -> bool:
        """Whether both are equal: `read` leaves out what is not ours."""
        return ours == live

    def announce(self, text: str) -> None:
        """Nothing: a cluster shows no such things."""

    def changes(self, before: Objects, after: Objects) -> list[PlannedChange]:
        """Rules and panels added, removed and changed; of everything else the values that differ."""
        files = [_config_files(objects) for objects in (before, after)]
        plain = {place for side in files for place, (_, board) in side.items() if board is None}
        boards = [_boards(side, plain) for side in files]
        rules = rule_changes(_rule_files(before), _rule_files(after))
        return [*rules, *board_changes(*boards), *_value_changes(before, after, plain)]


def _key(one: Mapping[str, Any]) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def _is_ours(one: Mapping[str, Any]) -> bool:
    return _has_prefix(str(one["metadata"]["name"]))


def _has_prefix(name: str) -> bool:
    return name == PREFIX or name.startswith(f"{PREFIX}-")


def _rule_files(objects: Objects) -> dict[str, bytes]:
    """What the rule objects hold, each as a rule file."""
    rules = {key: one for key, one in read_objects(objects).items() if one["kind"] == _RULES}
    return {f"{key.partition('/')[2]}.yaml": dump_yaml(one["spec"]).encode() for key, one in rules.items()}


def _groups(objects: Objects) -> Iterator[tuple[GroupKey, Sequence[Rule]]]:
    """Each group by the object and its name, with its rules."""
    for key, one in read_objects(objects).items():
        if one["kind"] == _RULES:
            for group in one["spec"].get("groups") or ():
                yield (key.partition("/")[2], str(group["name"])), group.get("rules") or ()


_Place = tuple[str, str]  # a config map and a file in it


def _config_files(objects: Objects) -> dict[_Place, tuple[Any, Json | None]]:
    """Each file of config maps, with the dashboard that it is, None for what is none."""
    found: dict[_Place, tuple[Any, Json | None]] = {}
    for key, one in read_objects(objects).items():
        files = one.get("data")
        if one["kind"] == _DASHBOARDS and isinstance(files, dict):
            found |= {(key, file): (text, _board(text)) for file, text in files.items()}
    return found


def _board(text: Any) -> Json | None:
    try:
        board = json.loads(text)
        board_changes({"": board}, {"": board})
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        return None
    return dict(board)


def _boards(files: Mapping[_Place, tuple[Any, Json | None]], plain: Collection[_Place]) -> dict[str, Json]:
    """The dashboards, but for those that are none on the other side."""
    found = {place[1]: board for place, (_, board) in files.items() if board is not None and place not in plain}
    return {file.removesuffix(".json"): board for file, board in found.items()}


def _value_changes(before: Objects, after: Objects, plain: Collection[_Place]) -> Iterator[PlannedChange]:
    """Of what is neither rule nor dashboard: objects that came and went, and each value that differs."""
    old, new = (dict(_plain_values(objects, plain)) for objects in (before, after))
    for key in sorted({*old, *new}):
        thing = key.replace("/", " ")
        if key not in new or key not in old:
            yield PlannedChange(thing, "object removed" if key not in new else "object added")
            continue
        for path in sorted({*old[key], *new[key]}):
            was, now = old[key].get(path, ""), new[key].get(path, "")
            if was != now:
                yield PlannedChange(thing, f"{path} changed", _brief(was), _brief(now))


def _brief(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{len(value)} characters"


def _plain_values(objects: Objects, plain: Collection[_Place]) -> Iterator[tuple[str, dict[str, str]]]:
    for key, one in read_objects(objects).items():
        values = {name: value for name, value in one.items() if name != "spec" or one["kind"] != _RULES}
        if one["kind"] == _DASHBOARDS and isinstance(one.get("data"), dict):
            values["data"] = {file: text for file, text in one["data"].items() if (key, file) in plain}
        yield key, {path: value for path, value in _leaves(values, "") if (path, value) != ("data", "{}")}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)
