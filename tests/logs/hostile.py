"""Texts that hold secrets, and texts that look as if they did."""

from __future__ import annotations

from hypothesis import strategies as st

SECRET = "dGhpcyBpcyBhIHNlY3JldA"
TEXTS = (
    f"/v2/a/blobs/uploads/1?_state={SECRET}%3D%3D&digest=sha256:1",
    f"/v2/a/blobs/uploads/1?digest=sha256:1&_state={SECRET}",
    f"/v2/a/blobs/uploads/1?digest=sha256:1&amp;%5Fstate={SECRET}",
    f'{{"uri":"/v2/a?x=1\\u0026_state={SECRET}","status":1}}',
    f"https://s3.example/b?X-Amz-Algorithm=A&X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
    f"https://s3.example/b?X-Amz-Security-Token={SECRET}",
    f"https://storage.example/b?Expires=1&GoogleAccessId={SECRET}&Signature={SECRET}",
    f"https://storage.example/b?X-Goog-Signature={SECRET}",
    f"https://cdn.example/b?Policy={SECRET}&Key-Pair-Id={SECRET}",
    f"https://blob.example/b?sv=1&sig={SECRET}",
    f"Authorization: Basic {SECRET}",
    f"Proxy-Authorization: Bearer {SECRET}",
    f"Cookie: a={SECRET}; b={SECRET}",
    f"X-Registry-Auth: {SECRET}",
    f"headers=map[Authorization:[Bearer {SECRET}] Accept:[*/*]]",
    f'{{"Authorization":"Bearer {SECRET}"}}',
    f'{{"actor":{{"user":"{SECRET}"}}}}',
    f'{{"a":"{{\\"password\\":\\"{SECRET}\\"}}"}}',
    f"password={SECRET}",
    f"refresh_token={SECRET}",
    f"client.secret='{SECRET} {SECRET}'",
    f"aws_secret_access_key = {SECRET}",
    f"private-key={SECRET}",
    f"postgres://registry:{SECRET}@db/registry",
    f"token eyJhbGciOiJ.{SECRET}.{SECRET}",
    f"used glpat-{SECRET} for it",
)
HARMLESS = (
    "/v2/group/proj/manifests/latest",
    "a basic thing",
    "basic authentication is used",
    "sha256:" + "ab" * 32,
    "https://example.com/a?n=100&last=b",
    "manifest unknown",
    "token has expired",
    "error authorizing context: authorization token required",
    "time=2026-11-23T11:05:00Z",
)
_PIECES = (
    *("token", "_state", "sig", "Authorization", "Cookie", "bearer", "BASIC", "password", "X-Amz-Signature", "user"),
    *("=", ":", "?", "&", ";", "&amp;", "\\u0026", '"', '\\"', "'", "[", "]", "(", ")", "{", "}", "<", ">", ",", "@"),
    *(
        "://",
        "/",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\\",
        "eyJab.cd.ef",
        "glpat-0123456789abcdef",
        "[FILTERED]",
        "Aa1+/=",
        "x",
    ),
    *("\u00a0", "\u212a", "\u017f", "é", "\u2028", "😀", "_", "-", ".", "%5f", "$1"),
)
PIECES = st.lists(st.sampled_from(_PIECES) | st.text(max_size=3), max_size=14).map("".join)
