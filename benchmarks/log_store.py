"""What log lines of a registry weigh: as text, compressed, in Elasticsearch 9 and in VictoriaLogs.

    python benchmarks/log_store.py [--lines 200000]

The lines are those of a real GitLab registry 4.32 (tests/data), each again and again with an id, a time, a duration and
a digest of its own, because equal lines would be stored for nothing. Elasticsearch has the mapping and the codec of the
build, one shard, no replica, and is merged to one segment, as the lifecycle of the build does after two days; both
servers are those of `make test-peers`. The last table is arithmetic with these figures: what is stored a day and in 30
days, and how many primary shards of 50 GB, the size at which the lifecycle begins a new one.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))


from regobs.common.programs import Supervisor  # noqa: E402 - the tests' servers are found below the root
from regobs.common.table import table  # noqa: E402
from regobs.logs.elasticsearch.objects import objects  # noqa: E402
from tests import peers  # noqa: E402
from tests.peers import ELASTICSEARCH, elasticsearch, log_servers  # noqa: E402

SAMPLE = ROOT / "tests" / "data" / "gitlab-registry-4.32.log.jsonl.gz"
_BATCH = 10_000
_SHARD = 50.0  # GB


def lines(count: int) -> Iterator[str]:
    """So many lines, each with what tells requests apart."""
    chance = random.Random(1)  # noqa: S311 - the same lines each time
    sample = [json.loads(line) for line in gzip.decompress(SAMPLE.read_bytes()).decode().splitlines()]
    begin = time.time() - 86_400
    for number in range(count):
        line = dict(sample[number % len(sample)])
        moment = begin + number * 0.01
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1000):03}Z"
        line["time"] = stamp
        for name, value in line.items():
            if "correlation_id" in name:
                line[name] = uuid.UUID(int=chance.getrandbits(128)).hex[:26].upper()
            elif name.startswith("duration") and isinstance(value, int | float):
                line[name] = round(value * chance.uniform(0.5, 2), 6)
            elif isinstance(value, str) and "sha256:" in value:
                head, _, rest = value.partition("sha256:")
                line[name] = f"{head}sha256:{chance.getrandbits(256):064x}{rest[64:]}"
        yield json.dumps(line, separators=(",", ":"))


def in_elasticsearch(supervisor: Supervisor, texts: list[str]) -> float:
    """Bytes a line, after the merge."""
    server = elasticsearch.start(supervisor, ELASTICSEARCH)
    mapping = server.taken(objects()["_component_template/logs-registry@mappings"]["template"]["mappings"])
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "codec": "best_compression"}
    server.request("PUT", "lines", {"mappings": mapping, "settings": settings})
    for begin in range(0, len(texts), _BATCH):
        body = "".join(
            f'{{"create":{{}}}}\n{{"@timestamp":"{json.loads(text)["time"]}",{text[1:]}\n'
            for text in texts[begin : begin + _BATCH]
        )
        answer = server.send("POST", "lines/_bulk", body.encode())
        assert not answer["errors"], next(one for one in answer["items"] if "error" in one["create"])
    server.request("POST", "lines/_forcemerge?max_num_segments=1")
    server.request("POST", "lines/_flush")
    stats = server.request("GET", "lines/_stats/store,docs")["_all"]["primaries"]
    assert stats["docs"]["count"] == len(texts)
    return float(stats["store"]["size_in_bytes"]) / len(texts)


def in_victorialogs(supervisor: Supervisor, texts: list[str]) -> float:
    """Bytes a line, as the server says of its storage and its index."""
    url = log_servers.victorialogs(supervisor, peers.required_victorialogs())
    log_servers.ship(url, texts)
    said = requests.get(f"{url}/metrics", timeout=30).text
    sizes = re.findall(r"^vl_data_size_bytes\{[^}]*\} (\d+)$", said, re.MULTILINE)
    assert len(sizes) > 1, "index and storage"
    return sum(map(int, sizes)) / len(texts)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--lines", type=int, default=200_000)
    texts = list(lines(options.parse_args().lines))
    raw = sum(len(text) + 1 for text in texts) / len(texts)
    packed = len(gzip.compress("\n".join(texts).encode())) / len(texts)
    with Supervisor() as supervisor:
        stored = {
            "Elasticsearch": in_elasticsearch(supervisor, texts),
            "VictoriaLogs": in_victorialogs(supervisor, texts),
        }
    rows: list[tuple[str, float]] = [("text", raw), ("gzip", packed), *stored.items()]
    shares = [(name, round(weight), f"{weight / raw:.2f}") for name, weight in rows]
    print(table(["stored as", "bytes a line", "share of the text"], shares))
    days: list[tuple[str | float, ...]] = []
    for daily in (1.0, 100.0, 1000.0):
        one = daily * stored["Elasticsearch"] / raw
        days.append(
            (
                f"{daily:g} GB",
                f"{daily * 1e9 / raw / 86_400:,.0f}",
                f"{one:,.1f} GB",
                f"{one * 30:,.0f} GB",
                max(1, -(-one // _SHARD)),
                f"{daily * stored['VictoriaLogs'] / raw:,.1f} GB",
            )
        )
    head = [
        "a day",
        "lines a second",
        "Elasticsearch a day",
        "in 30 days",
        "primary shards a day",
        "VictoriaLogs a day",
    ]
    print(table(head, days))
    return 0


if __name__ == "__main__":
    sys.exit(main())
