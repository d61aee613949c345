from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.grafana.load import load_dashboard
from regobs.grafana.words import Dashboard

HEAD = """\
from regobs.catalog import gc, http, kubernetes, node, process, redis, slo, storage, targets
from regobs.catalog.model import Capability
from regobs.grafana.words import *
from regobs.promql import *
"""

Load = Callable[[str], Dashboard]


@pytest.fixture
def load() -> Load:
    """A dashboard from its rows as they would stand in a file, all words imported; its first line is line 6."""

    def loaded(rows: str) -> Dashboard:
        return load_dashboard(Path("t.dashboard.py"), f'{HEAD}dashboard = Dashboard("T",\n{rows})\n')

    return loaded
