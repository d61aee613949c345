"""The names that text is written in are those of GitLab's newest form of a metric, or of its last one."""

from __future__ import annotations

from dataclasses import replace

from regobs.catalog import http
from regobs.catalog.model import Flavor, Version
from regobs.promql.canonical import gitlab_form


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
