"""Validating log lines: `regobs logs validate` beside `jsonschema`, same lines, same schema, faults reported by both.

The lines are access lines as a GitLab registry writes them, one in a thousand with a fault. Ours reads bytes, finds the
schema of each line's message, and reports per rule and field; the rival parses with `json` and lists its errors, with
the schema already chosen. CPU time of one thread; rounds in turns, the median of their ratios and the range: other
programs share the machine.
"""

from __future__ import annotations

import io
import json
import random
import statistics
import time
from collections import Counter

import jsonschema

from regobs.logs.judging.validate import Validator
from regobs.logs.messages.message import Message
from regobs.logs.messages.streams import GITLAB_ACCESS
from regobs.logs.schema import flat

LINES = 200_000
RIVAL_LINES = 2_000
ROUNDS = 9


def made(count: int) -> bytes:
    """Access lines, one in a thousand with a text for its status."""
    source = random.Random(42)  # noqa: S311 - repeatable, nothing secret
    lines = []
    for number in range(count):
        group = min(int(source.paretovariate(1.1)), 400)
        line = {
            "content_type": "application/octet-stream",
            "correlation_id": f"01M841{number:020d}",
            "duration_ms": int(source.expovariate(1 / 30)),
            "host": "registry.example.com",
            "level": "info",
            "method": source.choice(["GET", "GET", "GET", "HEAD", "PUT", "PATCH", "POST"]),
            "msg": "access",
            "proto": "HTTP/1.1",
            "read_bytes": 221,
            "referrer": "",
            "remote_addr": f"10.0.{number % 250}.{number % 241}:44276",
            "remote_ip": f"10.0.{number % 250}.{number % 241}",
            "status": 200 if number % 1000 else "200",
            "system": "http",
            "time": f"2026-11-23T11:{number // 1000 % 60:02d}:{number // 20 % 60:02d}.{number % 1000:03d}Z",
            "ttfb_ms": 1,
            "uri": f"/v2/group{group}/project/blobs/sha256:{source.getrandbits(256):064x}",
            "user_agent": "containers/5.34 (github.com/containers/image)",
            "written_bytes": int(source.paretovariate(0.6) * 1000) % (1 << 31),
        }
        lines.append(json.dumps(line, separators=(",", ":")))
    return ("\n".join(lines) + "\n").encode()


def ours(data: bytes) -> tuple[float, int]:
    """Lines a second, and faulty lines."""
    started = time.process_time()
    validator = Validator()
    validator.read(io.BytesIO(data), "access.log")
    return validator.report.lines / (time.process_time() - started), validator.report.invalid


def rival(data: bytes) -> tuple[float, int]:
    """Lines a second, and faulty lines."""
    message: Message = GITLAB_ACCESS.messages[0]
    checker = jsonschema.Draft202012Validator(flat(GITLAB_ACCESS, message, closed=True))
    lines = data.splitlines()[:RIVAL_LINES]
    found: Counter[tuple[str, ...]] = Counter()
    invalid = 0
    started = time.process_time()
    for line in lines:
        faults = list(checker.iter_errors(json.loads(line)))
        found.update(tuple(str(step) for step in fault.absolute_path) for fault in faults)
        invalid += bool(faults)
    return len(lines) / (time.process_time() - started), invalid


def main() -> None:
    """Print the medians of a few rounds of each, one after the other."""
    data = made(LINES)
    rounds = [(ours(data), rival(data)) for _ in range(ROUNDS)]
    mine, theirs = (statistics.median(one[place][0] for one in rounds) for place in (0, 1))
    ratios = sorted(one[0][0] / one[1][0] for one in rounds)
    assert {one[0][1] for one in rounds} == {LINES // 1000}
    assert {one[1][1] for one in rounds} == {RIVAL_LINES // 1000}
    print(f"regobs logs validate  {mine:>10,.0f} lines/s")
    print(f"jsonschema            {theirs:>10,.0f} lines/s")
    print(f"ratio                 {statistics.median(ratios):>10.1f} (rounds: {ratios[0]:.1f} to {ratios[-1]:.1f})")


if __name__ == "__main__":
    main()
