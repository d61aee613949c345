from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from regobs.secrets.uris import HARMLESS, redacted_uri

SECRET = "s3cr3t-Val_ue"
NAMES = ("_state", "_STATE", "%5Fstate", "X-Amz-Signature", "x-amz-credential", "Signature", "sig", "token", "password")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("/v2/a/blobs/uploads/u?_state=a%3D&digest=b:f", "/v2/a/blobs/uploads/u?_state=[FILTERED]&digest=b:f"),
        ("/v2/_catalog?n=5&last=a/b", "/v2/_catalog?n=5&last=a/b"),
        ("/v2/", "/v2/"),
        ("/v2/?", "/v2/"),
        ("https://me:pw@host/x?sig=1#token", "https://[FILTERED]@host/x?sig=[FILTERED]"),
        ("/v2/a%3F_state=x", "/v2/a?[FILTERED]"),
        ("/v2/a%253F_state%253Dx", "/v2/a?[FILTERED]"),
        ("/v2/a;_state=x", "/v2/a;[FILTERED]"),
        ("/v2/?from=a%3F_state%3Dx&last=a%2Fb", "/v2/?from=[FILTERED]&last=a%2Fb"),
        ("https%3A%2F%2Fme%3Apw%40host", "[FILTERED]@host"),
        ("https://host/x?_state=ab@cd", "https://[FILTERED]"),
        ("me:pw@host/x", "[FILTERED]@host/x"),
        ("/v2/a%2Fb/tags/list", "/v2/a%2Fb/tags/list"),
        ("/v2/?eyJhbGciOi", "/v2/?[FILTERED]"),
        ("/d/a?from=now-1h&to=now{{", "/d/a?from=now-1h&to=now{{"),
        ("/d/a?from=${__from}&to=$__to", "/d/a?from=${__from}&to=$__to"),
        ("/d/a?var-job=$job&var-pod=${pod:regex}", "/d/a?var-job=$job&var-pod=${pod:regex}"),
        ("/d/a?var-job={{$labels.job}}&var-pod={{", "/d/a?var-job={{$labels.job}}&var-pod={{"),
        ("/d/a?var-job=eu&var-pod=$1abc&job=$job", "/d/a?var-job=[FILTERED]&var-pod=[FILTERED]&job=[FILTERED]"),
        ("/d/a?var-token=$token&var-api-key={{$k}}", "/d/a?var-token=[FILTERED]&var-api-key=[FILTERED]"),
        ("/d/a?to={{%3Fsig%3Da}}", "/d/a?to=[FILTERED]"),
    ],
)  # fmt: skip
def test_a_uri_keeps_what_is_harmless_and_nothing_else(uri: str, shown: str) -> None:
    assert redacted_uri(uri) == shown


def scrambled(secret: str) -> st.SearchStrategy[str]:
    """The secret as it is, or percent-encoded in part or whole."""
    return st.lists(st.booleans(), min_size=len(secret), max_size=len(secret)).map(
        lambda flags: "".join(f"%{ord(c):02x}" if flag else c for c, flag in zip(secret, flags, strict=True))
    )


@given(
    st.sampled_from(NAMES) | st.text(min_size=1),
    scrambled(SECRET),
    st.sampled_from(["/v2/a/blobs/uploads/u", "https://h/x", "", "//"]),
    st.lists(st.sampled_from(["n=1", "last=a", "digest=sha256:00", "", "=", "&"])),
    st.sampled_from(["", "#x", "?", ";", "&&"]),
)
def test_no_value_of_an_unknown_parameter_passes(
    name: str, secret: str, path: str, others: list[str], end: str
) -> None:
    assume(name not in HARMLESS and not any(c in name for c in "&=#?") and SECRET not in name)
    shown = redacted_uri(f"{path}?{'&'.join([*others, f'{name}={secret}', *others])}{end}")
    assert secret not in shown
    assert SECRET not in shown


@given(st.text(alphabet="/?#@:&=abc%\n"), st.booleans())
def test_no_password_passes_however_it_is_written(around: str, encoded: bool) -> None:
    password = f"{around}{SECRET}{around}"
    shown = redacted_uri(f"https://user:{quote(password, safe='') if encoded else password}@host/v2/")
    assert SECRET not in shown
    raw = not encoded and ("?" in password or "#" in password)
    assert shown == ("https://[FILTERED]" if raw else "https://[FILTERED]@host/v2/")


@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redacted_uri(text)
    assert redacted_uri(once) == once
