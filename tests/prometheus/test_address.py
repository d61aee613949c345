from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import ExitCode, InputError
from regobs.prometheus.address import Address, bare, redact

SECRET = "s3cr3t-Wort"


def test_user_and_password_are_taken_out_of_the_url() -> None:
    address = Address.parse(f"https://me:{SECRET}@prom.example:9443/prefix/")
    assert address.url == "https://prom.example:9443/prefix"
    assert address.credentials == ("me", SECRET)
    assert SECRET not in repr(address) + str(address)


def test_a_url_without_a_user_has_no_credentials() -> None:
    assert Address.parse(" http://127.0.0.1:9090/ ") == Address("http://127.0.0.1:9090")


def test_an_escaped_password_is_read_as_what_it_means() -> None:
    assert Address.parse("http://a%40b:p%2Fw%3A%25@host").credentials == ("a@b", "p/w:%")


def test_an_ipv6_address_keeps_its_brackets() -> None:
    assert Address.parse("http://[::1]:9090").url == "http://[::1]:9090"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "prom:9090",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://host/?a=b",
        "http://host/#x",
        f"http://u:{SECRET}/x@host",
        f"http://u:{SECRET}#x@host",
        f"http://u:{SECRET}?x@host",
        f"http://u:{SECRET}@host/?q",
        f"u:{SECRET}@host:9090",
        f"http://u:{SECRET}@host:port",
        f"http://host/?token={SECRET}",
    ],
)
def test_what_is_no_address_is_an_input_error_without_the_password(text: str) -> None:
    with pytest.raises(InputError) as caught:
        Address.parse(text)
    assert caught.value.exit_code is ExitCode.INPUT
    assert SECRET not in str(caught.value)
    assert "http://host:9090" in str(caught.value)


@given(st.text(), st.sampled_from(["http://", "https://", "", "//", "ftp://"]))
def test_redacting_hides_whatever_stands_before_the_last_at_sign(password: str, scheme: str) -> None:
    marked = f"<{password}>".replace("@host", "")
    assert "<" not in redact(f"{scheme}user:{marked}@host/path")


def test_a_url_of_the_server_loses_user_and_query() -> None:
    assert bare(f"http://u:{SECRET}@host:1/metrics?token={SECRET}#x") == "http://host:1/metrics"
    assert bare("http://host/probe?target=a@b") == "http://host/probe"
