"""The reference page of log fields and messages, in Markdown: docs/logs-reference.md."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from regobs.logs.fields import (
    ALIASES,
    COMBINED_FIELDS,
    DISTRIBUTION_FIELDS,
    EVENT_FIELDS,
    FORMS,
    GROUPS,
    STANDARD_FIELDS,
    Alias,
    Conversion,
)
from regobs.logs.fields.field import Field
from regobs.logs.fields.since import since, until
from regobs.logs.messages.message import Message
from regobs.logs.messages.streams import DISTRIBUTION, GITLAB_ACCESS, GITLAB_APPLICATION, Stream

_HEAD = """# Log fields

Generated from the field catalogue (`src/regobs/logs/fields/`) and the messages beside it; `make generate` writes it.

Queries are written in the names of GitLab Container Registry 4.x. *Also* is what the newer labkit generation and CNCF
Distribution call the same thing, with what turns its value into one of the field; the same query finds such lines.
*Since* is the first release that has a field. Where that is not known, it says between which releases the field came
(`4.31.0 to 4.32.0`), or which one has it at the latest (`4.32.0 or earlier`: the catalogue was read from 4.32, and
nobody looked further back; `4.0.0 or earlier` is in all of 4.x). A type in brackets differs: the value may be of any
JSON type. A unit belongs to the value as it stands in the line. Elasticsearch types are those of the mapping that
`regobs build` writes.
"""

_MESSAGES = """A line is judged by the schema of its message. *Must have* is what such a line has besides time, level
and message; what any line of a group may have stands above the group. Any line that is written within a request may
have the fields of the request as well. `…` stands for any text. *What to do* is told for warnings and errors.
"""


def page() -> str:
    """The whole page."""
    also = _also()
    parts = [_HEAD, "## GitLab Container Registry 4.x\n"]
    for title, fields in GROUPS:
        parts.append(f"### {title}\n\n{_table(fields, also, 'gitlab')}\n")
    parts += [
        "In one message these have another type:\n",
        f"{_table(FORMS.values(), {}, 'gitlab')}\n",
        f"## CNCF Distribution\n\n### Application log\n\n{_table(DISTRIBUTION_FIELDS.values(), {})}\n",
        f"### Access log, Apache combined form\n\n{_table(COMBINED_FIELDS.values(), {})}\n",
        f"## Go's standard logger\n\n{_table(STANDARD_FIELDS.values(), {})}\n",
        f"## Notification events\n\nDots stand for nesting, `[]` for a list.\n\n{_table(EVENT_FIELDS.values(), {})}\n",
        "# Log messages\n",
        _MESSAGES,
        f"## GitLab Container Registry 4.x\n\n{_messages(GITLAB_ACCESS)}\n{_messages(GITLAB_APPLICATION)}\n",
        f"## CNCF Distribution\n\n{_messages(DISTRIBUTION)}",
    ]
    return "\n".join(parts)


def _also() -> dict[str, list[Alias]]:
    found: dict[str, list[Alias]] = {}
    for alias in ALIASES.values():
        found.setdefault(alias.field, []).append(alias)
    return found


def _table(fields: Iterable[Field], also: Mapping[str, list[Alias]], flavor: str = "") -> str:
    fields = list(fields)
    columns = ("Field", "Type", "Unit", "Meaning", "Since", "Elasticsearch", "ECS", "OpenTelemetry", "Also")
    rows = [_row(field, also.get(field.name, []), flavor) for field in fields]
    used = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    lines = [[columns[index] for index in used], ["---"] * len(used)]
    lines += [[row[index] for index in used] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(field: Field, also: list[Alias], flavor: str) -> tuple[str, ...]:
    kind = field.type.json_type if not field.loose else f"({field.type.json_type})"
    return (
        f"`{field.name}`",
        f"{kind} or null" if field.nullable else kind,
        field.unit or "",
        _cell(f"{field.meaning} {_values(field)}".strip()),
        _came(field, flavor),
        field.es_type or "not indexed",
        _code(field.ecs),
        _code(field.otel),
        ", ".join(_other(alias) for alias in also),
    )


def _came(field: Field, flavor: str) -> str:
    came = since(field, flavor)
    return str(came) if came else ""


def _values(field: Field) -> str:
    if field.values:
        return "One of " + ", ".join(f"`{value}`" for value in field.values) + "."
    # Zero is the lowest of every number with a unit, which nobody needs to be told.
    ends = [f"At least {field.minimum}."] if field.minimum else []
    return " ".join([*ends, f"At most {field.maximum}."] if field.maximum else ends)


def _other(alias: Alias) -> str:
    how = {Conversion.SCALED: f" times {alias.factor:,}", Conversion.GO_DURATION: " as a Go duration"}
    how[Conversion.WORDS] = " in small words"
    where = " on access lines" if alias.access_only else ""
    last = f" until {until(alias.name)}" if alias.generation == "gitlab" else ""
    return f"`{alias.name}`{how.get(alias.conversion, '')}{where}{last}"


def _messages(stream: Stream) -> str:
    parts = []
    for component, names in stream.components.items():
        found = [one for one in stream.messages if one.component == component]
        rows = ["| Message | Levels | Must have | Meaning | What to do |", "| --- | --- | --- | --- | --- |"]
        rows += [
            f"| {_text(one)} | {' '.join(one.levels)} | {_listed(one.required)} | {_cell(one.meaning)} "
            f"| {_cell(one.action)} |"
            for one in found
        ]
        may = f"May have: {_listed(sorted(names))}.\n\n" if names else ""
        parts.append(f"### {component[0].upper()}{component[1:]}\n\n{may}" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _text(message: Message) -> str:
    # A pipe ends a cell of a table even inside a code span, so it is escaped there too.
    shown = _cell(f"`` {message.text} ``" if "`" in message.text else f"`{message.text}`")
    if message.when is None:
        return shown
    name, value = message.when
    if message.among is not None and value is None:
        return f"{shown} where `{name}` is one of {_listed(message.among[1])}"
    return f"{shown} where `{name}` " + ("is there" if value is None else f"begins with `{value}`")


def _listed(names: Iterable[str]) -> str:
    return " ".join(f"`{name.split(':')[0]}`" for name in names)


def _code(name: str | None) -> str:
    return f"`{name}`" if name else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
