"""Fixtures for pytest; a conftest.py asks for them: `pytest_plugins = ["regobs.testing.fixtures"]`.

Override `registry_flavor` or `instruments` in your conftest.py where your registry differs: the others follow.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regobs.instrument import Instruments
from regobs.testing.lines import LogLines, captured_lines


@pytest.fixture
def registry_flavor() -> str:
    """`gitlab` or `distribution`."""
    return "gitlab"


@pytest.fixture
def instruments(registry_flavor: str) -> Instruments:
    """New for each test, and strict: a wrong use raises where it is made."""
    return Instruments(registry_flavor, strict=True)


@pytest.fixture
def access_lines(registry_flavor: str) -> Iterator[LogLines]:
    """Takes the lines of `LogASGI(app, access_lines)` or LogWSGI; at the end each is held to the registry's schema."""
    lines = LogLines()
    yield lines
    lines.validate(registry_flavor)


@pytest.fixture
def application_lines(registry_flavor: str) -> Iterator[LogLines]:
    """What the test logs below the logger `registry`; at the end each is held to the schema of its message."""
    with captured_lines("registry") as lines:
        yield lines
    lines.validate(registry_flavor)
