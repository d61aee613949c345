"""What stands in the place of a secret. For what masks by itself, which needs none of the rules."""

from __future__ import annotations

from typing import Final

MASK: Final = "[FILTERED]"
