"""What an Elasticsearch is set up with for log lines: lifecycle, pipeline, component templates, index template.

Each file of `regobs build` stands under the path of the REST API that takes it: `PUT /<path without .json>`, in the
order of `objects`. The first line that is written to logs-registry-<environment> makes that data stream.
"""

from __future__ import annotations

from typing import Any

from regobs.documents import dump_json
from regobs.logs.elasticsearch.mapping import mapping
from regobs.logs.elasticsearch.pipeline import pipeline
from regobs.logs.fields import FIELDS

FOLDER = "elasticsearch"
NAME = "logs-registry"
PATTERN = f"{NAME}-*"
# The templates that Elasticsearch brings for logs-*-* have priority 100; the higher one is taken alone.
_PRIORITY = 200
_META = {"managed_by": "regobs", "source": "the field catalogue of regobs"}
# A shard of 50 GB is what Elastic advises as upper end; a day, so that a day is what is deleted at a time.
_HOT = {"rollover": {"max_age": "1d", "max_primary_shard_size": "50gb"}, "set_priority": {"priority": 100}}
_WARM = {"forcemerge": {"max_num_segments": 1}, "set_priority": {"priority": 50}}  # nothing is written there any more
_WARM_AFTER, _DELETE_AFTER = "2d", "30d"


def objects() -> dict[str, dict[str, Any]]:
    """Path of the REST API to body, in the order in which they are to be put."""
    parts = [f"{NAME}@mappings", f"{NAME}@settings", f"{NAME}@custom"]
    return {
        f"_ilm/policy/{NAME}": {"policy": _policy()},
        f"_ingest/pipeline/{NAME}": {**pipeline(), "_meta": _META},
        f"_component_template/{parts[0]}": {"template": {"mappings": mapping(FIELDS.values())}, "_meta": _META},
        f"_component_template/{parts[1]}": {"template": {"settings": _settings()}, "_meta": _META},
        f"_index_template/{NAME}": {
            "index_patterns": [PATTERN],
            "data_stream": {},
            "priority": _PRIORITY,
            "composed_of": parts,
            "ignore_missing_component_templates": parts[2:],  # where settings of a cluster go
            "_meta": _META,
        },
    }


def files() -> dict[str, bytes]:
    """Everything for Elasticsearch, by path below the output directory."""
    return {f"{FOLDER}/{path}.json": dump_json(body) for path, body in objects().items()}


def _policy() -> dict[str, Any]:
    return {
        "phases": {
            "hot": {"min_age": "0ms", "actions": _HOT},
            "warm": {"min_age": _WARM_AFTER, "actions": _WARM},
            "delete": {"min_age": _DELETE_AFTER, "actions": {"delete": {}}},
        },
        "_meta": _META,
    }


def _settings() -> dict[str, Any]:
    return {"index": {"lifecycle": {"name": NAME}, "default_pipeline": NAME, "codec": "best_compression"}}
