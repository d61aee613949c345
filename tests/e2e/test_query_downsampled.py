"""`regobs query` on a real Thanos whose Store Gateway has three days, thinned to a sample of each five minutes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.errors import ExitCode
from tests.e2e.conftest import require
from tests.peers import required_thanos, thanos_servers

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]
Output = pytest.CaptureFixture[str]
BEGIN = 342 * 1458 * 3600  # where a block of 1,458 hours begins: three days in one block
MINUTES = 3 * 24 * 60
AT = BEGIN + 2 * 86_400 + 120  # two minutes into five, so that the mean of the five is not the sample


@dataclass(frozen=True)
class Stored:
    """A Thanos Query over one store."""

    url: str

    def ask(self, capsys: Output, *arguments: str) -> tuple[int, dict[str, object], str]:
        code = run(["query", *arguments, "--prometheus", self.url, "--format", "json"])
        out, err = capsys.readouterr()
        return code, json.loads(out), err


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    """A gauge that has the number of its minute, squared: the mean of five is another number."""
    folder = tmp_path_factory.mktemp("stored")
    lines = [f'squares{{job="a"}} {minute * minute} {BEGIN + 60 * minute}' for minute in range(MINUTES)]
    (folder / "history.om").write_text("\n".join(["# TYPE squares gauge", *lines, "# EOF\n"]))
    promtool = require("promtool", package="prometheus")
    made = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=1458h", "-q"]
    subprocess.run([*made, str(folder / "history.om"), str(folder / "blocks")], check=True, timeout=60)
    with Supervisor() as supervisor:
        blocks = [path for path in (folder / "blocks").iterdir() if (path / "meta.json").is_file()]
        store = thanos_servers.store_gateway(supervisor, required_thanos(), blocks, folder)
        yield Stored(thanos_servers.query(supervisor, required_thanos(), [store], "store").url)


def test_an_instant_is_exact_until_thinned_samples_are_allowed(stored: Stored, capsys: Output) -> None:
    code, exact, err = stored.ask(capsys, "squares", "--at", str(AT))
    minute = (AT - BEGIN) // 60
    assert (code, err, exact["result"][0]["value"]) == (ExitCode.OK, "", minute**2)  # type: ignore[index]
    code, thinned, err = stored.ask(capsys, "squares", "--at", str(AT), "--max-source-resolution", "5m")
    assert code == ExitCode.INCOMPLETE
    assert err.startswith("DOWNSAMPLED: ")
    assert thinned["result"][0]["value"] != minute**2  # type: ignore[index]
    assert thinned["complete"] is False


def test_sums_over_whole_windows_are_the_same_thinned(stored: Stored, capsys: Output) -> None:
    """Thanos keeps the sum, the smallest and the largest of each five minutes; what it counts is thinned samples."""
    for function in ("sum", "min", "max"):
        query = [f"{function}_over_time(squares[1h])", "--at", str(BEGIN + 2 * 86_400 - 1)]
        exact = stored.ask(capsys, *query)[1]["result"]
        thinned = stored.ask(capsys, *query, "--max-source-resolution", "5m")[1]["result"]
        assert thinned[0]["value"] == pytest.approx(exact[0]["value"], rel=0.09), function  # type: ignore[index]
    code, counted, err = stored.ask(
        capsys, "count_over_time(squares[1h])", "--at", str(AT), "--max-source-resolution", "5m"
    )
    assert (code, counted["result"][0]["value"]) == (ExitCode.INCOMPLETE, 12)  # type: ignore[index]
    assert err.startswith("DOWNSAMPLED: ")


def test_a_long_range_takes_the_resolution_that_fits_its_step(stored: Stored, capsys: Output) -> None:
    span = ["--from", str(BEGIN), "--to", str(BEGIN + 60 * MINUTES)]
    code, coarse, err = stored.ask(
        capsys, "max_over_time(squares[1h])", *span, "--step", "1h", "--max-source-resolution", "auto"
    )
    assert "samples of a source resolution of 5m" in err
    assert code == ExitCode.INCOMPLETE
    points = coarse["result"][0]["points"]  # type: ignore[index]
    assert len(points) >= 71
    _, fine, err = stored.ask(capsys, "squares", *span, "--step", "5m", "--max-source-resolution", "auto")
    assert "samples of a source resolution of 0s" in err or "samples of a source resolution of 0" in err
    assert [value for _, value in fine["result"][0]["points"]][:3] == [0, 25, 100]  # type: ignore[index]
