"""What tests of logs that are followed begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.exporters.followed import Followed


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No rotation is waited for: nothing is copied while the files are looked at."""
    monkeypatch.setattr("regobs.exporters.followed_path._SETTLED", 0.0)


@pytest.fixture
def follow(tmp_path: Path) -> Iterator[Callable[..., Followed]]:
    """Starts to follow a pattern in the folder of the test; closed at its end."""
    made: list[Followed] = []

    def start(pattern: str = "app.log") -> Followed:
        made.append(Followed(tmp_path, pattern))
        return made[-1]

    yield start
    for one in made:
        one.files.close()


@pytest.fixture
def followed(follow: Callable[..., Followed]) -> Followed:
    """One log that is followed."""
    return follow()
