"""Functions and aggregations by the release of Prometheus that has them, as promtool of the oldest one says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from regobs.errors import PromqlError
from regobs.promql.functions import AGGREGATIONS, INSTEAD, SIGNATURES, SINCE
from regobs.promql.parse import parse
from regobs.promql.series import check_classic

_WRITTEN = {"vector": "a", "matrix": "a[5m]", "scalar": "0.5", "string": '"b"'}


def call(name: str) -> str:
    """A call of a function or aggregation with as many arguments as it has, as a vector."""
    if name in AGGREGATIONS:
        return f"{name}({_WRITTEN[AGGREGATIONS[name]]}, a)" if AGGREGATIONS[name] else f"{name}(a)"
    signature = SIGNATURES[name]
    made = f"{name}({', '.join(_WRITTEN[kind] for kind in signature.arguments)})"
    return f"vector({made})" if signature.returns == "scalar" else made


@pytest.mark.server
def test_promtool_of_the_oldest_release_refuses_what_is_newer_and_takes_everything_else(tmp_path: Path) -> None:
    from tests.e2e.conftest import require  # loads what the oldest dependencies are tested without

    promtool = require("promtool", package="prometheus")
    version = subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True).stdout
    names = [*AGGREGATIONS, *SIGNATURES]
    refused = set()
    for name in names:
        file = tmp_path / f"{name}.yaml"
        file.write_text(f"groups:\n- name: a\n  rules:\n  - record: x\n    expr: '{call(name)}'\n")
        if subprocess.run([promtool, "check", "rules", file], capture_output=True, check=False).returncode:
            refused.add(name)
    have = tuple(int(one) for one in version.split()[2].split(".")[:2])
    assert refused == {name for name, since in SINCE.items() if tuple(map(int, since.split("."))) > have}


@pytest.mark.parametrize("name", SINCE)
def test_a_newer_function_is_refused_with_the_release_that_has_it(name: str) -> None:
    with pytest.raises(PromqlError, match=f"{name} is there since Prometheus {SINCE[name]};") as caught:
        check_classic(parse(f"max({call(name)}) > 1"))
    assert caught.value.value == name


def test_what_every_supported_release_has_is_not_refused() -> None:
    for name in {*AGGREGATIONS, *SIGNATURES} - {*SINCE}:
        check_classic(parse(call(name)))
    assert INSTEAD.keys() <= SINCE.keys()
