"""The instruments and the logs of the process."""

from __future__ import annotations

import logging
from uuid import uuid4

from regobs.catalog import METRICS, build_info
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.instrument.adapters.process import observe_process
from regobs.instrument.app_log import RegistryFormatter

VERSION = "4.32.0"  # whose metrics and log fields are spoken
_CAPABILITIES = (
    Capability.METADATA_DATABASE,
    Capability.DATABASE_METRICS,
    Capability.GARBAGE_COLLECTION,
    Capability.REDIS,
    Capability.NOTIFICATIONS,
)
_GO = ("go_runtime",)


def make_instruments(directory: str | None) -> Instruments:
    """All families that this process has, with those that are there before anything happens.

    Processes that name one directory count together.
    """
    instruments = Instruments("gitlab", version=VERSION, capabilities=_CAPABILITIES, directory=directory)
    instruments.declare(metric for metric in METRICS.values() if metric.component not in _GO)
    instruments.gauge(build_info.BUILD).child(built="", package="registry", revision="", version=VERSION).set(1)
    observe_process(instruments)
    return instruments


def write_logs() -> None:
    """One stream for both logs, one JSON object a line, on standard error."""
    static = {"service": "registry", "version": VERSION, "instance_id": str(uuid4())}
    handler = logging.StreamHandler()
    handler.setFormatter(RegistryFormatter(static))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    for other in ("uvicorn", "psycopg.pool"):  # what they warn of is in the registry's own lines
        logging.getLogger(other).setLevel(logging.ERROR)
