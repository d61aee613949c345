"""A text as its last reader will see it: percent-encoding, escapes and invisible characters undone, however often.

What hides a secret from an expression does not hide it from a person.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

LAYERS = 16  # that are taken off; each makes a text longer
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([\"'/nrt\\]))")
_BYTES = re.compile(r"(?:(?<!\\)\\x[0-9a-fA-F]{2})+")
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060-\u2064\ufeff]")


class _Compatible(dict[int, str]):
    """Each letter in its compatible form: a whole text at once takes quadratic time when it is all accents.

    Only forms in ASCII, since no secret is told by others: they are up to 18 letters for one, which each scan reads.
    """

    def __missing__(self, code: int) -> str:
        compatible = unicodedata.normalize("NFKC", chr(code))
        letter = compatible if compatible.isascii() else chr(code)
        if len(self) < 4096:
            self[code] = letter
        return letter


_LETTER_BY_LETTER = _Compatible()


def unquoted(text: str) -> str:
    """Without percent-encoding."""
    for _ in range(LAYERS):
        before, text = text, unquote(text) if "%" in text else text
        if text == before:
            break
    return text


def decoded(text: str) -> str:
    """Without all that `peeled` takes off."""
    for _ in range(LAYERS):
        before, text = text, peeled(text)
        if text == before:
            break
    return text


def peeled(text: str) -> str:
    """One layer less: of percent-encoding, escapes of JSON and Python, full-width letters or invisible characters."""
    plain = _INVISIBLE.sub("", text)
    if plain == text and not text.isascii():
        plain = text.translate(_LETTER_BY_LETTER)
    if plain == text and "%" in text:
        plain = unquote(text)
    if plain == text and "\\" in text:
        plain = _ESCAPE.sub(_unescaped, _BYTES.sub(_bytes, text))
    return plain


def _unescaped(found: re.Match[str]) -> str:
    code, letter = found.groups()
    return _LETTERS.get(letter, letter) if letter else chr(int(code, 16))


def _bytes(found: re.Match[str]) -> str:
    return bytes.fromhex("".join(found[0].replace("\\", "").split("x"))).decode("utf-8", "replace")
