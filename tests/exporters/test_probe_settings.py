"""Settings of the probe: what is right is read, what is wrong is one error with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from regobs.catalog.probe import STEPS
from regobs.errors import ConfigError
from regobs.exporters.probe_settings import DEFAULT_TIMING, StepTiming, checked_url, read_probe_settings
from regobs.pack import find_pack


def written(directory: Path, text: str) -> Path:
    file = directory / "probe.yaml"
    file.write_text(text)
    return file


def test_the_bundled_example_is_right_and_its_steps_are_the_defaults(tmp_path: Path) -> None:
    text = find_pack().file("exporters", "probe.yaml").read()
    (tmp_path / "probe-user").write_text("probe\n")
    (tmp_path / "probe-password").write_text("secret\n")
    settings = read_probe_settings(written(tmp_path, text))
    assert settings.timing == DEFAULT_TIMING
    assert list(yaml.safe_load(text)["steps"]) == list(STEPS)
    assert settings.targets[0].credentials() == ("probe", "secret")
    assert settings.targets[0].steps == STEPS


def test_a_target_has_only_the_steps_that_it_can_have(tmp_path: Path) -> None:
    file = written(
        tmp_path, "targets: [{name: a, url: 'http://h', push: false}, {name: b, url: 'http://h:1', delete: false}]"
    )
    only_pulls, keeps = read_probe_settings(file).targets
    assert only_pulls.steps == ("resolve", "connect", "auth", "base", "pull_manifest", "pull_blob")
    assert keeps.steps == (*only_pulls.steps, "push", "read_back")


def test_a_step_keeps_what_is_not_set(tmp_path: Path) -> None:
    file = written(tmp_path, "targets: [{name: a, url: 'http://h'}]\nsteps: {push: {every: 5m}}")
    assert read_probe_settings(file).timing["push"] == StepTiming(300, DEFAULT_TIMING["push"].within)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("targets: []", 1, "targets"),
        ("targets:\n- {name: a}", 2, "url"),
        ("targets:\n- {name: a, url: 'ftp://h'}", 2, "not an http or https URL"),
        ("targets:\n- {name: a, url: 'https://u:hidden@h'}", 2, "credentials"),
        ("targets:\n- {name: a, url: 'https://h/v2/'}", 2, "root"),
        ("targets:\n- {name: a, url: 'https://h', repository: 'A/b'}", 2, "repository"),
        ("targets:\n- {name: a, url: 'https://h', usrname_file: x}", 2, "username_file"),
        ("targets:\n- {name: a, url: 'https://h', username_file: x}", 2, "both"),
        ("targets:\n- {name: a, url: 'https://h', push: false, delete: true}", 2, "push"),
        ("targets:\n- {name: a, url: 'https://h'}\n- {name: a, url: 'https://i'}", 3, "once"),
        ("targets:\n- {name: a, url: 'https://h', ca_file: none.pem}", None, "PEM"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {every: 0s}}", 3, "above zero"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {pusch: {every: 1s}}", 3, "push"),
    ],
)
def test_a_wrong_setting_is_one_error_with_its_place(text: str, line: int | None, words: str, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=words) as caught:
        read_probe_settings(written(tmp_path, text))
    assert "hidden" not in str(caught.value)
    if line is not None:
        assert isinstance(caught.value, ConfigError)
        assert caught.value.location is not None
        assert caught.value.location.line == line


@pytest.mark.parametrize("content", [None, b"", b"two\nlines", b"\xff", b"x" * 8193])
def test_a_file_that_holds_no_credential_is_an_error_that_does_not_show_it(
    content: bytes | None, tmp_path: Path
) -> None:
    (tmp_path / "user").write_text("probe")
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    file = written(tmp_path, "targets: [{name: a, url: 'https://h', username_file: user, password_file: password}]")
    with pytest.raises(ConfigError, match="credentials") as caught:
        read_probe_settings(file)
    assert "two" not in str(caught.value)


def test_an_address_keeps_its_port_and_loses_its_slash() -> None:
    assert checked_url("https://registry.test:5000/", {}) == "https://registry.test:5000"
    assert checked_url("http://[::1]:5000", {}) == "http://[::1]:5000"
