"""The questions of the pack: PromQL of metrics that exist, and files that say what is wrong with them."""

from pathlib import Path

import pytest

from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.errors import InputError, PackError
from regobs.pack import Pack, find_pack
from regobs.promql import parse_located
from regobs.promql.series import check_classic, check_known
from regobs.promql.unavailable import Unavailable
from regobs.query.ask import check_query
from regobs.query.named import AnswerMeaning, load_question, narrowed, question_names


@pytest.mark.parametrize("name", question_names(find_pack()))
def test_a_question_asks_for_metrics_that_exist_and_makes_sense(name: str) -> None:
    for text in load_question(find_pack(), name).queries.values():
        expr = parse_located(text).expr
        check_known(expr)
        check_classic(expr)
        assert check_query(text).notes == ()


def test_a_misspelt_question_is_answered_with_the_nearest() -> None:
    with pytest.raises(PackError, match="did you mean top-routes"):
        load_question(find_pack(), "top-route")


def test_a_file_without_queries_is_wrong_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "dashboards" / "queries" / "mine.query.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("title: mine\nquery: up\n")
    with pytest.raises(PackError, match=r"mine\.query\.yaml"):
        load_question(Pack((("own", tmp_path),)), "mine")


def test_a_team_adds_a_question_by_a_file_in_its_pack(tmp_path: Path) -> None:
    file = tmp_path / "dashboards" / "queries" / "mine.query.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("title: mine\nqueries: {up: up}\n")
    pack = find_pack(tmp_path)
    assert "mine" in question_names(pack)
    assert load_question(pack, "mine").queries == {"up": "up"}


def test_a_question_says_what_it_cannot_show_and_what_an_odd_answer_means(tmp_path: Path) -> None:
    file = tmp_path / "dashboards" / "queries" / "mine.query.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("title: mine\nnotes: [not all]\nqueries:\n  a: up\n  b: {query: up, empty: none, nan: gone}\n")
    found = load_question(find_pack(tmp_path), "mine")
    assert (found.notes, found.queries) == (("not all",), {"a": "up", "b": "up"})
    assert found.meanings == {"a": AnswerMeaning(), "b": AnswerMeaning("none", "gone")}
    file.write_text("title: mine\nqueries: {a: {query: up, full: no}}\n")
    with pytest.raises(PackError, match=r"mine\.query\.yaml"):
        load_question(find_pack(tmp_path), "mine")


def test_who_stands_beside_the_registry_is_asked_whatever_the_settings_list() -> None:
    assert Config().capabilities == frozenset()
    assert narrowed("registry_probe_success", Config()).text == "registry_probe_success"
    with pytest.raises(Unavailable):
        narrowed("registry_database_lb_pool_size", Config())


def test_a_question_is_asked_in_the_names_of_the_configured_registry() -> None:
    text = "sum by (route) (rate(registry_http_requests_total[$__rate_interval]))"
    config = Config().of_flavor(Flavor.DISTRIBUTION)
    assert narrowed(text, config).text == ('sum by (handler) (rate(registry_http_requests_total{job="registry"}[1m]))')
    assert "[7m]" in narrowed(text, config, "7m").text
    with pytest.raises(InputError, match="--window"):
        narrowed(text, config, "often")
