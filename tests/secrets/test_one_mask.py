from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.cli.server_options import public_header
from regobs.config import load_config
from regobs.errors import RegobsError
from regobs.logs.elasticsearch.access import _address
from regobs.prometheus.address import Address
from regobs.prometheus.connection import bearer, read_header
from regobs.secrets import MASK

SOURCES = Path(__file__).parents[2] / "src" / "regobs"
# What programs write in the place of a secret.
OTHER_MASKS = re.compile(
    r"\*{3}|x{4,}|•{2}|[<\[(](?:redacted|filtered|masked|hidden|secret|removed|sensitive|password|token)[>\])]",
    re.IGNORECASE,
)
# The only places that know them: the one mask itself, and what the masks of other programs look like.
KNOWN = {"secrets/expressions.py", "secrets/mask.py"}
SECRET = "hunter2-4711"


def texts_of(source: Path) -> Iterator[tuple[int, str]]:
    """Text constants of a module that are no docstrings."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def test_the_mask_is_typed_in_one_module_and_there_is_no_other_mask() -> None:
    found = {
        f"{source.relative_to(SOURCES)}:{line}: {text[:60]!r}"
        for source in SOURCES.rglob("*.py")
        if str(source.relative_to(SOURCES)) not in KNOWN
        for line, text in texts_of(source)
        if OTHER_MASKS.search(text)
    }
    assert not found


@pytest.mark.parametrize(
    "mask", ["***", "http://***@h", "[redacted]", "<hidden>", "XXXXXXXX", MASK, "(masked)", "••••"]
)
def test_the_search_for_masks_would_find_one(mask: str, tmp_path: Path) -> None:
    source = tmp_path / "module.py"
    source.write_text(f"def shown(name):\n    return f'{{name}}: {mask}'\n", encoding="utf-8")
    assert any(OTHER_MASKS.search(text) for _, text in texts_of(source))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Address.parse(f"http://me:{SECRET}@host:port"),
        lambda: Address.parse(f"u:pa//{SECRET}@host"),
        lambda: Address.parse(f"http://host/?token={SECRET}"),
        lambda: Address.parse(f"http://host/#{SECRET}"),
        lambda: Address.parse(f"ftp://host/glpat-{SECRET}0123456789"),
        lambda: _address(f"https://me:{SECRET}@host:9200"),
        lambda: read_header(f"no header {SECRET}", "a line"),
        lambda: bearer(f"{SECRET}\nx"),
        lambda: public_header("Authorization", f"Bearer {SECRET}"),
        lambda: public_header("X-Api-Key", SECRET),
    ],
)
def test_an_error_shows_the_mask_in_the_place_of_the_secret(wrong: object) -> None:
    assert callable(wrong)
    with pytest.raises(RegobsError) as caught:
        wrong()
    assert SECRET not in str(caught.value)
    assert MASK in str(caught.value)


@pytest.mark.parametrize(
    "lines",
    [
        f"url = 'http://me:{SECRET}@host'",
        f"url = 'http://host/?token={SECRET}'",
        f"url = 'http://host'\nproxy = 'http://me:{SECRET}@proxy'",
        f"url = 'http://host'\nheaders = {{ Authorization = 'Basic {SECRET}' }}",
        f"url = 'http://host'\nheaders = {{ Cookie = 'session={SECRET}' }}",
        f"url = ['http://me:{SECRET}@host']",
    ],
)
def test_an_error_of_the_settings_shows_the_mask_in_the_place_of_the_secret(lines: str, tmp_path: Path) -> None:
    file = tmp_path / "regobs.toml"
    file.write_text(f"[contexts.main]\n{lines}\n", encoding="utf-8")
    with pytest.raises(RegobsError) as caught:
        load_config(file)
    assert SECRET not in str(caught.value)
    assert MASK in str(caught.value)
