"""How long faults of real servers take until their alerts fire, and after their repair: a table of docs/alerts.md.

Debian's docker-registry, PostgreSQL with a standby, PgBouncer, Redis and their exporters, as in
tests/e2e/test_alerts_live.py, with every time in the rules divided by sixty: a second is printed as a minute. No rival:
the delays are those of our own rules. A busy machine makes them longer; it takes about two minutes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from regobs.common.programs import Supervisor

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the table."""
    sys.path.insert(0, str(ROOT))
    from tests.e2e import test_alerts_live as live  # noqa: PLC0415 (the tests' own; only found from here)

    with (
        tempfile.TemporaryDirectory() as name,
        Supervisor() as supervisor,
        live.running(supervisor, Path(name)) as deployment,
    ):
        fired, ended = live.provoke(deployment)
    print("| fault of a server | alert | fires after | ends after the repair |")
    print("|---|---|---|---|")
    for alert, fault in (live.SATURATED | live.GONE | live.GONE_LATER).items():
        end = f"{ended[alert]:.0f} min" if alert in ended else "later" if alert in live.SATURATED else "not repaired"
        print(f"| {fault} | {alert} | {fired[alert]:.0f} min | {end} |")


if __name__ == "__main__":
    main()
