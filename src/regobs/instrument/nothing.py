"""What stands in, in production, for a metric that the catalog does not know: everything can be done to it."""

from __future__ import annotations

from typing import Any, Self


class Nothing:
    """Each method does nothing and gives this again; as a block it does nothing too."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        pass
