from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import http
from regobs.catalog.model import Flavor
from regobs.instrument.http.routes import Routes

DIGEST = "sha256:" + "a" * 64
GITLAB, DISTRIBUTION = Routes(Flavor.GITLAB), Routes(Flavor.DISTRIBUTION)

# Each line was sent to docker-registry 2.8.2; the word is the handler under which it was counted, None for not at all.
ASKED = {
    "/": None,
    "/v2": None,
    "/v2/": "base",
    "/v2//": None,
    "/v2/_catalog": "catalog",
    "/v2/_catalog/": None,
    "/v2/a/tags/list": "tags",
    "/v2/a/tags/list/": None,
    "/v2/a/b/c/tags/list": "tags",
    "/v2/A/tags/list": None,
    "/v2/HOST/a/tags/list": "tags",
    "/v2/host:5000/a/tags/list": "tags",
    "/v2/a:1/tags/list": None,
    "/v2/a__b/tags/list": "tags",
    "/v2/a___b/tags/list": None,
    "/v2/a--b/tags/list": "tags",
    "/v2/a..b/tags/list": None,
    "/v2/-a/tags/list": None,
    "/v2/a/manifests/latest": "manifest",
    "/v2/a/manifests/L.-_x": "manifest",
    "/v2/a/manifests/-x": None,
    "/v2/a/manifests/" + "x" * 128: "manifest",
    "/v2/a/manifests/" + "x" * 129: None,
    "/v2/a/manifests/" + DIGEST: "manifest",
    "/v2/a/manifests/x:y": "manifest",
    "/v2/a/manifests/b/manifests/c": "manifest",
    "/v2/a/blobs/" + DIGEST: "blob",
    "/v2/a/blobs/sha256:abc": "blob",
    "/v2/a/blobs/" + DIGEST + "/": None,
    "/v2/a/blobs/foo": None,
    "/v2/a/blobs/uploads": None,
    "/v2/a/blobs/uploads/": "upload_start",
    "/v2/a/blobs/uploads/x-1_2.=": "upload",
    "/v2/a/blobs/uploads/x/": None,
    "/v2/a/blobs/uploads/x~": None,
    "/v2/a/nope": None,
    "/v3/": None,
    "/v2/" + "a/" * 200 + "tags/list": "tags",
    "/v2/a/./tags/list": None,
    "/v2/a//b/tags/list": None,
    "/v2/tags/list": None,
    "/v2/manifests/x": None,
    "/v2/blobs/uploads/": None,
    "/v2/tags/list/tags/list": "tags",
    "/v2/a/blobs/uploads/tags/list": "tags",
    "/v2/a/tags/list/manifests/list": "manifest",
}

# As the real GitLab registry's access log and its API's documents write them; every one ends in a slash.
GITLAB_PATHS = {
    "/gitlab/v1/": "v1_base",
    "/gitlab/v1": None,
    "/gitlab/v1/repositories/group1/sub/proj0/": "v1_repository",
    "/gitlab/v1/repositories/group1/sub/proj0": None,
    "/gitlab/v1/repositories/": None,
    "/gitlab/v1/repositories/group2/sub/proj4/tags/list/": "v1_tags",
    "/gitlab/v1/repositories/group2/tags/detail/v1.0/": "v1_tag_detail",
    "/gitlab/v1/repositories/group2/tags/detail/-/": None,
    "/gitlab/v1/repository-paths/group2/repositories/list/": "v1_sub_repositories",
    "/gitlab/v1/repository-paths/repositories/list/": None,
    "/gitlab/v1/statistics/": "v1_statistics",
    "/gitlab/v1/import/a/": None,
}


@pytest.mark.parametrize(("path", "word"), ASKED.items(), ids=lambda value: str(value)[:40])
def test_a_path_has_the_route_under_which_the_real_registry_counts_it(path: str, word: str | None) -> None:
    assert DISTRIBUTION.word(path) == word
    assert GITLAB.word(path) == word


@pytest.mark.parametrize(("path", "word"), GITLAB_PATHS.items())
def test_the_gitlab_api_exists_in_the_gitlab_flavor_only(path: str, word: str | None) -> None:
    assert GITLAB.word(path) == word
    assert DISTRIBUTION.word(path) is None


def test_every_route_of_a_flavor_can_be_reached() -> None:
    for flavor, routes in ((Flavor.GITLAB, GITLAB), (Flavor.DISTRIBUTION, DISTRIBUTION)):
        form = http.REQUESTS.form(flavor)
        assert form is not None
        label = form.label("route")
        assert label is not None
        assert {routes.word(path) for path in (*ASKED, *GITLAB_PATHS)} - {None} == set(label.words)


def test_a_prefix_is_not_part_of_the_route() -> None:
    routes = Routes(Flavor.GITLAB, "/registry/")
    assert routes.word("/registry/v2/") == "base"
    assert routes.word("/registry/gitlab/v1/") == "v1_base"
    assert routes.word("/v2/") is None
    assert routes.word("/registry") is None


@given(st.text(max_size=60), st.sampled_from(["/v2/", "/gitlab/v1/", ""]))
def test_any_text_has_a_route_or_none(text: str, start: str) -> None:
    assert GITLAB.word(start + text) in {*ASKED.values(), *GITLAB_PATHS.values()}


@pytest.mark.parametrize("name", ["a-" * 20_000, "a__" * 20_000, "a/" * 20_000, "A." * 20_000, "a_-" * 20_000 + "/"])
def test_a_hostile_name_takes_no_more_than_linear_time(name: str) -> None:
    start = time.process_time()
    assert DISTRIBUTION.word(f"/v2/{name}!/tags/list") is None
    assert time.process_time() - start < 0.5


def test_what_is_remembered_is_bounded_in_number_and_length() -> None:
    routes = Routes(Flavor.DISTRIBUTION)
    for number in range(5_000):
        assert routes.word(f"/v2/name{number}/tags/list") == "tags"
        assert routes.word(f"/v2/name{number}/tags/list") == "tags"
        assert routes.word(f"/v2/Name{number}/tags/list") is None
    assert routes.word(f"/v2/{'n' * 600}/tags/list") == "tags"
    for known in (routes._names, routes._paths):
        assert 0 < len(known) <= 4096
        assert max(map(len, known)) <= 512
