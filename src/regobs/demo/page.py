"""The page that the demo leaves behind: every dashboard with what happened, after the servers have ended."""

from __future__ import annotations

import time
from pathlib import Path

from regobs.demo.stage import Built
from regobs.errors import MachineError
from regobs.grafana.outputs import Dashboards
from regobs.prometheus import Prometheus
from regobs.slo import records
from regobs.snapshot.span import span_of
from regobs.snapshot.take import take
from regobs.snapshot.vega import vl_convert
from regobs.snapshot.write import produce, write

NAME = "demo.html"


def leave_page(prometheus: Prometheus, built: Built, directory: Path, seconds: float) -> str:
    """Write the page of the last `seconds` into a directory; one line that says where it lies, or why it does not."""
    try:
        vl_convert()
    except MachineError as error:
        return f"no page of all this: {error.message} ({error.value}); {error.next_step}"
    now = time.time()
    dashboards = Dashboards.of(built.pack, built.config, records(built.pack, built.config)).bound
    span = span_of(now - seconds, now, built.config.prometheus.scrape_interval.ms / 1000)
    taken = take(prometheus, [one for one in dashboards if any(row.panels for row in one.rows)], built.config, span)
    write(produce(taken, directory / NAME, None))
    return f"all of it as one page: {directory / NAME}  (opens without any server)"
