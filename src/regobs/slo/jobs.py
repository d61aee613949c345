"""The scrape jobs of a pack, in exporters/scrape.yaml."""

from __future__ import annotations

from typing import Any

from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.documents import load_yaml, validate
from regobs.errors import RulesError
from regobs.pack import Pack
from regobs.slo.rule_scope import CAPABILITIES

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


def scrape_jobs(pack: Pack) -> list[dict[str, Any]]:
    """As they stand there. Raises RulesError for two of one name, or without that of the registry."""
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


def exposer_of(job: dict[str, Any]) -> Exposer | None:
    """The exporter that a job is called after."""
    return next((one for one in CAPABILITIES if one.value == job["job_name"]), None)


def targets_of_job(job: dict[str, Any]) -> tuple[str, ...]:
    """The targets that stand in a job."""
    return tuple(target for part in job.get("static_configs", ()) for target in part["targets"])


def usual_targets(pack: Pack) -> dict[Exposer, tuple[str, ...]]:
    """What a build scrapes of each exporter where no setting says it."""
    found = ((exposer_of(job), targets_of_job(job)) for job in scrape_jobs(pack))
    return {exposer: targets for exposer, targets in found if exposer is not None and targets}


def scraped_how(config: Config, path: str) -> dict[str, Any]:
    """Path, scheme and query of the registries' metrics, in the keys of Prometheus; that of the path is `path`."""
    settings = config.prometheus
    scheme = {"scheme": settings.scheme} if settings.scheme != "http" else {}
    params = {"params": {name: list(values) for name, values in settings.params.items()}} if settings.params else {}
    return {path: settings.metrics_path, **scheme, **params}
