"""Lines of CRI and of Docker are counted as quickly as the lines in them, and as the slow way counts them."""

from __future__ import annotations

import json

import pytest

from regobs.catalog.model import Flavor
from regobs.exporters.log_counts import LogCounter
from regobs.logs.reading.wrapping import Unwrapper
from tests.exporters.distribution_lines import own
from tests.exporters.test_log_counts import access

TIME = "2026-11-23T23:36:49.123456789Z"
MESSAGE = json.dumps({"level": "error", "msg": "unknown error", "code": "UNKNOWN", "time": TIME}).encode()


def cri(line: bytes, tag: str = "F", stream: str = "stderr") -> bytes:
    return f"{TIME} {stream} {tag} ".encode() + line


def docker(line: bytes, end: str = "\n", **more: object) -> bytes:
    data = {"log": line.decode() + end, "stream": "stderr", **more, "time": TIME}
    return json.dumps(data, separators=(",", ":")).encode()


WHOLE = {
    "an access line of CRI": cri(access()),
    "of another stream and zone": cri(access(), stream="stdout").replace(b"Z ", b"+01:00 ", 1),
    "with a carriage return": cri(access() + b"\r"),
    "a message of CRI": cri(MESSAGE),
    "an access line of Docker": docker(access()),
    "with what Docker was told to add": docker(access(), attrs={"tag": "registry"}),
    "a message of Docker": docker(MESSAGE),
    "escapes of Docker": docker(access(user_agent="a\tbé")),
}
SLOWLY = {
    "parts of CRI": [cri(access()[:50], "P"), cri(access()[50:])],
    "parts of two streams": [cri(access()[:50], "P"), cri(access(), stream="stdout"), cri(access()[50:])],
    "parts of Docker": [docker(access()[:50], ""), docker(access()), docker(access()[50:])],
    "a broken field": [cri(access(status="x"))],
    "no JSON": [cri(b"panic: x"), docker(b"goroutine 1 [running]:"), cri(b""), docker(b"")],
    "half an object": [docker(access())[:-5], cri(access()[:-5])],
    "Docker's object in CRI": [cri(docker(access()))],
    "another key of an object of Docker": [docker(access(), other=1)],
    "two lines in one": [docker(access() + b"\n" + access())],
}


def slowly(counter: LogCounter, lines: list[bytes]) -> None:
    unwrapper = Unwrapper()
    for line in lines:
        counter._slow(line, unwrapper)
    counter._end()


@pytest.mark.parametrize("lines", [*([line] for line in WHOLE.values()), *SLOWLY.values()], ids=[*WHOLE, *SLOWLY])
def test_a_wrapped_line_counts_as_the_slow_way_counts_it(lines: list[bytes]) -> None:
    quick, slow = (LogCounter(Flavor.GITLAB, namespaces=10) for _ in range(2))
    quick.count(lines, Unwrapper())
    slowly(slow, lines)
    assert quick.data() == slow.data()


@pytest.mark.parametrize("line", WHOLE.values(), ids=WHOLE)
def test_a_whole_line_is_read_at_once(line: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    counter, slow = LogCounter(Flavor.GITLAB, namespaces=10), list[bytes]()
    monkeypatch.setattr(counter, "_slow", lambda content, _: slow.append(content))
    counter.count([line], Unwrapper())
    assert not slow


def test_lines_of_cncf_distribution_go_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    counter, slow = LogCounter(Flavor.DISTRIBUTION, namespaces=10), list[bytes]()
    monkeypatch.setattr(counter, "_slow", lambda content, _: slow.append(content))
    lines = [cri(own()), docker(own())]
    counter.count(lines, Unwrapper())
    assert slow == lines
