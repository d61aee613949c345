"""Lines a second of `regobs export logs` beside mtail, which counts the same requests, bytes and durations.

    python benchmarks/export_logs.py [--lines 200000]

Both read a file of access lines of a GitLab registry once and end; user and system time of the whole process count,
less that of a run over an empty file. mtail takes the lines apart by a regular expression in the order in which the
registry writes its fields, and knows neither namespaces nor clients: ours counts these as well, bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from regobs.catalog.http import DURATION_BUCKETS
from regobs.common.programs import find_program

GOAL = 5
ROUNDS = 3
_ROUTES = {
    "/v2/": "/v2/",
    "/v2/{name}/blobs/uploads/": r"/v2/.+/blobs/uploads/(\?.*)?",
    "/v2/{name}/blobs/uploads/{uuid}": r"/v2/.+/blobs/uploads/[^\/?]+(\?.*)?",
    "/v2/{name}/blobs/{digest}": r"/v2/.+/blobs/[^\/?]+",
    "/v2/{name}/manifests/{reference}": r"/v2/.+/manifests/[^\/?]+",
    "/v2/{name}/tags/list": r"/v2/.+/tags/list(\?.*)?",
}


def line(chance: random.Random) -> str:
    """An access line with a route, a namespace of 300, a client of 40."""
    name = f"group{int(chance.paretovariate(0.7)) % 300}/team/app{chance.randrange(50)}"
    digest = f"sha256:{chance.getrandbits(256):064x}"
    uri, method, status = chance.choice(
        [
            ("/v2/", "GET", 401),
            (f"/v2/{name}/blobs/{digest}", "GET", 307),
            (f"/v2/{name}/blobs/{digest}", "HEAD", 200),
            (f"/v2/{name}/manifests/v{chance.randrange(99)}", "GET", 200),
            (f"/v2/{name}/manifests/{digest}", "HEAD", 404),
            (f"/v2/{name}/blobs/uploads/", "POST", 202),
            (f"/v2/{name}/tags/list?n=100", "GET", 200),
        ]
    )
    fields = {
        "content_type": "application/json",
        "correlation_id": f"{chance.getrandbits(128):032X}"[:26],
        "duration_ms": int(chance.lognormvariate(2.5, 1)),
        "host": "registry.example.com",
        "level": "info",
        "method": method,
        "msg": "access",
        "proto": "HTTP/1.1",
        "read_bytes": 0,
        "referrer": "",
        "remote_addr": "10.0.0.1:44276",
        "remote_ip": "10.0.0.1",
        "status": status,
        "system": "http",
        "time": "2026-01-01T00:00:00.123Z",
        "ttfb_ms": 1,
        "uri": uri,
        "user_agent": f"docker/{chance.randrange(20, 28)}.{chance.randrange(5)}.1 go/go1.22",
        "written_bytes": chance.randrange(5000),
    }
    return json.dumps(fields, separators=(",", ":"))


def mtail_program() -> str:
    """The same counters and histogram as a program of mtail."""
    edges = ", ".join(f"{edge:g}" for edge in DURATION_BUCKETS)
    inner = ""
    for template, pattern in reversed(_ROUTES.items()):
        regex = pattern.replace(r"[^\/?]", "[^/?]").replace("/", r"\/")
        otherwise = f" else {{\n{inner}\n  }}" if inner else ""
        inner = f"""  $uri =~ /^{regex}$/ {{
    requests[$method]["{template}"][$status]++
    written["{template}"] += $written
    duration["{template}"] = float($ms) / 1000.0
  }}{otherwise}"""
    return f"""counter requests by method, route, status
counter written by route
histogram duration by route buckets {edges}

/"duration_ms":(?P<ms>\\d+),.*"method":"(?P<method>[A-Z]+)",.*"status":(?P<status>\\d+),.*/ +
/"uri":"(?P<uri>[^"]*)",.*"written_bytes":(?P<written>\\d+)/ {{
{inner}
}}
"""


def cpu(command: list[str]) -> float:
    """User and system seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Measure, print, and say with the exit code whether the promise holds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=200_000)
    lines = parser.parse_args().lines
    mtail = find_program("mtail", package="mtail")
    with tempfile.TemporaryDirectory() as directory:
        log, empty, program = (Path(directory) / name for name in ("registry.log", "empty.log", "program.mtail"))
        chance = random.Random(1)  # noqa: S311 - no secret
        with log.open("w") as file:
            file.writelines(line(chance) + "\n" for _ in range(lines))
        one = line(chance)
        empty.write_text(one + "\n")
        program.write_text(mtail_program())

        def theirs(file: Path) -> list[str]:
            return [str(mtail), "--one_shot", "--progs", str(program), "--logs", str(file)]

        def ours(file: Path) -> list[str]:
            return [sys.executable, "-m", "regobs", "export", "logs", "--once", str(file)]

        os.environ["GOMAXPROCS"] = "1"
        ratios = []
        for _ in range(ROUNDS):
            a, b = cpu(ours(log)) - cpu(ours(empty)), cpu(theirs(log)) - cpu(theirs(empty))
            ratios.append(b / a)
            print(f"regobs {lines / a:>10,.0f} lines/s   mtail {lines / b:>10,.0f} lines/s   ratio {b / a:.1f}")
    ratio = sorted(ratios)[len(ratios) // 2]
    print(f"median ratio {ratio:.1f}, with namespaces and clients on our side only; promised: {GOAL}")
    return int(ratio < GOAL)


if __name__ == "__main__":
    sys.exit(main())
