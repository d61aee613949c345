"""The Prometheus configuration: complete, minimal, and fit to run as it is."""

from __future__ import annotations

from typing import Any

from regobs.config import Config
from regobs.documents import dump_yaml, load_yaml, validate
from regobs.errors import RulesError
from regobs.pack import Pack
from regobs.promql.durations import duration_text
from regobs.promql.nodes import MatchOp

JOB = "registry"  # the scrape job that gets the targets and labels of regobs.toml
_SCHEMA = {
    "type": "object",
    "required": ["scrape_configs"],
    "additionalProperties": False,
    "properties": {
        "scrape_configs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["job_name"],
                "properties": {"job_name": {"type": "string", "minLength": 1}},
            },
        }
    },
}
_HEADER = """\
# Written by `regobs build`; change exporters/scrape.yaml of the pack or regobs.toml instead.
# Start with: prometheus --config.file=scrape.yaml --storage.tsdb.retention.time={retention}
"""


def scrape_file(pack: Pack, config: Config) -> bytes:
    """A prometheus.yml with the rules beside it, the Alertmanagers, and the pack's scrape jobs."""
    settings = config.prometheus
    data = {
        "global": {
            "scrape_interval": duration_text(settings.scrape_interval),
            "evaluation_interval": duration_text(settings.evaluation_interval),
        },
        "rule_files": ["rules/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(settings.alertmanagers)}]}]},
        "scrape_configs": [_job(job, config) for job in _jobs(pack)],
    }
    if not settings.alertmanagers:
        del data["alerting"]
    return (_HEADER.format(retention=duration_text(settings.retention)) + dump_yaml(data)).encode()


def _jobs(pack: Pack) -> list[dict[str, Any]]:
    file = pack.file("exporters", "scrape.yaml")
    document = load_yaml(file.read(), str(file.path))
    validate(document, _SCHEMA, RulesError)
    jobs: list[dict[str, Any]] = document.data["scrape_configs"]
    names = [job["job_name"] for job in jobs]
    twice = next((index for index, name in enumerate(names) if name in names[:index]), None)
    if twice is not None:
        raise RulesError(
            "two scrape jobs have the same name",
            location=document.locate(("scrape_configs", twice, "job_name")),
            value=names[twice],
            expected="each job_name once: Prometheus refuses the file otherwise",
            next_step="rename one of the two",
        )
    if JOB not in names:
        raise RulesError(
            f"the scrape job {JOB!r} is missing",
            location=document.locate(("scrape_configs",)),
            value=", ".join(names),
            expected=f"a job {JOB!r}, which gets the targets of regobs.toml",
            next_step=f"call the registry's job {JOB!r}",
        )
    return jobs


def _job(job: dict[str, Any], config: Config) -> dict[str, Any]:
    """The registry's job with targets, path and the labels that the selector of regobs.toml asks for."""
    if job["job_name"] != JOB:
        return job
    fixed = {matcher.label: matcher.value for matcher in config.matchers if matcher.op is MatchOp.EQUAL}
    name = fixed.pop(config.labels.job, JOB)
    fixed.pop(config.labels.instance, None)
    targets: dict[str, Any] = {"targets": list(config.prometheus.targets)}
    if fixed:
        targets["labels"] = fixed
    honor = {"honor_labels": True} if config.honor_labels else {}
    path = {"metrics_path": config.prometheus.metrics_path}
    return {**job, "job_name": name, **honor, **path, "static_configs": [targets]}
