"""The same real servers as in the end-to-end tests."""

from tests.e2e.conftest import alertmanager_server, supervisor

__all__ = ["alertmanager_server", "supervisor"]
