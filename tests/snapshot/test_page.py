from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from regobs import __version__
from regobs.errors import MachineError
from regobs.grafana.panels import Stat
from regobs.snapshot import vega
from regobs.snapshot.page import page
from regobs.snapshot.taken import Snapshot
from tests.snapshot.world import PANELS, Found, board, lively, shot, silent

HOSTILE = "</script><script>alert(1)</script><!--<b \"'&\u2028"


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library takes a second to bundle and is tested in a browser."""
    monkeypatch.setattr("regobs.snapshot.page.bundle", lambda script: f"/* library */ {script}")


class Seen(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
            self._inside = ""


def test_a_page_says_what_it_shows_of_when_and_who_made_it() -> None:
    html = page(shot())
    assert "<title>Every kind</title>" in html
    assert "2027-01-15 08:00 to 2027-01-15 09:00 UTC, a point each 1m, from http://server:9090" in html
    assert f"Taken with regobs {__version__}" in html


def test_nothing_of_the_address_but_host_and_port_is_in_a_page() -> None:
    html = page(shot())
    assert "s3cr3t" not in html
    assert "me:s" not in html
    assert "me@" not in html


def test_every_panel_stands_in_its_row_with_its_help() -> None:
    seen = Seen(page(shot()))
    panels = [attributes for tag, attributes in seen.elements if tag == "article"]
    assert len(panels) == len(PANELS)
    charts = [int(number) for one in panels if (number := one.get("data-chart"))]
    drawn = json.loads(seen.scripts[0])["charts"]
    assert charts == list(range(len(drawn)))
    assert len(drawn) == len(PANELS) - sum(isinstance(panel, Stat) for panel in PANELS.values()) - 1  # and a table
    assert sum(tag == "details" and "open" in attributes for tag, attributes in seen.elements) == 2
    html = page(shot(board(PANELS["Failed"])))
    assert "Good: 0" in html
    assert "Alert: RegistryDown" in html
    assert "sum(rate(" in html.split('class="tip"')[1]


def test_a_page_allows_its_own_script_and_no_request() -> None:
    seen = Seen(page(shot()))
    [policy] = [attributes["content"] for tag, attributes in seen.elements if "http-equiv" in attributes]
    digest = base64.b64encode(hashlib.sha256(seen.scripts[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}' 'unsafe-eval'"
    )
    addresses = [
        value for _, attributes in seen.elements for name, value in attributes.items() if name in {"src", "href"}
    ]
    assert addresses == ["data:,"]


def test_labels_that_look_like_html_stay_text() -> None:
    def hostile(text: str) -> Found:
        return [({"route": HOSTILE, "instance": HOSTILE, "le": "+Inf"}, values) for _, values in lively(text)]

    seen = Seen(page(shot(rule=hostile)))
    assert len(seen.scripts) == 2
    names = [name for one in json.loads(seen.scripts[0])["charts"] for name in one["names"]]
    assert " ".join(HOSTILE.split()) in names
    assert {tag for tag, _ in seen.elements} & {"b"} == {"b"}
    assert [text for text in seen.scripts if "alert(1)" in text and "charts" not in text] == []


def test_a_panel_without_data_says_so_and_what_it_needs() -> None:
    html = page(shot(board(PANELS["Collected"], PANELS["In flight"]), rule=silent))
    assert html.count('<p class="empty">no data') == 2
    assert "no data<br>needs the capability garbage_collection" in html


def test_zero_and_no_data_look_different() -> None:
    html = page(shot(board(PANELS["In flight"]), rule=lambda _: [({}, [0.0])]))
    assert "no data" not in html
    assert '<b class="">0</b>' in html


def test_what_is_left_out_is_named_with_its_reason() -> None:
    from regobs.config.model import Config

    html = page(shot(board(PANELS["Requests"], PANELS["Collected"]), config=Config()))
    assert re.search(r"Left out: Collected \(.*needs the capability garbage_collection", html)


def test_warnings_of_the_server_stand_at_the_top() -> None:
    html = page(shot(warnings=["store <b> is down"]))
    assert "The server warns: store &lt;b&gt; is down" in html


def test_several_dashboards_have_a_list_of_links() -> None:
    html = page(shot(board(PANELS["Requests"], title="One"), board(PANELS["Requests"], title="Two")))
    assert '<a href="#board-0">One</a><a href="#board-1">Two</a>' in html
    assert 'id="board-0"' in html
    assert '<nav class="boards">' not in page(shot())


def test_a_legend_that_says_no_more_than_the_title_is_left_out() -> None:
    assert 'class="legend"' not in page(shot(board(PANELS["Failed"])))
    assert page(shot(board(PANELS["Requests"]))).count('aria-pressed="true"') == 3


def test_a_page_of_nothing_is_whole() -> None:
    taken = shot()
    html = page(Snapshot((), taken.span, taken.server, ()))
    assert html.rstrip().endswith("</html>")


def test_without_the_extra_one_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(MachineError) as caught:
        vega.vl_convert()
    assert caught.value.next_step == "install it: pip install 'regobs[snapshot]'"
