"""Why something outside failed, in words that no programmer of Python is needed for, and that name no address."""

from __future__ import annotations

import json

# The end of a class name of a library, and what it means. Told by name, so that no library is loaded for it.
_WORDS = (
    (("Timeout", "TimeoutError", "TimeoutExpired", "MaxRetryError"), "it does not answer in time"),
    (("RemoteDisconnected",), "it ends the connection without an answer"),
    (("IncompleteRead", "InvalidChunkLength", "ProtocolError", "ChunkedEncodingError", "EOFError"),
     "the connection ends before the answer does"),
    (("BadStatusLine", "LineTooLong", "InvalidHeader", "HTTPException", "UnknownProtocol"), "its answer is no HTTP"),
    (("DecodeError", "ContentDecodingError", "BadGzipFile"), "what it sent cannot be unpacked"),
    (("InvalidURL", "LocationParseError", "LocationValueError", "MissingSchema", "InvalidSchema", "InvalidProxyURL"),
     "its address cannot be used"),
    (("TooManyRedirects",), "it redirects again and again"),
    (("UnicodeError", "UnicodeDecodeError", "UnicodeEncodeError"), "a text of it is no UTF-8"),
)  # fmt: skip


def reason_of(error: BaseException) -> str:
    """The innermost reason of an exception: `Connection refused`, `it does not answer in time`."""
    seen = _chain(error)
    for one in reversed(seen):
        if isinstance(one, OSError) and one.strerror and type(one).__module__.partition(".")[0] != "requests":
            return str(one.strerror)
    for one in reversed(seen):
        if isinstance(one, json.JSONDecodeError):
            return "it is no JSON"
        if type(one).__module__ == "zlib":
            return "what it sent cannot be unpacked"
        for kind in type(one).__mro__:
            found = next((words for names, words in _WORDS if kind.__name__ in names), "")
            if found:
                return found
    return "the connection failed"


def shape_of(error: BaseException) -> str:
    """What is wrong with data whose reading raised KeyError, IndexError, TypeError, AttributeError or ValueError."""
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]!r}" if error.args else "a part of it is missing"
    if isinstance(error, IndexError):
        return "a list in it is too short"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON: {error.msg}, line {error.lineno}, column {error.colno}"
    if isinstance(error, ValueError) and error.args and not isinstance(error, UnicodeError):
        return f"a value in it is wrong: {error}"
    return "a part of it has another form"


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and what it comes from, the innermost last."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        nested = getattr(current, "reason", None)
        inner = next((arg for arg in current.args if isinstance(arg, BaseException)), None)
        current = nested if isinstance(nested, BaseException) else inner or current.__cause__ or current.__context__
    return seen
