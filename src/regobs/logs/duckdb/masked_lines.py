"""The lines of a log without the secrets in them, as a Parquet copy holds them.

What an answer shows is masked in Python (`redact.masked`), and so is what a copy holds, by the same function. Few lines
need it: the others, in whose texts nothing stands that masking could change, go from DuckDB to the copy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from regobs.logs.duckdb.lines import Reading, kept_types, quoted, source
from regobs.logs.fields.field import Field, FieldType
from regobs.logs.redact import masked
from regobs.secrets import MASK
from regobs.secrets.expressions import TOKEN_STEMS
from regobs.secrets.texts import LONGEST, OPTION, SIGNS

_TEXTS = frozenset({FieldType.KEYWORD, FieldType.TEXT, FieldType.IP, FieldType.OBJECT, FieldType.KEYWORD_LIST})
_AT_ONCE = 2048  # lines
_BARE = "_bare"  # no field begins so
# Masking changes no printable text without one of these (see `secrets.texts`): what may hide something, queries and
# user information, structures, signs of a secret, options, how tokens begin.
_WIDER = {"gl": "gl[a-z]{1,6}[-_]", "gh": "gh[pousr]_", "$2": r"\$", "sk-": r"\bsk-", "oy2": r"\boy2", "q~": r"\dq~"}
_BEGINS = (_WIDER.get(stem, re.escape(stem)) for stem in TOKEN_STEMS)
_SUSPECT = "|".join(
    (
        r"""[^ -~\n\r\t]|[%?@$]|\\[u"'/nrtx\\]|(?m:^)(?:\{|\[\s*["\[{])""",
        *map(re.escape, SIGNS),
        rf"(?m:{OPTION})",
        r"hooks\.slack|discord|api\.telegram|webhook\.office",
        *_BEGINS,
    )
)
_SUSPECT_IN_PATH = "[#;=]"


def write_masked(connection: Any, fields: list[Field], reading: Reading, target: Path) -> int:
    """Write those lines that may hold a secret, without it, as JSON; their number."""
    rows, parameters = _rows(fields, reading)
    columns = "".join(f", {_shown(field)}" for field in fields)
    names = [field.name for field in fields]
    masks = [_mask(field) for field in fields]
    count = 0
    with target.open("w", encoding="utf-8") as file:
        found = connection.execute(f"WITH {rows} SELECT bare{columns} FROM rows WHERE {suspect(fields)}", parameters)  # noqa: S608 - names of the catalogue
        while some := found.fetchmany(_AT_ONCE):
            count += len(some)
            for bare, *row in some:
                record = {name: mask(value) for name, mask, value in zip(names, masks, row, strict=True)}
                record[_BARE] = bare
                file.write(json.dumps(record) + "\n")
    return count


def copied(fields: list[Field], reading: Reading, written: Path | None) -> tuple[str, list[object]]:
    """A query for all lines, and its parameters; those that may hold a secret are `written`, None where none may."""
    rows, parameters = _rows(fields, reading)
    columns = "".join(f", {_shown(field)} AS {quoted(field.name)}" for field in fields)
    text = f"WITH {rows} SELECT ok, bare{columns} FROM rows"  # noqa: S608 - names of the catalogue
    if written is None:
        return text, parameters
    names = "".join(f", {quoted(field.name)}" for field in fields)
    types = ", ".join(f"{quoted(name)}: '{_kept(kind)}'" for name, kind in kept_types(fields).items())
    return (
        f"""{text} WHERE NOT {suspect(fields)}
UNION ALL SELECT TRUE, {_BARE}{names} FROM read_json($2, format='newline_delimited',
    columns={{{types}, {_BARE}: 'BOOLEAN'}})""",  # noqa: S608 - as above
        [*parameters, str(written)],
    )


def suspect(fields: list[Field]) -> str:
    """A condition that holds for every line in which masking changes a text, and for some others."""
    texts = [field for field in fields if field.type in _TEXTS and not _is_secret(field)]
    paths = [field for field in texts if _masked("a;b", _name(field)) != "a;b"]
    parts = [(texts, _SUSPECT), *([(paths, _SUSPECT_IN_PATH)] if paths else [])]
    found = [
        f"regexp_matches(concat_ws(chr(10), {', '.join(map(_text, some))}), {_literal(pattern)}, 'i')"
        for some, pattern in parts
    ]
    longest = f"length(concat_ws(chr(10), {', '.join(map(_text, texts))})) > {LONGEST}"  # it is cut
    return f"({' OR '.join((*found, longest))})"


def _rows(fields: list[Field], reading: Reading) -> tuple[str, list[object]]:
    return source(fields, "$1", exact=reading.exact, sure=reading.sure), [list(reading.files)]


def _kept(kind: str) -> str:
    return "VARCHAR" if kind == "JSON" else kind  # a masked text may be none any more


def _shown(field: Field) -> str:
    """The column of a field; of one whose name says that it is secret, the mask."""
    column = quoted(field.name)
    if _is_secret(field):
        return f"CASE WHEN {column}::VARCHAR <> '' THEN '{MASK}' ELSE {column}::VARCHAR END"
    return f"{column}::VARCHAR" if field.type is FieldType.OBJECT else column


def _text(field: Field) -> str:
    column = quoted(field.name)
    return f"array_to_string({column}, chr(10))" if field.type is FieldType.KEYWORD_LIST else f"{column}::VARCHAR"


def _mask(field: Field) -> Callable[[Any], Any]:
    """What makes a value of the field one that can be shown."""
    name = _name(field)
    if field.type not in _TEXTS:
        return lambda value: value
    if field.type is FieldType.KEYWORD_LIST:
        return lambda value: value and [one and _masked(one, name) for one in value]
    return lambda value: value and _masked(value, name)


def _name(field: Field) -> str:
    return field.name.partition("/")[0]  # of a part of a path, that of the whole


def _is_secret(field: Field) -> bool:
    """Whether the name says that the value is secret."""
    return field.type in _TEXTS and _masked("x", _name(field)) == MASK


_masked = lru_cache(maxsize=4096)(masked)  # most values of most fields are few


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
