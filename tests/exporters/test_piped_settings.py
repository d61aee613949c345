"""Settings and secrets from pipes: a writer is read, and nothing waits for one that does not come."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.common.bounded_reading import read_file
from regobs.errors import ConfigError
from regobs.exporters.secret_files import read_secret
from regobs.instrument import WebConfig

METRICS = "metrics: [{name: registry_log_own_total, help: h}]"
PROBE = "targets: [{name: a, url: 'http://127.0.0.1:1'}]"
OPTIONS = {
    "token": (["notifications", "--state", "STATE", "--token-file"], "secret"),
    "metrics": (["logs", "x.log", "--metrics"], METRICS),
    "web": (["logs", "x.log", "--web-config-file"], "{}"),
    "probe": (["probe", "--config"], PROBE),
    "user": (["probe", "--url", "http://127.0.0.1:1", "--password-file", "PASSWORD", "--username-file"], "user"),
}


def words(name: str, folder: Path) -> list[str]:
    (folder / "password").write_text("secret")
    places = {"STATE": str(folder / "state"), "PASSWORD": str(folder / "password")}
    return ["export", *(places.get(word, word) for word in OPTIONS[name][0])]


@pytest.mark.parametrize("name", OPTIONS)
def test_a_named_pipe_that_nobody_writes_to_is_one_error_after_a_while(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("exporters.secret_files", "documents.reading"):
        monkeypatch.setattr(f"regobs.{module}.PATIENCE", 0.2)
    monkeypatch.setattr("regobs.documents.reading.read_yaml.__kwdefaults__", {"error": ConfigError, "patience": 0.2})
    monkeypatch.setattr("regobs.common.bounded_reading.PATIENCE", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    result = CliRunner().invoke(regobs, [*words(name, tmp_path), str(pipe), "--check-config"])
    assert isinstance(result.exception, ConfigError)
    assert f"{pipe}: nothing came from it for 0.2 s" in str(result.exception.value)
    assert result.exception.next_step


@pytest.mark.parametrize("name", OPTIONS)
def test_what_a_shell_substitutes_for_a_process_is_read(tmp_path: Path, name: str) -> None:
    asked = " ".join([sys.executable, "-m", "regobs", *words(name, tmp_path)])
    text = f'{asked} <(sleep 0.1; printf %s "$CONTENT") --check-config'
    done = subprocess.run(
        ["bash", "-c", text],
        env={"PATH": os.environ.get("PATH", os.defpath), "CONTENT": OPTIONS[name][1]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_writer_that_comes_late_and_in_parts_is_read_whole(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def write() -> None:
        time.sleep(0.1)
        with pipe.open("w") as file:
            for part in ("one", "-two"):
                file.write(part)
                file.flush()
                time.sleep(0.1)

    writer = threading.Thread(target=write)
    writer.start()
    assert read_file(pipe) == b"one-two"
    writer.join()


@pytest.mark.parametrize(("path", "words"), [("/dev/zero", "more than 16 MiB"), ("/proc/self", "directory")])
def test_what_has_no_end_or_no_content_is_an_error(path: str, words: str) -> None:
    with pytest.raises(OSError, match=words):
        read_file(Path(path))
    assert read_file(Path("/dev/null")) == b""


def test_a_secret_from_a_pipe_is_remembered_and_another_pipe_is_not_waited_for(tmp_path: Path) -> None:
    end, begin = os.pipe()
    os.write(begin, b"secret\n")
    os.close(begin)
    for waits in (True, False):
        assert read_secret(Path(f"/dev/fd/{end}"), waits=waits) == "secret"
    os.close(end)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError) as caught:
        read_secret(tmp_path / "pipe")
    assert str(caught.value.value) == f"{tmp_path / 'pipe'}: not a regular file"


def test_a_web_configuration_from_a_pipe_holds_and_one_that_became_a_pipe_lets_nobody_in(tmp_path: Path) -> None:
    end, begin = os.pipe()
    os.write(begin, b"{}")
    os.close(begin)
    web = WebConfig(f"/dev/fd/{end}")
    assert [web.status("") for _ in range(2)] == [200, 200]
    os.close(end)
    file = tmp_path / "web.yml"
    file.write_text("{}")
    web = WebConfig(file)
    file.unlink()
    os.mkfifo(file)
    assert stat.S_ISFIFO(file.stat().st_mode)
    assert web.status("") == 500


@pytest.mark.parametrize(
    ("versions", "right"),
    [
        ("min_version: TLS13, max_version: TLS12", False),
        ("min_version: TLS12, max_version: TLS12", True),
        ("max_version: TLS11", False),  # the least is TLS12 where none is named
        ("min_version: TLS12, max_version: TLS13", True),
        ("min_version: TLS13", True),
    ],
)
def test_versions_of_tls_that_exclude_each_other_are_refused(tmp_path: Path, versions: str, right: bool) -> None:
    (tmp_path / "web.yml").write_text(f"tls_server_config: {{cert_file: a.crt, key_file: a.key, {versions}}}\n")
    with pytest.raises(ConfigError) as caught:
        WebConfig(tmp_path / "web.yml")
    assert ("min_version" in str(caught.value)) is not right
