from __future__ import annotations

import json

import pytest
import yaml

from regobs.config import Config
from regobs.errors import DashboardError
from regobs.grafana.configmaps import FILE, MOST_BYTES, configmaps
from regobs.grafana.outputs import files
from tests.pack.test_dashboards import PACK

BOUND = len('{"panels":""}')


def test_each_dashboard_is_one_configmap_with_the_label_of_the_sidecar() -> None:
    written = files(PACK, Config())
    maps = list(yaml.safe_load_all(written[FILE]))
    assert len(maps) > 5
    for one in maps:
        assert (one["apiVersion"], one["kind"]) == ("v1", "ConfigMap")
        assert one["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert one["metadata"]["annotations"]["grafana_folder"] == "Container Registry"
        [(name, text)] = one["data"].items()
        assert one["metadata"]["name"] == "regobs-" + name.removesuffix(".json")
        assert json.loads(text) == json.loads(written[f"dashboards/{name}"])
    names = [name for one in maps for name in one["data"]]
    assert names == sorted(name.removeprefix("dashboards/") for name in written if name.startswith("dashboards/"))


def test_the_label_of_the_sidecar_can_be_another() -> None:
    [one] = yaml.safe_load_all(configmaps({"a": b'{"title": "A"}'}, "dashboards=yes"))
    assert one["metadata"]["labels"]["dashboards"] == "yes"


def test_texts_that_yaml_would_read_otherwise_come_back_as_they_were() -> None:
    dashboard = {"title": 'a: "b" # c', "description": "two\nlines\t→ \\ 'x' \u0085"}
    [one] = yaml.safe_load_all(configmaps({"a": json.dumps(dashboard).encode()}, "a=1"))
    assert json.loads(one["data"]["a.json"]) == dashboard


@pytest.mark.parametrize(("size", "fits"), [(MOST_BYTES, True), (MOST_BYTES + 1, False)])
def test_a_dashboard_fits_into_a_configmap_up_to_its_limit(size: int, *, fits: bool) -> None:
    content = json.dumps({"panels": "x" * (size - BOUND)}).encode()
    if fits:
        assert configmaps({"a": content}, "a=1")
        return
    with pytest.raises(DashboardError, match="too large") as caught:
        configmaps({"a": content}, "a=1")
    assert str(caught.value.value) == f"{size} bytes"
