"""Conditions to DuckDB SQL. Values are always bound parameters; only names of the field catalogue stand in the text."""

from __future__ import annotations

from dataclasses import dataclass, field

from regobs.logs.duckdb.lines import quoted
from regobs.logs.fields import FieldType
from regobs.logs.kql.analysis import RE2
from regobs.logs.kql.condition import (
    All,
    Any,
    Anywhere,
    Between,
    Bound,
    Condition,
    Equals,
    Fixed,
    Like,
    No,
    Present,
    TermLike,
    Terms,
)

# Addresses and words as functions of DuckDB; `kql.addresses` and `kql.analysis` say what they give. A macro is put in
# as text, so what would stand there several times is bound by a lambda over a list of one.
_V4 = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_GROUP = "[0-9A-Fa-f]{1,4}"
_GROUPS = f"(?:{_GROUP}(?::{_GROUP}){{0,6}})?"
_V6 = f"{_GROUP}(?::{_GROUP}){{7}}|{_GROUPS}::{_GROUPS}"
_MAPPED = "0" * 20 + "ffff"
# What `::` stands for when an address is written: the longest row of zeros, the first of equal ones, no single one.
_SHORTER = " ".join(
    f"WHEN regexp_matches(a, '{zeros}') THEN regexp_replace(a, '{zeros}', '::')"
    for zeros in (f"(?:^|:)0(?::0){{{more}}}(?::|$)" for more in range(7, 0, -1))
)
_DURATION = "[0-9]+(?:[.][0-9]+)?(?:ns|us|µs|μs|ms|s|m|h)"
_WORDS = RE2.replace("'", "''")
MACROS = (
    f"CREATE TEMP MACRO log_words(t) AS ' ' || array_to_string(regexp_extract_all(lower(t), '{_WORDS}'), ' ') || ' '",
    """CREATE TEMP MACRO log_hex4(a) AS
       array_to_string(list_transform(string_split(a, '.'), lambda part: format('{:02x}', part::INTEGER)), '')""",
    """CREATE TEMP MACRO log_groups(a) AS
       CASE WHEN a = '' THEN []
       ELSE list_transform(string_split(a, ':'), lambda part: lpad(lower(part), 4, '0')) END""",
    # Version 4 at the end of version 6, ::ffff:10.0.0.1, as the two groups that it stands for.
    f"""CREATE TEMP MACRO log_last4(a) AS CASE WHEN regexp_matches(a, ':{_V4}([.]{_V4}){{3}}$') THEN
         list_transform([log_hex4(regexp_extract(a, '[^:]*$'))], lambda hex:
           regexp_extract(a, '^.*:') || hex[1:4] || ':' || hex[5:8])[1] ELSE a END""",
    """CREATE TEMP MACRO log_hex6(a) AS CASE WHEN contains(a, '::') THEN
         list_transform([[log_groups(split_part(a, '::', 1)), log_groups(split_part(a, '::', 2))]], lambda parts:
           array_to_string(parts[1], '') || repeat('0', greatest(4, 32 - 4 * (len(parts[1]) + len(parts[2]))))
           || array_to_string(parts[2], ''))[1]
       ELSE array_to_string(log_groups(a), '') END""",
    f"""CREATE TEMP MACRO log_address6(a) AS CASE WHEN regexp_full_match(a, '{_V6}') THEN
         list_transform([log_hex6(a)], lambda hex: CASE WHEN len(hex) = 32 THEN hex END)[1] END""",
    f"""CREATE TEMP MACRO log_address(a) AS CASE
       WHEN regexp_full_match(a, '{_V4}([.]{_V4}){{3}}') THEN '{_MAPPED}' || log_hex4(a)
       WHEN contains(a, ':') THEN list_transform([log_last4(a)], lambda b: log_address6(b))[1] END""",
    f"""CREATE TEMP MACRO log_shorter(a) AS CASE {_SHORTER} ELSE a END""",
    f"""CREATE TEMP MACRO log_written(key) AS CASE WHEN starts_with(key, '{_MAPPED}') THEN
         array_to_string(list_transform(range(25, 32, 2), lambda place: ('0x' || key[place:place + 1])::INTEGER), '.')
       ELSE list_transform([array_to_string(list_transform(range(1, 32, 4), lambda place:
         COALESCE(nullif(ltrim(key[place:place + 3], '0'), ''), '0')), ':')], lambda b: log_shorter(b))[1] END""",
    # One text for each address, as `ipaddress` and Elasticsearch write it; what is no address stays as it is.
    """CREATE TEMP MACRO log_same_address(a) AS CASE WHEN contains(a, ':') THEN
         list_transform([log_address(a)], lambda key:
           CASE WHEN key IS NULL THEN a ELSE log_written(key) END)[1] ELSE a END""",
    # What binary fractions add is taken off first: 1.001 s are 1000.9999999999999 ms for a computer.
    "CREATE TEMP MACRO log_whole(v) AS floor(round(v, 6))::BIGINT",
    f"""CREATE TEMP MACRO log_milliseconds(t) AS CASE WHEN t = '0' THEN 0.0
       WHEN regexp_full_match(t, '(?:{_DURATION})+') THEN
         list_sum(list_transform(regexp_extract_all(t, '{_DURATION}'), lambda part:
           regexp_extract(part, '[0-9.]+')::DOUBLE * CASE regexp_extract(part, '[^0-9.]+')
             WHEN 'ns' THEN 1e-6 WHEN 'ms' THEN 1 WHEN 's' THEN 1e3 WHEN 'm' THEN 6e4 WHEN 'h' THEN 36e5
             ELSE 1e-3 END)) END""",
)  # fmt: skip


