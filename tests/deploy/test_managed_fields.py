"""What somebody wrote of an object of a cluster is told from what the server filled in."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from regobs.deploy.managed_fields import object_bytes, written_object

OURS = "regobs"


def entry(fields: dict[str, Any], manager: str = OURS, operation: str = "Apply") -> dict[str, Any]:
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def rule(spec: dict[str, Any], *managers: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "regobs-http", "uid": "1", "managedFields": list(managers), **metadata},
        "spec": spec,
    }


def read(live: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(written_object(live)))


GROUPS: dict[str, Any] = {"f:groups": {'k:{"name":"a"}': {".": {}, "f:name": {}, "f:rules": {}}}}


def test_values_that_the_server_filled_in_are_left_out() -> None:
    live = rule({"groups": [{"name": "a", "rules": [1], "limit": 0}], "mode": "default"}, entry({"f:spec": GROUPS}))
    assert read(live)["spec"] == {"groups": [{"name": "a", "rules": [1]}]}


def test_values_that_others_wrote_into_the_content_are_seen() -> None:
    theirs = entry(
        {"f:spec": {"f:groups": {'k:{"name":"a"}': {"f:interval": {}}, 'k:{"name":"b"}': {".": {}, "f:name": {}}}}},
        "kubectl-edit",
        "Update",
    )
    live = rule(
        {"groups": [{"name": "a", "rules": [1], "interval": "1m"}, {"name": "b"}]}, entry({"f:spec": GROUPS}), theirs
    )
    assert read(live)["spec"] == {"groups": [{"name": "a", "rules": [1], "interval": "1m"}, {"name": "b"}]}


def test_labels_of_others_are_no_part_of_an_object_of_ours() -> None:
    ours = entry({"f:metadata": {"f:labels": {"f:part": {}}}, "f:spec": GROUPS})
    labels = {"part": "regobs", "argocd": "x"}
    live = rule({"groups": []}, ours, entry({"f:metadata": {"f:labels": {"f:argocd": {}}}}, "argo"), labels=labels)
    assert read(live)["metadata"] == {"name": "regobs-http", "labels": {"part": "regobs"}}


def test_an_object_that_we_never_applied_keeps_its_labels_but_not_the_copy_of_kubectl() -> None:
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": "{}", "team": "a"}
    live = rule(
        {"groups": []}, entry({"f:spec": GROUPS}, "kubectl", "Update"), annotations=annotations, labels={"x": "y"}
    )
    assert read(live)["metadata"] == {"name": "regobs-http", "annotations": {"team": "a"}, "labels": {"x": "y"}}
    assert read(rule({"a": 1}))["spec"] == {"a": 1}


def test_values_of_a_set_and_empty_values_are_kept() -> None:
    live = rule(
        {"names": ["a", "b"], "selector": {}, "list": []},
        entry({"f:spec": {"f:names": {'v:"a"': {}}, "f:selector": {}, "f:list": {}}}),
    )
    assert read(live)["spec"] == {"names": ["a"], "selector": {}, "list": []}


PLAIN = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3),
    max_leaves=12,
)


def fields_of(value: Any) -> dict[str, Any]:
    """The fields of a value as the server notes them: maps field by field, lists as a whole."""
    return {f"f:{key}": fields_of(inner) for key, inner in value.items()} if isinstance(value, dict) else {}


def with_defaults(value: Any) -> Any:
    return (
        {key: with_defaults(inner) for key, inner in value.items()} | {"~filled in": 1}
        if isinstance(value, dict) and value
        else value
    )


@given(st.dictionaries(st.text(min_size=1, max_size=3), PLAIN, max_size=4))
def test_whatever_was_applied_is_read_back_the_same(spec: dict[str, Any]) -> None:
    wanted = {"apiVersion": "v1", "kind": "A", "metadata": {"name": "regobs", "labels": {"a": "b"}}, "spec": spec}
    fields = {"f:metadata": {"f:labels": {".": {}, "f:a": {}}}, "f:spec": fields_of(spec)}
    live = wanted | {
        "metadata": {"name": "regobs", "labels": {"a": "b", "c": "d"}, "uid": "1", "managedFields": [entry(fields)]},
        "spec": with_defaults(spec),
    }
    assert written_object(live) == object_bytes(wanted)


def test_what_is_null_is_absent() -> None:
    assert object_bytes({"a": None, "b": [{"c": None}]}) == b'{"b":[{}]}'
