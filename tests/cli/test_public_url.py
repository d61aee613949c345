"""Addresses on the command line: none may hold a password, whichever command takes it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from regobs.cli.main import regobs, run
from regobs.cli.public_url import PublicUrl
from regobs.errors import InputError

SECRET = "s3cr3t-w0rd"


def _addresses(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    for param in command.params:
        if param.metavar == "URL" or param.name in {"url", "exposition", "source", "proxy"}:
            yield path, param
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _addresses(child, (*path, name))


def test_every_option_and_argument_that_takes_an_address_is_of_the_type_that_refuses_a_password() -> None:
    found = list(_addresses(regobs))
    assert len(found) > 50
    unsafe = [one for one in found if not isinstance(getattr(one[1].type, "func", None), PublicUrl)]
    assert [" ".join((*path, str(param.name))) for path, param in unsafe] == []


@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{SECRET}@host:9090",
        f"  https://{SECRET}@host/",
        f"HTTP://me:a/{SECRET}@host",
        f"http://me:{SECRET}@host/path?query#x",
        f"me:{SECRET}@host:9090",
        f":{SECRET}@host",
    ],
)
def test_a_user_or_password_in_an_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InputError) as caught:
        PublicUrl("use a file")(url)
    assert "every user of this machine can read it" in str(caught.value)
    assert "use a file" in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["http://host:9090/prefix", "http://host/?user=me@host", "http://[::1]:9090", "host:9090", "-", "dir/a:b@c", ""],
)
def test_other_addresses_and_files_are_left_as_they_are(text: str) -> None:
    assert PublicUrl("")(text) == text


@pytest.mark.parametrize(
    ("arguments", "next_step"),
    [
        ("query up --prometheus URL", "REGOBS_PROMETHEUS_URL"),
        ("doctor --prometheus URL", "token_file"),
        ("snapshot --prometheus URL", "regobs context add"),
        ("slo status --prometheus URL", "regobs context add"),
        ("query up --prometheus http://host --proxy URL", "REGOBS_PROMETHEUS_PROXY"),
        ("context add name URL", "--token-command"),
        ("context add name http://host --proxy URL", "HTTPS_PROXY"),
        ("logs run errors --elasticsearch URL", "--password-file"),
        ("logs run errors --victorialogs URL", "REGOBS_VICTORIALOGS_TOKEN"),
        ("catalog check URL", ".netrc"),
        ("init URL", ".netrc"),
        ("export probe --url URL", "--password-file"),
    ],
)
def test_a_password_on_the_command_line_ends_with_exit_code_2_and_a_next_step(
    arguments: str, next_step: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"http://me:{SECRET}@127.0.0.1:9" if word == "URL" else word for word in arguments.split()]
    assert run(given) == 2
    out, err = capsys.readouterr()
    assert "a secret on the command line" in err
    assert next_step in err
    assert SECRET not in out + err


def test_an_address_of_a_million_characters_is_read_at_once() -> None:
    text = "http://" + "a:/" * 300_000
    assert PublicUrl("")(text + "?@")
