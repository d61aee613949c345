from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.promql import Expr, Matcher, MatchOp, Scope, inject, parse, to_text
from regobs.promql.walk import selectors
from tests.promql.local import lookup
from tests.promql.strategies import expressions

REGISTRY = Matcher("job", MatchOp.EQUAL, "registry")
ENVIRONMENT = Matcher("env", MatchOp.REGEX, "$env")
CODE = Matcher("code", MatchOp.NOT_EQUAL, "404")
SCOPE = Scope((REGISTRY,), (ENVIRONMENT,), ("env",))
NOTHING_KEPT = Scope((REGISTRY, CODE), (ENVIRONMENT,))
IN = 'job="registry", env=~"$env"'


def scoped(text: str, scope: Scope = SCOPE) -> str:
    return to_text(inject(parse(text), scope, lookup=lookup))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("registry_http_requests_total", f"registry_http_requests_total{{{IN}}}"),
        ("up", 'up{env=~"$env"}'),
        ("unknown_metric", 'unknown_metric{env=~"$env"}'),
        ("registry_unknown_total", f"registry_unknown_total{{{IN}}}"),
        ('{__name__=~"registry_.*"}', f'{{__name__=~"registry_.*", {IN}}}'),
        ("absent(registry_http_requests_total)", f"absent(registry_http_requests_total{{{IN}}})"),
        (
            "max_over_time(sum(registry_http_requests_total offset 5m)[1h:5m])",
            f"max_over_time(sum by (env) (registry_http_requests_total{{{IN}}} offset 5m)[1h:5m])",
        ),
        ("sum by (code) (up)", 'sum by (code, env) (up{env=~"$env"})'),
        ("sum by (env) (up)", 'sum by (env) (up{env=~"$env"})'),
        ("sum without (code) (up)", 'sum without (code) (up{env=~"$env"})'),
        ("up / on (code) group_left up", 'up{env=~"$env"} / on (code, env) group_left up{env=~"$env"}'),
        ("up / ignoring (code) up", 'up{env=~"$env"} / ignoring (code) up{env=~"$env"}'),
        ("up / scalar(sum(up))", 'up{env=~"$env"} / scalar(sum(up{env=~"$env"}))'),
        ("vector(1) + time()", "vector(1) + time()"),
    ],
)
def test_the_scope_reaches_every_selector_and_clause(text: str, expected: str) -> None:
    assert scoped(text) == expected


def test_an_existing_matcher_stays_beside_the_new_one() -> None:
    assert scoped('up{env="gprd"}') == 'up{env="gprd", env=~"$env"}'
    assert scoped('up{env=~"$env"}') == 'up{env=~"$env"}'


def test_a_recorded_series_only_gets_matchers_on_labels_it_keeps() -> None:
    assert scoped("registry:requests:rate5m", NOTHING_KEPT) == 'registry:requests:rate5m{code!="404"}'
    recorded = Scope((REGISTRY,), (ENVIRONMENT,), recorded=("env",))
    assert scoped("registry:requests:rate5m", recorded) == 'registry:requests:rate5m{env=~"$env"}'


def test_a_series_that_is_the_same_for_every_deployment_gets_matchers_on_its_own_labels_alone() -> None:
    chosen = Matcher("slo", MatchOp.REGEX, "$slo")
    expr = inject(parse("registry:slo_target:ratio"), Scope((REGISTRY, chosen), (ENVIRONMENT,), ("env",), ("env",)))
    assert to_text(expr) == 'registry:slo_target:ratio{slo=~"$slo"}'


def test_without_kept_labels_no_clause_changes() -> None:
    assert scoped("sum(up)", NOTHING_KEPT) == 'sum(up{env=~"$env"})'


matchers = st.builds(
    Matcher, st.sampled_from(["env", "job", "code"]), st.sampled_from(MatchOp), st.sampled_from(["a", "$b", "c|d"])
)
scopes = st.builds(
    Scope,
    st.lists(matchers, max_size=2).map(tuple),
    st.lists(matchers, max_size=2).map(tuple),
    st.lists(st.sampled_from(["env", "stage"]), max_size=2, unique=True).map(tuple),
)


@settings(deadline=None)
@given(expressions, scopes)
def test_injecting_twice_changes_nothing(expr: Expr, scope: Scope) -> None:
    once = inject(expr, scope, lookup=lookup)
    assert inject(once, scope, lookup=lookup) == once


@settings(deadline=None)
@given(expressions, scopes)
def test_a_scope_never_weakens(expr: Expr, scope: Scope) -> None:
    before, after = list(selectors(expr)), list(selectors(inject(expr, scope, lookup=lookup)))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert set(old.matchers) <= set(new.matchers)
        assert set(scope.everywhere) <= set(new.matchers)


def test_an_empty_scope_changes_nothing() -> None:
    tree = parse("sum by (a) (up) / on (b) up")
    assert inject(tree, Scope(), lookup=lookup) == tree
