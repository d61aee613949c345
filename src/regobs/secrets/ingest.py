# ruff: noqa: E501, ISC004 - an expression, a line
r"""The rules as an ingest pipeline of Elasticsearch has them: one regular expression and its replacement.

What Python does with code, an expression can not: take URLs apart, read JSON, undo encodings. Here it masks more
instead: the whole of an address with user information, all behind an encoded letter to the end of its line. Java and
Python read the expression in the same way, and in both it takes time in proportion to the length of the text.
"""

from __future__ import annotations

from typing import Final

from regobs.secrets.expressions import RULES, WORDS, Rule
from regobs.secrets.mask import MASK
from regobs.secrets.uris import HARMLESS

_ADDRESS = r"(?::|%3a)(?:\\{0,4}/|%2f){2}"
_AT = r"(?:@|%40)(?!sha\d{3}:)"
_NO_PORT = r"(?!\d{1,5}(?:[/?#\s\"'<>,;)\\]|$))(?!\d{1,5}[^\w@])"
_BRACKETS = r"\[[0-9a-f:.]{2,45}\]"
_BLANK = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_INVISIBLE = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060-\u2064\ufeff"
_WIDE = "\uff01-\uff5e\u017f\u212a\U0001d400-\U0001d7ff"
_REST = r"[^\r\n]++"

_OURS = (
    # User and password in an address, also a password with spaces in it; a token without a password.
    (
        rf"{_ADDRESS}(?!{_BRACKETS})(?=[^\s/?#@:\"'<>]{{0,256}}:(?!\d{{1,5}}[^\w@])[^@\r\n\"']{{0,200}}\s[^@\r\n\"']{{0,200}}@)",
        r"[^@\r\n\"']++",
    ),
    (rf"{_ADDRESS}(?!{_BRACKETS})(?=[^\s/?#@:\"'<>]{{0,256}}(?::|%3a){_NO_PORT})", r"(?!\[FILTERED\]@)\S++"),
    (rf"{_ADDRESS}(?!git@)(?=[^\s/?#:\"'<>@]{{1,512}}{_AT})", r"[^\s@]++"),
    (
        rf"{_ADDRESS}(?=(?:[^\s/?#:\"'<>@]{{0,64}}(?-i:[A-Z+=~_$])|[^\s/?#@:\"'<>]{{0,256}}:\d{{1,5}}/)[^\s\"'<>@]{{0,512}}{_AT})",
        r"[^\s@]++",
    ),
    (rf"{_ADDRESS}(?=[^\s\"'<>@#?]{{0,512}}[#?][^\s\"'<>@]{{0,512}}{_AT})", r"[^\s\"'<>]++"),
    # User and password without a scheme in front of them.
    (
        r"(?<![^\s\"'=(,\[])(?!(?:mailto|email|mail|from|to|cc|bcc|author|sip|xmpp|git):)"
        r"(?![\w-]{0,100}(?:\.[\w-]{1,100}){1,8}:\d{1,5}/|localhost:\d{1,5}/)"
        rf"(?=[^\s:/@\"'(\[=,]{{1,256}}:(?!//|[\w+.-]{{1,20}}://)[^\s\"@]{{1,512}}{_AT}[\w\[$%{{<*])",
        r"[^\s\"@]++",
    ),
    # Parameters of a query that are not known to be harmless.
    (r"\?(?=[^\s\"<>]{0,512};[\w.%-]{1,64}=)", r"[^\s\"<>]++"),
    (
        rf"(?:[?&]|\\u0026)(?:amp;)?(?!,|(?:{'|'.join(sorted(HARMLESS))})=[\w.:/+, %-]{{0,600}}(?:[&;\s\"'<>#)]|\\u0026|$))[^\s\"'<>=&?]{{1,64}}=",
        r"[^\s&\"<>]++",
    ),
    (r"/[^\s/?\"'<>]{0,256}\?(?![,)\]}'?.:!|])", r"[^\s=&\"<>;]++(?!=)"),
    # Letters that are written in another way than as themselves.
    (
        "",
        r"(?:%(?:25){0,16}(?:(?<!sha\d{3}%)3a|(?<=25)2f|3d|3f|40|5f|22|26|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a]|3[0-9])"
        rf"|\\{{1,40}}u00(?:3[0-9adf]|[4-7][0-9a-f]|2[0-57-9a-f])|\\{{1,40}}x[2-7][0-9a-f]){_REST}",
    ),
    ("", rf"(?:(?<=[A-Za-z_])[{_INVISIBLE}]|[{_WIDE}]){_REST}"),
    (rf"(?:{WORDS})[{_BLANK}]", _REST),
    # A whole object in a text may hold what only its reader knows.
    (r"\{[^{}\r\n]{0,400}\"kty\"", _REST),
)
_ALL = (*(Rule((), before, secret) for before, secret in _OURS), *RULES)
# One expression for all, so that a processor is enough for a field. The group of a rule that did not match is empty in
# the replacement of either language.
PATTERN: Final = "(?i)" + "|".join(f"({rule.before}){rule.secret}" for rule in _ALL)
REPLACEMENT: Final = "".join(f"${number}" for number in range(1, len(_ALL) + 1)) + MASK
# Fields that do not leave the pipeline, whatever they hold.
FIELDS: Final = frozenset(
    {
        *("_state", "authorization", "proxy-authorization", "cookie", "set-cookie", "x-registry-auth", "user", "jwt"),
        *("auth_user", "auth.user"),
        *("token", "tokens", "access_token", "refresh_token", "id_token", "password", "passphrase", "secret", "creds"),
        *("credential", "credentials", "api_key", "access_key", "private_key", "secret_key", "account_key"),
        *("encryption_key", "signing_key", "session_id", "auth_header", "sig", "signature", "string-to-sign"),
    }
)
