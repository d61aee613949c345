"""Certificates and keys: a pipe with a writer is read, a silent one is an error, and no terminal is asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from regobs.cli.main import regobs
from regobs.common import pem_files
from regobs.common.pem_files import without_pipes
from regobs.errors import InputError, RegobsError
from regobs.exporters.outside import Trust
from regobs.instrument import WebConfig
from regobs.logs.elasticsearch.access import Access
from regobs.prometheus.address import Address
from regobs.prometheus.connection import Connection

KINDS = ("ca_file", "certificate_file", "key_file", "cert_file", "web_key_file", "client_ca_file")


@pytest.fixture
def pems(tmp_path: Path) -> Path:
    """A folder with an authority, a certificate and its key."""
    issuer = trustme.CA()
    leaf = issuer.issue_cert("localhost")
    issuer.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    return tmp_path


def settings(kind: str, place: str, folder: Path) -> list[str]:
    """The words of a command whose certificate or key of that kind is at a place."""
    files = {"ca_file": "ca.pem", "certificate_file": "own.pem", "key_file": "key.pem"}
    if kind in files:
        rows = "".join(f", {name}: {place if name == kind else file}" for name, file in files.items())
        (folder / "probe.yaml").write_text(f"targets: [{{name: a, url: 'https://127.0.0.1:1'{rows}}}]\n")
        return ["export", "probe", "--config", str(folder / "probe.yaml"), "--check-config"]
    files = {"cert_file": "own.pem", "key_file": "key.pem", "client_ca_file": "ca.pem"}
    key = kind.removeprefix("web_")
    rows = ", ".join(f"{name}: {place if name == key else file}" for name, file in files.items())
    (folder / "web.yml").write_text(f"tls_server_config: {{{rows}, client_auth_type: RequireAndVerifyClientCert}}\n")
    return ["export", "logs", "x.log", "--web-config-file", str(folder / "web.yml"), "--check-config"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pipe_that_nobody_writes_to_is_an_error_after_a_while(
    kind: str, pems: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("regobs.instrument.http.web_config.PATIENCE", 0.2)
    monkeypatch.setitem(vars(without_pipes)["__wrapped__"].__kwdefaults__, "patience", 0.2)
    os.mkfifo(pems / "pipe")
    found = CliRunner().invoke(regobs, settings(kind, "pipe", pems)).exception
    assert isinstance(found, RegobsError)
    assert "pipe" in str(found.value)
    assert "nothing came from it for 0.2 s" in str(found.value)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_shell_substitutes_for_a_process_is_read(kind: str, pems: Path) -> None:
    content = "key.pem" if "key" in kind else "own.pem" if kind in {"certificate_file", "cert_file"} else "ca.pem"
    words = settings(kind, "/dev/fd/9", pems)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'exec 9< <(sleep 0.1; cat {content}); exec "$@"',
            "bash",
            sys.executable,
            "-m",
            "regobs",
            *words,
        ],
        cwd=pems,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_a_pipe_gave_is_used_again_and_a_later_pipe_is_not_waited_for(pems: Path) -> None:
    end, begin = os.pipe()
    os.write(begin, (pems / "ca.pem").read_bytes())
    os.close(begin)
    trust = Trust(Path(f"/dev/fd/{end}"))
    assert [len(trust.context().get_ca_certs()) for _ in range(2)] == [1, 1]
    os.close(end)
    (pems / "web.yml").write_text("tls_server_config: {cert_file: own.pem, key_file: key.pem}\n")
    web = WebConfig(pems / "web.yml")
    assert web.tls() is not None
    (pems / "key.pem").unlink()
    os.mkfifo(pems / "key.pem")
    with pytest.raises(RegobsError, match="cannot be used") as caught:
        web.tls()
    assert "not a regular file" in str(caught.value.value)


def test_without_files_in_memory_a_pipe_is_read_into_one_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr(pem_files, "read_once", lambda *_: b"content")
    os.mkfifo(tmp_path / "pipe")
    with without_pipes(None, tmp_path / "pipe") as (none, name):
        assert none is None
        assert name is not None
        assert Path(name).read_bytes() == b"content"
        assert Path(name).stat().st_mode & 0o077 == 0
    assert not Path(name).exists()


@pytest.mark.parametrize("kind", ["key_file", "web_key_file"])
def test_a_key_with_a_password_is_refused_and_the_terminal_is_not_asked(kind: str, pems: Path) -> None:
    key = serialization.load_pem_private_key((pems / "key.pem").read_bytes(), None)
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (pems / "locked.pem").write_bytes(key.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))
    done = subprocess.run(
        [sys.executable, "-m", "regobs", *settings(kind, "locked.pem", pems)],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "the key has a password" in done.stderr
    assert "pass phrase" not in done.stderr


def test_servers_that_are_asked_take_no_pipe_whose_name_they_hand_on(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="cannot be read") as caught:
        Connection(Address.parse("http://h"), ca_file=pipe)
    assert "not a regular file" in str(caught.value.value)
    with pytest.raises(InputError, match="cannot be read") as caught:
        Access.of("https://h", authority=pipe, environ={})
    assert "not a regular file" in str(caught.value.value)
