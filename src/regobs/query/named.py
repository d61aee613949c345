"""The questions of the pack: `dashboards/queries/*.query.yaml`, a title and PromQL under names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from regobs.catalog import slo as names
from regobs.common.closest import did_you_mean
from regobs.config import Config
from regobs.doctor.questions import default_window
from regobs.documents import load_yaml, validate
from regobs.errors import PackError, SloError
from regobs.grafana.variables import Variables
from regobs.pack import Pack
from regobs.promql.bind import bind
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Duration
from regobs.promql.printer import to_text
from regobs.promql.walk import fill_durations
from regobs.query.ask import CheckedQuery, check_query
from regobs.query.times import read_seconds
from regobs.slo.alerts import factor_text, plain
from regobs.slo.outputs import CompiledRules
from regobs.slo.recording import recorded
from regobs.slo.rule_scope import CAPABILITIES
from regobs.slo.windows import fitting

FOLDER = "dashboards"
SUFFIX = ".query.yaml"
_SCHEMA = {
    "type": "object",
    "required": ["title", "queries"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "notes": {"type": "array", "items": {"type": "string", "minLength": 1}},
        "queries": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "object",
                        "required": ["query"],
                        "additionalProperties": False,
                        "properties": {
                            "query": {"type": "string", "minLength": 1},
                            "empty": {"type": "string", "minLength": 1},
                            "nan": {"type": "string", "minLength": 1},
                        },
                    },
                ]
            },
        },
    },
}


NO_EVENTS = "NaN: no event in the window, so there is nothing to divide or to rank"


@dataclass(frozen=True, slots=True)
class AnswerMeaning:
    """What an answer without series, and one with NaN, says; empty where there is nothing to add to `no data`."""

    empty: str = ""
    nan: str = NO_EVENTS


@dataclass(frozen=True, slots=True)
class NamedQuestion:
    """A question and its queries by what they show; PromQL, in which `$__rate_interval` is the window of rates.

    `notes` say what no query of it can show, `meanings` what an odd answer says, by the keys of `queries`.
    """

    name: str
    title: str
    queries: dict[str, str]
    notes: tuple[str, ...] = ()
    meanings: Mapping[str, AnswerMeaning] = field(default_factory=dict)


def question_names(pack: Pack) -> list[str]:
    """The names of all questions, sorted."""
    return [
        file.name.removeprefix("queries/").removesuffix(SUFFIX) for file in pack.files(FOLDER, f"queries/*{SUFFIX}")
    ]


def load_question(pack: Pack, name: str) -> NamedQuestion:
    """The question of a name. Raises PackError when there is none, or for a file that is wrong, with its place."""
    known = question_names(pack)
    if name not in known:
        raise PackError(
            "there is no question of this name",
            value=name,
            expected=", ".join(known),
            next_step=did_you_mean(name, known, "`regobs query ask` lists them"),
        )
    file = pack.file(FOLDER, f"queries/{name}{SUFFIX}")
    document = load_yaml(file.read(), str(file.path), error=PackError)
    validate(document, _SCHEMA, PackError)
    asked = {key: one if isinstance(one, dict) else {"query": one} for key, one in document.data["queries"].items()}
    return NamedQuestion(
        name,
        document.data["title"],
        {key: one["query"] for key, one in asked.items()},
        tuple(document.data.get("notes", ())),
        {key: AnswerMeaning(one.get("empty", ""), one.get("nan", NO_EVENTS)) for key, one in asked.items()},
    )


def narrowed(text: str, config: Config, window: str | None = None, span: str | None = None) -> CheckedQuery:
    """A query of the pack as it is sent: in the registry's own names, for it alone, with the window of its rates.

    Processes beside the registry are asked for whether or not the settings list them: the server knows who is there.
    Raises Unavailable for what the configured registry does not expose, and InputError for a wrong `window`.
    """
    if window is not None:
        read_seconds("--window", window)
    checked = check_query(text)
    assert checked.expr is not None  # noqa: S101 - it is None only for what is not checked
    everybody = replace(config.vocabulary, capabilities=config.capabilities | frozenset(CAPABILITIES.values()))
    scoped = Variables.of(config).selectors_only.apply(bind(checked.expr, everybody))
    rates = (read_duration(window) if window else None) or default_window(config)
    expr = fill_durations(scoped, rates, (read_duration(span) if span else None) or Duration(3_600_000))
    return CheckedQuery(to_text(expr), expr, checked.type, checked.notes)


def slo_question(compiled: CompiledRules, name: str) -> NamedQuestion:
    """What there is to ask about an SLO, in the deployment's names. Raises SloError when the pack has none of the name.

    Budget and burn rates are asked of what its rules record; the events are asked as the rules count them, so that they
    are seen on a server without the rules as well.
    """
    known = {one.slo.name: one for one in compiled.slos}
    if name not in known:
        raise SloError(
            "there is no SLO of this name",
            value=name,
            expected="an SLO of the list that `regobs query slo` prints",
            next_step=did_you_mean(name, known, "`regobs query slo` lists them"),
        )
    slo, rules = known[name].slo, known[name].group["rules"]
    per_tier = {
        f"Burn rate over {tier.name}: {compiled.config.severities[tier.severity]} above {factor_text(tier, slo)}":
            recorded(names.BURN_RATE(tier.name), slo)
        for tier in fitting(slo, compiled.windows.of(slo))
    }  # fmt: skip
    period = slo.period.text
    asked = {
        "Error budget left": recorded(names.BUDGET_REMAINING, slo),
        **per_tier,
        f"Total events in the last {period}": recorded(names.EVENTS(period), slo),
        f"Bad events in the last {period}": recorded(names.BAD_EVENTS(period), slo),
    }
    queries = {title: narrowed(to_text(node), compiled.config).text for title, node in asked.items()}
    for title, family in (("Total events", names.EVENTS), ("Bad events", names.BAD_EVENTS)):
        counted = next(rule for rule in rules if rule.get("record", "").startswith(family.prefix))
        window = counted["record"].removeprefix(family.prefix)
        queries[f"{title} in the last {window}, counted from its metrics without recording rules"] = counted["expr"]
    objective = f"{plain(slo.target * 100)}% of {slo.counted} over {slo.period.words}"
    return NamedQuestion(name, f"{slo.title} ({objective})", queries)
