"""Helpers for the tests of a registry that is written with regobs.instrument.

    from regobs.catalog import http
    from regobs.testing import Lines, assert_moved, captured_lines, sample

    with assert_moved(instruments, http.REQUESTS, by=1, route="blob", code="200"):
        client.get("/v2/a/blobs/sha256:...")
    assert sample(instruments, http.DURATION, route="blob") == 1        # a histogram: how many observations
    assert sample(instruments, http.RESPONSE_SIZE, part="sum", route="blob") == 4711

    scrape = Scrape(get("http://127.0.0.1:5001/metrics").content)       # a process that runs: all of these take it too
    assert sample(scrape, http.REQUESTS, route="blob", code="200") == 1
    with assert_moved(lambda: Scrape(get(...).content), http.REQUESTS, by=1):
        pull()

    lines = Lines()
    app = LogASGI(app, lines)                                           # each access line is parsed and kept
    assert lines.only(msg="access")["status"] == 200
    lines.validate()                                                    # against the schema of the registry's lines

    with captured_lines() as lines:                                     # what goes through the logging module
        collect_garbage()
    assert lines.only(msg="blob deleted")["digest"] == digest

    pytest_plugins = ["regobs.testing.fixtures"]                        # in conftest.py: fixtures of all that

Failures are AssertionErrors that show what was there. A metric, label or value that does not exist is an
InstrumentError: a test can not pass because of a typing error.
"""

from __future__ import annotations

from regobs.testing.lines import LogLines, captured_lines
from regobs.testing.samples import Scrape, assert_moved, sample, series

__all__ = ["LogLines", "Scrape", "assert_moved", "captured_lines", "sample", "series"]
