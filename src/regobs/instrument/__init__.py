"""What a registry process written in Python imports to expose the metrics and logs of the real registry.

    from regobs.catalog import http, storage
    from regobs.instrument import Instruments, ObserveASGI

    instruments = Instruments("gitlab")
    app = ObserveASGI(app, instruments)
    instruments[storage.ACTIONS].child(action="Stat", driver="filesystem").observe(0.002)
    instruments.render()

Importing it loads no third-party package; names that need more are loaded when they are first used.
"""

from __future__ import annotations

from regobs.instrument.children import Counter, Gauge, Histogram, Summary
from regobs.instrument.family import Family
from regobs.instrument.instruments import Instruments

__all__ = ["Counter", "Family", "Gauge", "Histogram", "Instruments", "Summary"]
