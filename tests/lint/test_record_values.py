"""Recorded series of regobs: a name, a label or a value with a letter wrong is told, what others may record is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.lint import lint_paths, lint_text

MANIFESTS = "/v2/{name}/manifests/{reference}"


def told(text: str) -> list[tuple[str, str]]:
    return [(one.what, one.next_step) for one in lint_text(text).findings if one.check == "misspelt-record"]


@pytest.mark.parametrize(
    ("text", "what", "meant"),
    [
        ('registry:slo_burn_rate:ratio1h{slo="pull-manifest-availabilty"}', "slo", "pull-manifest-availability"),
        ('registry:slo_burn_rate:ratio1h{slo=~"mine|pull-manifset-latency"}', "slo", "pull-manifest-latency"),
        ('registry:slo_burn_rate:ratio1h{slo!="pull-manifset-latency"}', "slo", "pull-manifest-latency"),
        ('registry:slo_burn_rate:ratio1h{operation="pull_manifset"}', "operation", "pull_manifest"),
        ('registry:http_requests:rate5m{route="/v2/{name}/manifest/{reference}"}', "route", MANIFESTS),
        ('registry:http_requests:rate5m{route=~"/v3/.*"}', "route", "/v2/"),
        ('registry:http_requests:rate5m{handler="manifests"}', "handler", "manifest"),
        ('registry:http_requests:rate5m{method="get"}', "has no label method", "code, handler, route"),
        ('registry:http_requests:rate5m{methdo="get"}', "has no label methdo", "code, handler, route"),
        ('registry:http_requests:rate5m{handlre="manifest"}', "has no label handlre", "handler"),
        ("registry:http_requests:rate5", "records registry:http_requests:rate5", "registry:http_requests:rate5m"),
    ],
)
def test_what_is_nearly_a_recorded_series_of_regobs_is_told(text: str, what: str, meant: str) -> None:
    ((said, step),) = told(text)
    assert what in said
    assert meant in step


@pytest.mark.parametrize(
    "text",
    [
        'registry:slo_burn_rate:ratio1h{slo="pull-manifest-availability", severity="page"}',
        'registry:slo_burn_rate:ratio1h{slo="pull-manifest-availability-eu"}',
        'registry:slo_burn_rate:ratio1h{slo="our-own"}',
        'registry:slo_burn_rate:ratio1h{slo=~"$slo"}',
        'registry:slo_burn_rate:ratio1h{slo=~"pull-.*", operation!=""}',
        f'registry:http_requests:rate5m{{route="{MANIFESTS}", code=~"5..", env="x", instance="a"}}',
        'registry:http_requests:rate5m{route=~"$route", method=""}',
        'registry:http_requests:rate5m{handler="manifest"}',
        'registry:http_requests:rate5m{route!="of our own", route=~"/v2/.*"}',
        "registry:http_requests:rate10m",
        "registry:of_our_own:rate5m",
        'job:http_requests:rate5m{route="x"}',
    ],
)
def test_what_a_recorded_series_has_or_what_others_may_record_is_not_told(text: str) -> None:
    assert told(text) == []


def test_what_the_files_record_under_a_near_name_is_theirs(tmp_path: Path) -> None:
    rule = "groups:\n- name: a\n  rules:\n  - {record: registry:http_requests:rate5, expr: up}\n"
    (tmp_path / "a.yaml").write_text(rule)
    (tmp_path / "b.promql").write_text("registry:http_requests:rate5 > 3\n")
    assert [one for one in lint_paths([tmp_path]).findings if one.check == "misspelt-record"] == []
