"""Reasons of failures in plain words: no class of Python, no address."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import zlib

import pytest
import requests
import urllib3

from regobs.common.reasons import reason_of, shape_of

URL = "http://user:hunter2@example.com/x"
POOL = urllib3.HTTPConnectionPool("example.com")


def wrapped(error: Exception) -> Exception:
    """As requests and urllib3 put one exception into others."""
    return requests.ConnectionError(urllib3.exceptions.MaxRetryError(POOL, URL, error))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(ConnectionRefusedError(111, "Connection refused")), "Connection refused"),
        (wrapped(socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
        (requests.ReadTimeout(URL), "it does not answer in time"),
        (requests.ConnectTimeout(urllib3.exceptions.ConnectTimeoutError(POOL, URL)), "it does not answer in time"),
        (wrapped(urllib3.exceptions.ReadTimeoutError(POOL, URL, "x")), "it does not answer in time"),
        (TimeoutError("timed out"), "it does not answer in time"),
        (subprocess.TimeoutExpired(["x"], 1), "it does not answer in time"),
        (wrapped(http.client.RemoteDisconnected("x")), "it ends the connection without an answer"),
        (urllib3.exceptions.IncompleteRead(1, 2), "the connection ends before the answer does"),
        (requests.exceptions.ChunkedEncodingError(URL), "the connection ends before the answer does"),
        (EOFError(), "the connection ends before the answer does"),
        (wrapped(http.client.BadStatusLine("x")), "its answer is no HTTP"),
        (requests.exceptions.ContentDecodingError(zlib.error("x")), "what it sent cannot be unpacked"),
        (zlib.error("x"), "what it sent cannot be unpacked"),
        (requests.exceptions.InvalidURL(URL), "its address cannot be used"),
        (requests.TooManyRedirects(URL), "it redirects again and again"),
        (requests.JSONDecodeError("x", "y", 0), "it is no JSON"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "x"), "a text of it is no UTF-8"),
        (requests.ConnectionError(URL), "the connection failed"),
        (requests.RequestException(URL), "the connection failed"),
    ],
)
def test_a_reason_is_words(error: Exception, words: str) -> None:
    assert reason_of(error) == words


def test_no_exception_of_requests_or_urllib3_is_told_by_its_class() -> None:
    for library in (requests.exceptions, urllib3.exceptions):
        for name, kind in sorted(vars(library).items()):
            if isinstance(kind, type) and issubclass(kind, Exception):
                error = kind.__new__(kind)
                error.args = (URL,)
                assert not re.search(rf"{name}|hunter2|[a-z][A-Z]", reason_of(error)), name


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("data"), "it lacks 'data'"),
        (IndexError("list index out of range"), "a list in it is too short"),
        (TypeError("'int' object is not subscriptable"), "a part of it has another form"),
        (AttributeError("x"), "a part of it has another form"),
        (ValueError("result type 'x'"), "a value in it is wrong: result type 'x'"),
        (json.JSONDecodeError("Expecting value", "x", 0), "it is no JSON: Expecting value, line 1, column 1"),
    ],
)
def test_a_shape_is_words(error: Exception, words: str) -> None:
    assert shape_of(error) == words
