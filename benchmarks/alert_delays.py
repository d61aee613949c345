"""How long each recorded outage takes until its alert fires and until it ends: the table of docs/alerts.md.

No rival: the field's rules for a registry are not published as files. The
delays are those of the recording's clock, so a busy machine does not change them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from regobs.slo import outputs

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Print the table."""
    sys.path.insert(0, str(ROOT))
    from tests.pack.replay import load, replay  # noqa: PLC0415 (the tests' own; only found from here)
    from tests.pack.test_outages import CONFIG, DATA, OUTAGES  # noqa: PLC0415
    from tests.slo.conftest import promtool_of  # noqa: PLC0415
    from tests.slo.packs import BUNDLED  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        rules = []
        for path, content in outputs.files(BUNDLED, CONFIG).items():
            if path.startswith("prometheus/rules/") and "slo-" not in path:
                rules.append(directory / Path(path).name)
                rules[-1].write_bytes(content)
        fired = replay(promtool_of("debian"), load(DATA), sorted(rules), directory)
    print("| outage | alert | fires after | ends after its end |")
    print("|---|---|---|---|")
    for outage, (start, end, cause, _) in OUTAGES.items():
        span = next(one for one in fired if one.name == cause and one.start > start)
        print(f"| {outage} | {cause} | {span.start - start} s | {span.end - end} s |")


if __name__ == "__main__":
    main()
