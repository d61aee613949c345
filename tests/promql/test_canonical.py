"""The names that text is written in are those of GitLab's newest form of a metric, or of its last one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regobs.catalog import http
from regobs.catalog.model import Flavor, Version
from regobs.errors import PromqlError
from regobs.promql.bind import bind
from regobs.promql.canonical import gitlab_form
from regobs.promql.parse import parse
from regobs.promql.printer import to_text
from regobs.promql.vocabulary import Vocabulary


def test_the_last_form_is_taken_of_a_metric_that_gitlab_has_no_more() -> None:
    form = next(one for one in http.REQUESTS.forms if Flavor.GITLAB in one.flavors)
    early, late = (replace(form, since=None, until=Version(major)) for major in (3, 4))
    for forms in ((early, late), (late, early)):
        assert gitlab_form(replace(http.REQUESTS, forms=forms)) == late


def test_the_newest_form_is_taken_and_none_of_another_registry() -> None:
    assert gitlab_form(http.REQUESTS) == http.REQUESTS.form(Flavor.GITLAB)
    others = tuple(form for form in http.REQUESTS.forms if Flavor.GITLAB not in form.flavors)
    assert others
    assert gitlab_form(replace(http.REQUESTS, forms=others)) is None


@pytest.mark.parametrize("metric", ["ALERTS", "ALERTS_FOR_STATE", "registry_http_requests_total"])
@pytest.mark.parametrize(
    ("written", "bound"),
    [
        ('{route="/v2/{name}/manifests/{reference}"}', '{handler="manifest"}'),
        ('{route!~"/v2/|/v2/_catalog"}', '{handler!~"base|catalog"}'),
        ('{route=~"$route"}', '{handler=~"$route"}'),
        ('{route=~".+"}', '{handler=~".+"}'),
        ('{route!="/gitlab/v1"}', ""),
    ],
)
def test_values_of_routes_are_those_of_handlers_in_alerts_too(metric: str, written: str, bound: str) -> None:
    found = bind(parse(metric + written), Vocabulary(Flavor.DISTRIBUTION))
    assert to_text(found) == metric + bound
    assert to_text(bind(found, Vocabulary(Flavor.DISTRIBUTION))) == metric + bound


def test_a_route_that_no_handler_is_of_is_refused_and_a_value_of_somebody_else_is_kept() -> None:
    asked = Vocabulary(Flavor.DISTRIBUTION)
    with pytest.raises(PromqlError, match="has no route like '/gitlab/v1'"):
        bind(parse('ALERTS{route="/gitlab/v1"}'), asked)
    assert to_text(bind(parse('ALERTS{route="cache"}'), asked)) == 'ALERTS{handler="cache"}'
    old = Vocabulary(Flavor.GITLAB, Version(2, 9))
    text = to_text(bind(parse('registry_http_requests_total{route="/v2/_catalog"}'), old))
    assert text == 'registry_http_requests_total{handler="catalog"}'
