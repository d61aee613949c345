"""How long `regobs slo backtest` takes for 28 days of 14 SLOs from recorded series, beside promtool on the same rules.

    python benchmarks/slo_replay.py              28 days of 14 SLOs on a Prometheus of its own
    python benchmarks/slo_replay.py --days 2     less

promtool evaluates the generated rules of one SLO over a few hours; CPU times of both are stated for each evaluation.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from regobs.budgets.backtest import Objectives
from regobs.budgets.stream import replayed
from regobs.catalog import slo as names
from regobs.catalog.model import Capability, Flavor
from regobs.common.programs import Supervisor, find_program
from regobs.config import Config
from regobs.demo import servers
from regobs.documents import dump_yaml
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.slo import compile_rules

EVERY, END = 30, 1_795_003_200  # seconds; 2026-11-18 12:00 UTC
SLOS = 14
LABELS = 'route="/v2/{name}/tags/list",method="get",job="registry",instance="a"'
RULES_STEPS = 600  # evaluations that promtool makes


def write_history(path: Path, slos: list[str], days: int) -> int:
    """Recorded samples of each evaluation, with an outage of ten minutes a week; how many they are."""
    count = days * 86_400 // EVERY
    times = END - EVERY * np.arange(count, dtype=np.int64)[::-1]
    bad = np.random.default_rng(1).binomial(200, 0.0005, count)
    bad[:: 7 * 2880][1:] = 200
    for start in range(1440, count, 7 * 2880):
        bad[start : start + 20] = 200
    with path.open("w") as file:
        for family, values in ((names.EVENTS, np.full(count, 200)), (names.BAD_EVENTS, bad)):
            series = family(f"{EVERY}s").name
            file.write(f"# TYPE {series} gauge\n")
            for name in slos:
                labels = f'{series}{{slo="{name}",operation="all",sli="availability"}}'
                file.writelines(f"{labels} {value} {at}\n" for value, at in zip(values, times, strict=True))
        file.write("# EOF\n")
    return 2 * count * len(slos)


def ours(objectives: Objectives, days: int) -> float:
    """Seconds of the replay, reading included."""
    with tempfile.TemporaryDirectory() as name, Supervisor() as supervisor:
        folder = Path(name)
        samples = write_history(folder / "history.om", [slo.name for slo in objectives.slos], days)
        blocks = [find_program("promtool", package="prometheus"), "tsdb", "create-blocks-from", "openmetrics"]
        command = [*map(str, blocks), "--max-block-duration=1458h", f"{name}/history.om", f"{name}/data"]
        subprocess.run(command, check=True, capture_output=True)
        url = servers.prometheus(supervisor, {"scrape_configs": []}, data=folder / "data", retention="100y").url
        with Prometheus(url) as client:
            before, used = time.perf_counter(), time.process_time()
            (found,) = replayed(client, [objectives], ((END - days * 86_400) * 1000, END * 1000))
            wall, cpu = time.perf_counter() - before, time.process_time() - used
    assert found.evaluations * 2 == samples, (found.evaluations, samples)
    print(
        f"regobs: {days} days of {len(objectives.slos)} SLOs, {found.evaluations:,} evaluations,"
        f" {len(found.alerts)} alerts: {wall:.1f} s, {cpu:.1f} s of CPU"
    )
    return cpu / found.evaluations


def rules(group: object) -> float:
    """Seconds that promtool takes for an evaluation of one SLO's rules."""
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "rules.yaml").write_text(dump_yaml({"groups": [group]}))
        series = [
            {
                "series": f'registry_http_requests_total{{code="{code}",{LABELS}}}',
                "values": f"0+{grown}x{2 * RULES_STEPS}",
            }
            for code, grown in (("200", 100), ("503", 1))
        ]
        checks = [
            {"expr": "vector(1)", "eval_time": f"{RULES_STEPS * EVERY}s", "exp_samples": [{"labels": "{}", "value": 1}]}
        ]
        tests = [{"interval": "15s", "input_series": series, "promql_expr_test": checks}]
        data = {"rule_files": ["rules.yaml"], "evaluation_interval": "30s", "tests": tests}
        (Path(name) / "test.yaml").write_text(dump_yaml(data))
        program = find_program("promtool", package="prometheus")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([str(program), "test", "rules", f"{name}/test.yaml"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"promtool: {RULES_STEPS} evaluations of 1 SLO: {cpu:.1f} s of CPU")
    return cpu / RULES_STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=28)
    options = parser.parse_args()
    config = Config(flavor=Flavor.GITLAB, capabilities=frozenset(Capability))
    compiled = compile_rules(find_pack(), config)
    chosen = compiled.slos[:SLOS]
    objectives = Objectives("as it is", tuple(one.slo for one in chosen), compiled.windows, config)
    mine = ours(objectives, options.days)
    theirs = rules(next(one.group for one in compiled.slos if one.slo.name == "tag-list-availability"))
    print(
        f"CPU of an evaluation: regobs {mine * 1e6:.1f} us, promtool {theirs * 1e6:.0f} us: {theirs / mine:.0f} times"
    )


if __name__ == "__main__":
    main()
