"""Secrets out of what is logged, shown and kept: one list of words and forms, one mask, for all parts of regobs.

`redacted_text` takes them out of a text of any kind, `redacted_uri` out of a request URI, `redacted_fields` out of the
fields of a log line, `is_secret` says whether a name stands for one. docs/secrets.md says what is masked and what not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from regobs.secrets.mask import MASK

if TYPE_CHECKING:
    from regobs.secrets.fields import redacted_fields
    from regobs.secrets.names import is_secret, is_secret_header
    from regobs.secrets.texts import LONGEST, redacted_text, shortened
    from regobs.secrets.uris import redacted_uri

__all__ = [
    "LONGEST",
    "MASK",
    "is_secret",
    "is_secret_header",
    "redacted_fields",
    "redacted_text",
    "redacted_uri",
    "shortened",
]
_MODULES = {
    "redacted_fields": "fields",
    **dict.fromkeys(("is_secret", "is_secret_header"), "names"),
    **dict.fromkeys(("LONGEST", "redacted_text", "shortened"), "texts"),
    "redacted_uri": "uris",
}


def __getattr__(name: str) -> Any:
    """Load a module with the first use: its regular expressions are compiled then, and few commands need them."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
