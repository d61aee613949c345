"""Queries as LogQL: what each part is written as, what has none, and that Grafana's grammar takes all of it."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from regobs.errors import LogQueryError
from regobs.logs.adhoc import listed
from regobs.logs.kql import Node, to_text
from regobs.logs.kql.bind import condition
from regobs.logs.query import Clause, Query
from regobs.logs.saved import load_query, names_in, read_query
from regobs.logs.to_logql import RANGE, as_logql
from regobs.pack import find_pack
from tests import peers
from tests.logs.questions import leaves

LINES = '{job="registry"} | json | __error__=""'
END = ' | __error__=""'
NO_LETTER = r"[^\pL\pN_]"
PACK = find_pack()


def of(text: str) -> Query:
    return listed(["time", "msg"], 5).narrowed(Clause(text, condition(text)))


def saved(text: str) -> Query:
    return read_query(f"title: T\n{text}", "t.query.yaml", name="t")


def word(*words: str) -> str:
    return f"(?is)(.*{NO_LETTER})?({f'{NO_LETTER}+'.join(words)})({NO_LETTER}.*)?"


def where(text: str) -> str:
    """The filters between those that take broken lines out."""
    found = as_logql(of(text)).removeprefix(LINES).removesuffix(" | line_format `{{.time}} {{.msg}}`")
    assert found.endswith(END) or not found
    return found.removesuffix(END)


FILTERS = [
    ("", ""),
    ("status: 200", " | status == 200"),
    ("not status: 200", ' | (status != 200 or status="")'),
    ("status >= 500", " | status >= 500"),
    ("status > 500", " | status > 500"),
    ("not status >= 500", ' | (status < 500 or status="")'),
    ("not status > 500", ' | (status <= 500 or status="")'),
    ("not status <= 500", ' | (status > 500 or status="")'),
    ("lag_bytes < -96", " | lag_bytes < -96"),
    ("method: GET", ' | method="GET"'),
    ("not method: GET", ' | method!="GET"'),
    ('uri: "a\\"b"', r' | uri="a\"b"'),
    ('uri: "a\\\\"', r" | uri=`a\`"),
    ('uri: "a\\\\`"', ' | uri="a\\\\`"'),
    ("uri: /v2/*", ' | uri=~"(?s)/v2/.*"'),
    ("not uri: /v2/*", ' | uri!~"(?s)/v2/.*"'),
    ("uri: a.b*", r" | uri=~`(?s)a\.b.*`"),
    ("redirect: true", ' | redirect="true"'),
    ("not redirect: *", ' | redirect=""'),
    ("redirect: *", ' | redirect!=""'),
    ('tag_name: * and not tag_name: ""', ' | tag_name!=""'),
    ("msg: access", f" | msg=~`{word('access')}`"),
    ('msg: "Blob downloaded"', f" | msg=~`{word('blob', 'downloaded')}`"),
    ('not msg: "a b"', f" | msg!~`{word('a', 'b')}`"),
    ("msg: down*", rf" | msg=~`(?is)(.*{NO_LETTER})?(down[\pL\pN_]*)({NO_LETTER}.*)?`"),
    ("remote_ip: 10.0.0.0/8", ' | remote_ip = ip("10.0.0.0-10.255.255.255")'),
    ('not remote_ip: "::1"', ' | (remote_ip != ip("::1") or remote_ip="")'),
    ("method: GET and status: 1", ' | method="GET" | status == 1'),
    ("method: GET or status: 1", ' | (method="GET" or status == 1)'),
    ("not (method: GET or status: 1)", ' | (method!="GET" and (status != 1 or status=""))'),
    ("not (method: GET and redirect: true)", ' | (method!="GET" or redirect!="true")'),
]


@pytest.mark.parametrize(("kql", "logql"), FILTERS)
def test_a_condition_is_filters_of_labels(kql: str, logql: str) -> None:
    assert where(kql) == logql


@pytest.mark.parametrize(
    ("kql", "reason"),
    [
        ('time >= "2026-11-23"', "the times of a query stand beside its text"),
        ("method > GET", "text, whose order"),
        ("remote_ip > 10.0.0.1", "an address or a block"),
        ("patterns: a", "lists and objects"),
        ('method: ""', "an empty method from none"),
        ('not method: ""', "an empty method from none"),
        ("refused", "asked of every field"),
    ],
)
def test_what_has_no_filter_is_refused_with_the_reason(kql: str, reason: str) -> None:
    with pytest.raises(LogQueryError, match=reason):
        as_logql(of(kql))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("group: {at: {date_histogram: month}}", "a range has a fixed length"),
        ("columns: [time]\norder: {duration_ms: desc}", "orders lines by their time, not by duration_ms"),
        ("group: {m: {terms: method}}\nmetrics: {last: {max: created_at}}", "created_at is no number"),
    ],
)
def test_what_loki_cannot_answer_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(LogQueryError, match=reason):
        as_logql(saved(text))


@pytest.mark.parametrize("missing", [False, True])
def test_a_part_of_a_path_is_a_label_of_its_own(missing: bool) -> None:
    text = only(
        f"group: {{space: {{terms: {{field: uri, part: 2, missing: {str(missing).lower()}}}}}}}\nmetrics: {{n: count}}"
    )
    made = '| label_format space=`{{ regexReplaceAll "(?:^(?:[^/?]*/){2}([^/?]+))|.*" .uri "${1}" }}`'
    assert made in text
    assert (' | space!=""' in text) is not missing
    assert text.startswith("(sum by (space) (")


def test_a_field_stands_before_a_part_of_a_path_where_a_line_has_it() -> None:
    text = only("group: {of: {terms: {field: uri, part: 2, first: tag_name}}}\nmetrics: {n: count}")
    part = '{{ regexReplaceAll "(?:^(?:[^/?]*/){2}([^/?]+))|.*" .uri "${1}" }}'
    assert f"| label_format of=`{{{{ if .tag_name }}}}{{{{ .tag_name }}}}{{{{ else }}}}{part}{{{{ end }}}}`" in text


def only(text: str) -> str:
    """The one query of a saved query with one metric."""
    name, query = as_logql(saved(text)).split("\n", 1)
    assert name.startswith("# n")
    return query


GET = f'count_over_time({LINES} | method!="" | status >= 500{END} [{RANGE}])'
ALL = f'count_over_time({LINES} | method!=""{END} [{RANGE}])'
WITH_URI = f'count_over_time({LINES} | method!="" | uri!=""{END} [{RANGE}])'
BYTES = f'sum_over_time({LINES} | method!=""{END} | unwrap written_bytes{END} [{RANGE}])'


@pytest.mark.parametrize(
    ("metric", "logql"),
    [
        ("count", f"(sum by (method) ({ALL}))"),
        ("{count: {where: status >= 500}}", f"(sum by (method) ({GET}) or 0 * sum by (method) ({ALL}))"),
        ("{sum: written_bytes}", f"(sum by (method) ({BYTES}) or 0 * sum by (method) ({ALL}))"),
        ("{max: written_bytes}", BYTES.replace("sum_over", "max_over") + " by (method)"),
        (
            "{percentile: {field: written_bytes, percent: 95}}",
            BYTES.replace("sum_over_time(", "quantile_over_time(0.95, ") + " by (method)",
        ),
        (
            "{cardinality: uri}",
            f"(count by (method) (sum by (method, uri) ({WITH_URI})) or 0 * sum by (method) ({ALL}))",
        ),
        ("share", f"(sum by (method) ({ALL})) / ignoring (method) group_left () (sum ({ALL}))"),
        (
            "{ratio: {part: status >= 500}}",
            f"(sum by (method) ({GET}) or 0 * sum by (method) ({ALL})) / sum by (method) ({ALL})",
        ),
    ],
)
def test_each_metric_is_a_query_by_the_groups(metric: str, logql: str) -> None:
    assert only(f"group: {{m: {{terms: method}}}}\nmetrics: {{n: {metric}}}") == logql


def test_groups_by_time_are_ranges_of_their_length_and_rates_are_of_them() -> None:
    found = as_logql(saved("group: {at: {date_histogram: 5m}}\nmetrics: {n: {rate: {per: s}}}"))
    assert found == f"# n, asked with a step of 300s\n(sum (count_over_time({LINES} [300s]))) / 300"


def test_a_line_is_in_the_first_group_by_filters_that_fits() -> None:
    found = only("group: {size: {filters: {small: status < 300, rest: null}}}\nmetrics: {n: count}")
    small = f"(sum (count_over_time({LINES} | status < 300{END} [{RANGE}])))"
    rest = f'(sum (count_over_time({LINES} | (status >= 300 or status=""){END} [{RANGE}])))'
    named = [f'label_replace({one}, "size", "{name}", "", "")' for one, name in ((small, "small"), (rest, "rest"))]
    assert found == "\nor ".join(named)


def test_only_the_order_of_the_slowest_requests_and_texts_of_deletions_have_no_logql() -> None:
    refused = {}
    for name in names_in(PACK):
        try:
            as_logql(load_query(PACK, name))
        except LogQueryError as error:
            refused[name] = str(error)
    assert list(refused) == ["deletions", "slowest-requests"]
    assert "Loki measures numbers only" in refused["deletions"]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar()


class Grammar:
    """Grafana's grammar of LogQL, which has no variables: Grafana puts durations in their places before."""

    def __init__(self) -> None:
        self._program = peers.required_logql_oracle()

    def errors(self, *texts: str) -> list[list[int]]:
        asked = "".join(json.dumps(text.replace(RANGE, "1h")) + "\n" for text in texts)
        done = subprocess.run([self._program], input=asked, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def queries(text: str) -> list[str]:
    """The queries of a text with a comment before each."""
    return [one for one in re.split(r"^# .*\n", text, flags=re.MULTILINE) if one]


@pytest.mark.peer
def test_the_grammar_refuses_what_is_broken(grammar: Grammar) -> None:
    assert grammar.errors("sum( foo", f"{LINES} | method=", f"sum by (a (count_over_time({LINES} [1h]))") != [
        [],
        [],
        [],
    ]
    assert all(grammar.errors("sum( foo", f"{LINES} | method=", f"sum by (a (count_over_time({LINES} [1h]))"))


@pytest.mark.peer
def test_the_grammar_takes_every_saved_query(grammar: Grammar) -> None:
    texts = []
    for name in names_in(PACK):
        try:
            texts += queries(as_logql(load_query(PACK, name)))
        except LogQueryError:
            continue
    assert len(texts) > 60
    assert [text for text, errors in zip(texts, grammar.errors(*texts), strict=True) if errors] == []


@pytest.mark.peer
def test_the_grammar_takes_every_condition(grammar: Grammar) -> None:
    texts = [as_logql(of(kql)) for kql, _ in FILTERS]
    assert [text for text, errors in zip(texts, grammar.errors(*texts), strict=True) if errors] == []


@pytest.mark.peer
@settings(max_examples=15)
@given(st.lists(leaves(), min_size=30, max_size=30))
def test_the_grammar_takes_what_any_question_becomes(grammar: Grammar, asked: list[Node]) -> None:
    texts = []
    for node in asked:
        try:
            texts += [as_logql(of(to_text(node))), as_logql(of(f"not ({to_text(node)})"))]
        except LogQueryError:
            continue
    assume(texts)
    assert [text for text, errors in zip(texts, grammar.errors(*texts), strict=True) if errors] == []
