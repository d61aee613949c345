"""Settings of the probe: what is right is read, what is wrong is one error with its place."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from regobs.catalog import probe as metrics
from regobs.catalog.exposition import parse
from regobs.catalog.probe import STEPS
from regobs.cli.main import regobs
from regobs.errors import ConfigError, InputError
from regobs.exporters.probe import Probe
from regobs.exporters.probe_settings import (
    _SCHEMA,
    DEFAULT_TIMING,
    MOST_TARGETS,
    StepTiming,
    checked_url,
    read_probe_settings,
)
from regobs.exporters.serving import exporter_instruments
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


def test_the_bundled_example_shows_every_setting_and_no_other() -> None:
    text = find_pack().file("exporters", "probe.yaml").read()
    whole = yaml.safe_load(text.replace("    # ", "    "))
    schema = _SCHEMA["properties"]
    assert list(whole) == list(schema)
    assert set(whole["targets"][0]) == set(schema["targets"]["items"]["properties"])
    assert set(whole["steps"]) == set(schema["steps"]["properties"])
    assert {key for step in whole["steps"].values() for key in step} == {"every", "within"}


def test_the_port_that_a_scheme_implies_makes_no_other_target(tmp_path: Path) -> None:
    rows = [{"name": "a", "url": "http://h"}, {"name": "b", "url": "http://H:80/"}]
    with pytest.raises(ConfigError, match="two targets have the same repository"):
        read_probe_settings(written(tmp_path, yaml.safe_dump({"targets": rows})))


@pytest.mark.parametrize("other", ["http://h:5000", "http://H:5000/"])
def test_two_targets_of_one_repository_are_refused_as_each_removes_what_the_other_pushed(
    tmp_path: Path, other: str
) -> None:
    rows = [{"name": "a", "url": "http://h:5000", "repository": "x/y"}, {"name": "b", "url": other}]
    right = read_probe_settings(written(tmp_path, yaml.safe_dump({"targets": rows})))
    assert len(right.targets) == 2
    rows[1]["repository"] = "x/y"
    with pytest.raises(ConfigError, match="two targets have the same repository") as caught:
        read_probe_settings(written(tmp_path, yaml.safe_dump({"targets": rows})))
    assert str(caught.value.value).startswith("b: ")
    rows[0]["repository"] = "regobs/probe"
    del rows[1]["repository"]
    with pytest.raises(ConfigError, match="two targets have the same repository"):
        read_probe_settings(written(tmp_path, yaml.safe_dump({"targets": rows})))


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


def test_the_bounds_of_times_are_right(tmp_path: Path) -> None:
    text = "targets: [{name: a b, url: 'http://h'}]\n"
    text += "steps: {push: {every: 1s, within: 1ms}, base: {every: 1d, within: 10m}}"
    timing = read_probe_settings(written(tmp_path, text)).timing
    assert (timing["push"], timing["base"]) == (StepTiming(1, 0.001), StepTiming(86_400, 600))


def test_what_has_no_effect_is_a_warning_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "targets:\n- {name: a, url: 'http://h', push: false}\nsteps:\n"
    text += "  tls: {every: 5m}\n  push: {every: 5m}\n  base: {every: 5m}"
    file = written(tmp_path, text)
    result = CliRunner().invoke(regobs, ["export", "probe", "--config", str(file), "--check-config"])
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        f"Warning: {file}:4:8: no target has the step tls: its times have no effect",
        f"Warning: {file}:5:9: no target has the step push: its times have no effect",
    ]
    monkeypatch.setattr("regobs.exporters.probe_settings.Trust.context", lambda _: None)
    for scheme, told in (("http", 1), ("https", 0)):
        target = f"targets:\n- {{name: a, url: '{scheme}://h', ca_file: ca.pem}}"
        assert len(read_probe_settings(written(tmp_path, target)).without_effect) == told


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("targets: []", 1, "targets"),
        ("targets:\n- {name: a}", 2, "url"),
        ("targets:\n- {name: a, url: 'ftp://h'}", 2, "not an http or https URL"),
        ("targets:\n- {name: a, url: 'https://u:hidden@h'}", 2, "credentials"),
        ("targets:\n- {name: a, url: 'https://h/v2/'}", 2, "root"),
        ("targets:\n- {name: a, url: 'https://h?x=hidden'}", 2, "root"),
        ("targets:\n- {name: a, url: 'https://h/?'}", 2, "root"),
        ("targets:\n- {name: a, url: 'https://h#hidden'}", 2, "root"),
        ("targets:\n- {name: a, url: 'https://h', debug_url: 'http://h:5001?x'}", 2, "root"),
        ("targets:\n- {name: a, url: 'http://h', key_file: none}", 2, "certificate_file"),
        ("targets:\n- {name: a, url: 'https://h', repository: 'A/b'}", 2, "repository"),
        ("targets:\n- {name: a, url: 'https://h', usrname_file: x}", 2, "username_file"),
        ("targets:\n- {name: a, url: 'https://h', username_file: x}", 2, "both"),
        ("targets:\n- {name: a, url: 'https://h', push: false, delete: true}", 2, "push"),
        ("targets:\n- {name: a, url: 'https://h'}\n- {name: a, url: 'https://i'}", 3, "once"),
        ("targets:\n- {name: a, url: 'https://h', ca_file: none.pem}", None, "PEM"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {every: 0s}}", 3, "above zero"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {pusch: {every: 1s}}", 3, "push"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {every: 999ms}}", 3, "every is too short"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {every: 86401s}}", 3, "every is too long"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {within: 601s}}", 3, "within is too long"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {within: 1000y}}", 3, "within"),
        ("targets:\n- {name: a, url: 'https://h'}\nsteps: {push: {within: 9999999999y}}", 3, "within"),
        ("targets:\n- {name: ' ', url: 'https://h'}", 2, "no space"),
        ("targets:\n- {name: 'a ', url: 'https://h'}", 2, "no space"),
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


def test_the_authority_of_an_address_is_judged_before_anything_is_probed(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    words = ["export", "probe", "--url", "https://localhost", "--check-config", "--ca-file", str(file)]
    file.write_text("no certificate\n")
    assert "TLS files cannot be used" in str(CliRunner().invoke(regobs, words).exception)
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    file.write_text(ssl.DER_cert_to_PEM_cert(roots[0]))
    assert CliRunner().invoke(regobs, words).exit_code == 0


def test_as_many_targets_as_are_taken_have_series_of_their_own_and_one_more_is_refused(tmp_path: Path) -> None:
    url = "https://127.0.0.1:1"
    rows = [
        {"name": f"r{index}", "url": url, "repository": f"r{index}", "debug_url": "http://127.0.0.1:1"}
        for index in range(MOST_TARGETS)
    ]
    settings = read_probe_settings(written(tmp_path, yaml.safe_dump({"targets": rows})))
    instruments = exporter_instruments()
    for target in Probe(settings, instruments).targets:
        target.run(all_steps=True)
    shown = parse(instruments.render()).families
    for metric in (metrics.SUCCESS, metrics.RUNS, metrics.DURATION, metrics.LAST_SUCCESS):
        targets = {sample.labels["target"] for sample in shown[metric.name].samples}
        assert targets == {target.name for target in settings.targets}
    rows.append({"name": "more", "url": url, "repository": "more"})
    file = written(tmp_path, yaml.safe_dump({"targets": rows}))
    with pytest.raises(ConfigError, match="too many targets") as caught:
        read_probe_settings(file)
    assert (caught.value.value, f"at most {MOST_TARGETS}" in str(caught.value.expected)) == (
        str(MOST_TARGETS + 1),
        True,
    )


@pytest.mark.parametrize(
    "options",
    [
        ["--ca-file", "x"],
        ["--no-push"],
        ["--password-file", "x", "--username-file", "x"],
        ["--repository", "regobs/probe"],
        ["--username-file", "x"],
    ],
    ids=lambda options: options[0],
)
@pytest.mark.parametrize("mode", ["--check-config", "--once"])
def test_what_describes_the_target_of_a_url_is_refused_beside_a_file_of_settings(
    options: list[str], mode: str, tmp_path: Path
) -> None:
    file = written(tmp_path, "targets: [{name: a, url: 'http://127.0.0.1:1'}]")
    found = CliRunner().invoke(regobs, ["export", "probe", "--config", str(file), mode, *options])
    assert isinstance(found.exception, InputError)
    assert options[0] in str(found.exception.value)


@pytest.mark.parametrize("option", ["--password-file", "--username-file"])
def test_a_user_without_a_password_is_refused_on_the_command_line_too(option: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    words = ["export", "probe", "--url", "https://localhost", "--check-config", option, str(tmp_path / "secret")]
    found = CliRunner().invoke(regobs, words)
    assert isinstance(found.exception, InputError)
    assert found.exception.value == option
    other = next(name for name in ("--password-file", "--username-file") if name != option)
    assert CliRunner().invoke(regobs, [*words, other, str(tmp_path / "secret")]).exit_code == 0


@pytest.mark.parametrize(
    ("key", "told"), [("url", "/v2/ stands at the root of a registry's host"), ("debug_url", "/debug/health stands at")]
)
def test_an_address_with_a_path_is_told_what_stands_at_its_root(key: str, told: str, tmp_path: Path) -> None:
    rows = {"name": "a", "url": "http://h"} | {key: "http://h:5001/x/"}
    file = tmp_path / "p.yaml"
    file.write_text(json.dumps({"targets": [rows]}), encoding="utf-8")
    with pytest.raises(ConfigError, match="more than scheme, host and port") as caught:
        read_probe_settings(file)
    assert str(caught.value.expected).startswith(f"http://h:5001: {told}")


@pytest.mark.parametrize("key", ["ca_file", "certificate_file", "repository", "debug_url", "name"])
def test_a_null_character_is_refused_where_it_stands(key: str, tmp_path: Path) -> None:
    lines = {"name": "a", "url": "http://127.0.0.1:9", key: "x\0y"}
    text = "targets:\n- " + "\n  ".join(f'{name}: "{value}"' for name, value in lines.items()).replace("\0", "\\0")
    with pytest.raises(ConfigError) as caught:
        read_probe_settings(written(tmp_path, text))
    assert caught.value.location is not None
    assert caught.value.location.line == 2 + list(lines).index(key)
