"""The Elasticsearch of the tests is what the tests take it for."""

from __future__ import annotations

import pytest

from tests import peers
from tests.peers.elasticsearch import SMALL_USER, Elasticsearch


def test_elasticsearch_9_runs_with_security_on(elasticsearch_server: Elasticsearch) -> None:
    (node,) = elasticsearch_server.request("GET", "_nodes")["nodes"].values()
    assert node["version"] == peers.ELASTICSEARCH
    assert elasticsearch_server.url.startswith("https://127.0.0.1:")
    assert elasticsearch_server.request("POST", "_security/api_key", {"name": "a"})["api_key"]
    with pytest.raises(AssertionError, match="403"):
        elasticsearch_server.request("GET", "_search", user=SMALL_USER)


def test_it_lacks_what_the_tests_go_without(elasticsearch_server: Elasticsearch) -> None:
    for name, kind in enumerate(("wildcard", "match_only_text")):
        with pytest.raises(AssertionError, match=f"mapper type \\[{kind}\\]"):
            elasticsearch_server.request("PUT", f"lacks-{name}", {"mappings": {"properties": {"f": {"type": kind}}}})
    with pytest.raises(AssertionError, match="no handler found"):
        elasticsearch_server.request("PUT", "_ilm/policy/p", {"policy": {"phases": {}}})
    with pytest.raises(AssertionError, match="No processor type"):
        elasticsearch_server.request("PUT", "_ingest/pipeline/p", {"processors": [{"set": {"field": "a", "value": 1}}]})