@dataclass(slots=True)
class Parameters:
    """Values by the number that stands for them in the text."""

    values: list[object] = field(default_factory=list)

    def add(self, value: object) -> str:
        """The placeholder of a value."""
        self.values.append(value)
        return f"${len(self.values)}"


def holds(condition: Condition, parameters: Parameters) -> str:
    """A condition as a text that is true or false, never null."""
    if isinstance(condition, Fixed):
        return "TRUE" if condition.holds else "FALSE"
    if isinstance(condition, No):
        return f"(NOT {holds(condition.of, parameters)})"
    if isinstance(condition, All | Any | Anywhere):
        word = " AND " if isinstance(condition, All) else " OR "
        parts = [holds(part, parameters) for part in condition.of]
        return f"({word.join(parts)})" if parts else "FALSE"
    if isinstance(condition, Present):
        name = quoted(condition.field.name)
        if condition.field.type is FieldType.KEYWORD_LIST:
            return f"COALESCE(len(list_filter({name}, lambda e: e IS NOT NULL)) > 0, FALSE)"
        return f"({name} IS NOT NULL)"
    return f"COALESCE({_leaf(condition, parameters)}, FALSE)"


def _leaf(condition: Equals | Between | Like | Terms | TermLike, parameters: Parameters) -> str:
    name = quoted(condition.field.name)
    if condition.field.type is FieldType.KEYWORD_LIST:
        return f"len(list_filter({name}, lambda e: {_compared('e', condition, parameters)})) > 0"
    return _compared(name, condition, parameters)


def _compared(name: str, condition: Equals | Between | Like | Terms | TermLike, parameters: Parameters) -> str:
    if isinstance(condition, Equals):
        return f"{name} = {parameters.add(condition.value)}"
    if isinstance(condition, Like):
        return _like(name, condition.parts, parameters)
    if isinstance(condition, Terms):
        return _terms(name, condition, parameters)
    if isinstance(condition, TermLike):
        pattern = r"[^ ]*".join(_escaped_re2(part) for part in condition.parts)
        return f"regexp_matches(log_words({name}), {parameters.add(f' {pattern} ')})"
    value = f"log_address({name})" if condition.field.type is FieldType.IP else name
    ends = [("<" if low else ">", bound) for low, bound in ((False, condition.low), (True, condition.high)) if bound]
    return " AND ".join(_end(value, sign, bound, parameters) for sign, bound in ends)


def _end(value: str, sign: str, bound: Bound, parameters: Parameters) -> str:
    return f"{value} {sign}{'=' if bound.inclusive else ''} {parameters.add(bound.value)}"


def _like(name: str, parts: tuple[str, ...], parameters: Parameters) -> str:
    escaped = [part.replace("!", "!!").replace("%", "!%").replace("_", "!_") for part in parts]
    if len(parts) == 2 and not parts[1]:
        return f"starts_with({name}, {parameters.add(parts[0])})"
    return f"{name} LIKE {parameters.add('%'.join(escaped))} ESCAPE '!'"


def _terms(name: str, condition: Terms, parameters: Parameters) -> str:
    """One of the terms or, of a phrase, all in order."""
    found = [condition.terms] if condition.phrase else [(term,) for term in condition.terms]
    return f"({' OR '.join(_phrase(name, phrase, parameters) for phrase in found)})"


def _phrase(name: str, phrase: tuple[str, ...], parameters: Parameters) -> str:
    """Words are looked for between spaces; cheap tests come first, for most lines have one of a few constant texts.

    As CASE, whose parts DuckDB computes only where they are needed, other than those of AND and OR.
    """
    text = " ".join(phrase)
    longest, words = parameters.add(max(phrase, key=len)), parameters.add(f" {text} ")
    whole = f"WHEN lower({name}) = {parameters.add(text)} THEN TRUE " if text.isascii() else ""
    among = f"WHEN contains(lower({name}), {longest}) THEN contains(log_words({name}), {words})"
    return f"CASE {whole}{among} ELSE FALSE END"


def _escaped_re2(text: str) -> str:
    return "".join(char if char.isalnum() or char in "_ " else f"\\x{{{ord(char):x}}}" for char in text)
