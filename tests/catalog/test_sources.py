"""Fetching an exposition from a server of ours that answers well, badly, or not at all."""

import base64
import gzip
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.catalog import exposition, sources
from regobs.catalog.sources import read
from regobs.errors import InputError, ServerError
from tests.catalog.samples import DOCKER, as_openmetrics, text_of
from tests.stub_server import StubHandler, StubServer

TEXT = text_of(DOCKER)
NO_INPUT = io.BytesIO()


class _Handler(StubHandler):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/private" and self.headers["Authorization"] != "Basic " + base64.b64encode(b"me:s/cret").decode():
            self._answer(b"no", status=401)
        elif path in {"/metrics", "/private"}:
            self._answer(TEXT.encode())
        elif path == "/open":
            assert "openmetrics" in self.headers["Accept"]
            self._answer(as_openmetrics(TEXT), kind="application/openmetrics-text")
        elif path == "/packed":
            self._answer(gzip.compress(TEXT.encode()), Content_Encoding="gzip")
        elif path == "/file.gz":
            self._answer(gzip.compress(TEXT.encode()), kind="application/gzip")
        elif path == "/html":
            self._answer(b"<!DOCTYPE html><title>Sign in</title>", kind="text/html")
        elif path == "/broken":
            self._answer(b"not gzip", Content_Encoding="gzip")
        elif path == "/slow":
            self._trickle()
        else:
            self._answer(b"nothing here", status=404)

    def _answer(self, body: bytes, *, status: int = 200, kind: str = "text/plain", **headers: str) -> None:
        self.answer(status, body, kind, {name.replace("_", "-"): value for name, value in headers.items()})

    def _trickle(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            for _ in range(50):
                self.wfile.write(b"# more\n" * 10_000)
                time.sleep(0.02)
        except OSError:
            return  # the client had enough, as it should


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with StubServer(_Handler) as server:
        yield server.address


@pytest.mark.parametrize("path", ["", "/", "/metrics", "/metrics?x=1", "/open", "/packed", "/file.gz"])
def test_an_exposition_is_fetched_however_it_is_sent(address: str, path: str) -> None:
    found = read(f"http://{address}{path}", NO_INPUT)
    assert len(found.families) == 43
    assert found.sample_count == 656


def test_user_and_password_open_the_door_and_are_never_shown(address: str) -> None:
    found = read(f"http://me:s%2Fcret@{address}/private", NO_INPUT)
    assert found.source == f"http://{address}/private"
    with pytest.raises(ServerError, match="401") as caught:
        read(f"http://me:wr0ng@{address}/private", NO_INPUT)
    assert "wr0ng" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "problem"),
    [("/html", "not the metrics of a registry"), ("/nowhere", "404"), ("/broken", "no usable answer")],
)
def test_what_is_no_exposition_is_the_servers_fault(address: str, path: str, problem: str) -> None:
    with pytest.raises(ServerError, match=problem) as caught:
        read(f"http://me:s3cret@{address}{path}", NO_INPUT)
    text = str(caught.value)
    assert f"http://{address}{path}" in text
    assert "s3cret" not in text
    assert caught.value.next_step


def test_an_answer_that_never_ends_is_cut_off(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "TOTAL_SECONDS", 0.1)
    with pytest.raises(ServerError, match="not finished"):
        read(f"http://{address}/slow", NO_INPUT)
    monkeypatch.setattr(sources, "TOTAL_SECONDS", 30)
    monkeypatch.setattr(sources, "MAX_BYTES", 100_000)
    with pytest.raises(ServerError, match="more than"):
        read(f"http://{address}/slow", NO_INPUT)


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(ServerError, match=r"http://127\.0\.0\.1:9/metrics cannot be reached") as caught:
        read("http://me:s3cret@127.0.0.1:9", NO_INPUT)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("source", ["http://", "http://me:s3cret@:99999/", "http://[::1", "http://h:99999999/"])
def test_a_wrong_address_is_an_input_error(source: str) -> None:
    with pytest.raises(InputError, match="not a valid address") as caught:
        read(source, NO_INPUT)
    assert "s3cret" not in str(caught.value)


def test_files_and_standard_input_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.prom").write_text(TEXT)
    assert read(str(tmp_path / "a.prom"), NO_INPUT).families.keys() == read(str(DOCKER), NO_INPUT).families.keys()
    assert read("-", io.BytesIO(DOCKER.read_bytes())).source == "(standard input)"


@pytest.mark.parametrize("name", ["missing.prom", ".", "nul\0byte", ""])
def test_a_file_that_cannot_be_read_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read(str(tmp_path / name), NO_INPUT)


def test_a_large_file_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "MAX_BYTES", 1000)
    monkeypatch.setattr(sources, "MAX_BYTES", 1000)
    (tmp_path / "large").write_text(TEXT)
    with pytest.raises(InputError, match="too large"):
        read(str(tmp_path / "large"), NO_INPUT)
    with pytest.raises(InputError, match="too large"):
        read("-", io.BytesIO(TEXT.encode()))
