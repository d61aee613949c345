"""Numbers of the command line that are some: a float of Python is also `nan`, `inf` and 1e300, which no clock holds."""

from __future__ import annotations

from math import isfinite
from typing import Any

import click

_MOST = 1e6


class FiniteRange(click.FloatRange):
    """A range whose upper end is a million where nothing is said, without NaN."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        found = float(super().convert(value, param, ctx))
        if not isfinite(found) or found > _MOST:
            self.fail(f"{found:g} is not a number of at most {_MOST:,.0f}.", param, ctx)
        return found
