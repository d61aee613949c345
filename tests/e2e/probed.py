"""The probe against a real docker-registry, whose rounds a test reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import trustme

from regobs.catalog.exposition import parse
from regobs.exporters.outside import Trust
from regobs.exporters.probe import TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget, StepTiming
from regobs.instrument import Instruments
from tests.e2e.registry_variants import (
    RunningRegistry,
)

PASSWORD = "pass-of-the-probe"
QUICK = {step: StepTiming(timing.every, 2) for step, timing in DEFAULT_TIMING.items()}


class Watched:
    """A probe whose rounds a test reads."""

    def __init__(self, target: ProbeTarget) -> None:
        self.instruments = Instruments("gitlab", strict=True)
        self.probe = TargetProbe(target, QUICK, self.instruments)
        self.why: dict[str, str] = {}

    def round(self) -> dict[str, str]:
        outcomes = self.probe.run(all_steps=True)
        self.why = {outcome.step: outcome.text for outcome in outcomes}
        return {outcome.step: outcome.result for outcome in outcomes}

    def value(self, series: str, **labels: str) -> float | None:
        families = parse(self.instruments.render()).families.values()
        samples = [sample for family in families for sample in family.samples if sample.name == series]
        return next((one.value for one in samples if labels.items() <= one.labels.items()), None)


def watched(registry: RunningRegistry, **more: Any) -> Watched:
    return Watched(ProbeTarget("registry", more.pop("url", registry.url), **more))


def failing(results: dict[str, str]) -> dict[str, str]:
    return {step: result for step, result in results.items() if result != "ok"}


def secrets_of(directory: Path, *, password: str = PASSWORD) -> dict[str, Path]:
    (directory / "user").write_text("probe\n")
    (directory / "password").write_text(f"{password}\n")
    return {"username_file": directory / "user", "password_file": directory / "password"}


def trusting(authority: trustme.CA, directory: Path) -> Trust:
    file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return Trust(ca_file=file)
