"""A probe whose rounds a test runs against a stub."""

from __future__ import annotations

from regobs.exporters.probe import StepOutcome, TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget
from regobs.instrument import Instruments
from tests.stub_server import StubServer

DEEP = b"[" * 400_000


def probe_of(target: ProbeTarget) -> TargetProbe:
    return TargetProbe(target, DEFAULT_TIMING, Instruments("gitlab"))


def steps(probe: TargetProbe) -> dict[str, StepOutcome]:
    """What each step of one round came to."""
    return {one.step: one for one in probe.run(all_steps=True)}


def outcomes(server: StubServer) -> dict[str, StepOutcome]:
    return steps(probe_of(ProbeTarget("x", server.url, debug_url=server.url)))
