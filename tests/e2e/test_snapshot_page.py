"""The page of a snapshot in a real browser, opened from disk: what it draws, and that it does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from regobs.catalog import http
from regobs.grafana.panels import Lines
from regobs.promql import quantile
from regobs.snapshot.page import page as html_of
from regobs.snapshot.units import UNITS, value_text
from tests.e2e.conftest import require
from tests.snapshot.world import PANELS, SPAN, Found, board, lively, shot, wave

pytestmark = pytest.mark.server
# No sandbox because tests run as root in containers; the rest keeps a browser from talking to its maker.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
UNDRAWN = "document.querySelectorAll('[data-chart]:not([data-drawn])').length"
PAINTED = """panel => {
  const canvas = panel.querySelector("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let painted = 0;
  for (let index = 3; index < pixels.length; index += 4) if (pixels[index]) painted += 1;
  return painted;
}"""
BOXES = """panels => panels.map(one => {
  const box = one.getBoundingClientRect();
  const more = [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight];
  return [box.left, box.top, box.right, box.bottom, ...more];
})"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    program = require("chromium", package="chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot with every kind of panel, and a second dashboard of numbers."""
    path = tmp_path_factory.mktemp("snapshot") / "s.html"
    path.write_text(
        html_of(shot(board(), board(PANELS["In flight"], PANELS["Numbers"], title="Two"))), encoding="utf-8"
    )
    return path


class Opened:
    """A page in a window of its own, what it said and what it asked for."""

    def __init__(self, browser: Browser, file: Path, *, width: int = 1600, scheme: Any = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())
        height = self.page.evaluate("document.documentElement.scrollHeight")
        self.page.set_viewport_size({"width": width, "height": height})
        self.drawn()

    def drawn(self) -> None:
        """Wait until every chart is drawn."""
        self.page.wait_for_function(f"{UNDRAWN} === 0")

    def panel(self, title: str) -> Any:
        """The panel with this title, of the first dashboard that has one."""
        return self.page.locator("article").filter(has=self.page.get_by_role("heading", name=title, exact=True)).first

    def painted(self, title: str) -> int:
        """How many pixels of a chart are not empty."""
        number = self.panel(title).evaluate(PAINTED)
        assert isinstance(number, int)
        return number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.context.close()


def test_the_script_writes_numbers_as_python_does(browser: Browser) -> None:
    script = files("regobs.snapshot").joinpath("page.js").read_text(encoding="utf-8")
    functions = script[script.index("function numberText") : script.index("function timeText")]
    numbers = [
        sign * digits * 10.0**power for power in range(-10, 13) for digits in (1, 1.5, 9.996) for sign in (1, -1)
    ]
    cases = [(value, unit) for value in (0.0, *numbers) for unit in UNITS]
    page = browser.new_page()
    written = page.evaluate(f"([page, cases]) => {{ {functions} return cases.map(one => valueText(...one)); }}", [
        {"units": UNITS}, cases,
    ])  # fmt: skip
    page.close()
    assert written == [value_text(value, unit) for value, unit in cases]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1600), ("dark", 1600), ("light", 700)])
def test_every_panel_shows_something_nothing_overlaps_and_nothing_leaves(
    browser: Browser, file: Path, scheme: str, width: int
) -> None:
    with Opened(browser, file, width=width, scheme=scheme) as opened:
        page = opened.page
        assert page.locator("article").count() == len(PANELS) + 2
        for panel in page.locator("article").all():
            if panel.get_attribute("data-chart") is not None:
                assert panel.evaluate(PAINTED) > 500
            else:
                assert panel.locator(".number, td").first.inner_text()
        boxes = page.locator("article").evaluate_all(BOXES)
        for index, (left, top, right, bottom, wider, higher) in enumerate(boxes):
            assert (wider, higher) <= (1, 1)
            assert 0 <= left < right <= width
            for other in boxes[index + 1 :]:
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert opened.said == []
        assert opened.requests == [file.as_uri()]


def test_the_switch_draws_the_page_in_the_other_theme(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        before = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
        opened.page.get_by_role("button", name="Light / dark").click()
        opened.drawn()
        assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") != before
        assert all(opened.painted(title) > 500 for title in ("Requests", "Spread", "Largest", "Failed now"))
        opened.page.emulate_media(color_scheme="dark")
        opened.page.emulate_media(color_scheme="light")  # chosen by hand, it stays
        assert opened.page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert opened.said == []


def test_a_legend_shows_one_series_or_hides_one(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        buttons = opened.panel("Stacked").locator(".legend button")
        assert buttons.all_inner_texts() == ["tags", "blob", "manifest"]  # the highest first

        def pressed() -> list[str | None]:
            return [button.get_attribute("aria-pressed") for button in buttons.all()]

        chart = opened.panel("Stacked").locator("canvas")
        whole = chart.screenshot()
        buttons.nth(0).click()
        assert pressed() == ["true", "false", "false"]
        opened.page.wait_for_timeout(200)
        assert chart.screenshot() != whole
        buttons.nth(0).click()
        assert pressed() == ["true", "true", "true"]
        buttons.nth(0).click(modifiers=["Control"])
        assert pressed() == ["false", "true", "true"]
        buttons.nth(0).click(modifiers=["Control"])
        opened.page.wait_for_timeout(200)
        assert chart.screenshot() == whole
        assert opened.said == []


def test_the_pointer_shows_every_series_at_its_time_as_python_writes_them(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        for title, names, unit, heights in (
            ("Requests", ["tags", "blob", "manifest"], "reqps", [3, 2, 1]),
            ("Failed", ["Failed"], "percentunit", [0.4]),
        ):
            box = opened.panel(title).locator("canvas").bounding_box()
            opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
            opened.page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + 42)
            opened.page.wait_for_selector("#values", state="visible")
            time = opened.page.locator("#values h4").inner_text()
            assert time.startswith("2027-01-15 08:")
            index = int(time.split(":")[1][:2])
            assert opened.page.locator("#values span").all_inner_texts() == names
            found = [wave(height)[index] for height in heights]
            texts = [value_text(float(f"{value:.5g}"), unit) for value in found if value is not None]
            assert opened.page.locator("#values b").all_inner_texts() == texts
        opened.page.mouse.move(5, 5)
        opened.page.wait_for_selector("#values", state="hidden")
        assert opened.said == []


def test_the_pointer_says_that_a_percentile_lies_on_a_buckets_edge(browser: Browser, tmp_path: Path) -> None:
    shown = Lines("Latency", {"p95": quantile(0.95, http.DURATION)}, good="low")
    path = tmp_path / "edge.html"
    path.write_text(html_of(shot(board(shown), rule=lambda _: [({}, [60.0] * SPAN.points)])), encoding="utf-8")
    with Opened(browser, path) as opened:
        box = opened.panel("Latency").locator("canvas").bounding_box()
        opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
        opened.page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + 42)
        opened.page.wait_for_selector("#values", state="visible")
        assert opened.page.locator("#values b").all_inner_texts() == ["60 s or more"]
        assert opened.panel("Latency").locator(".legend span").inner_text() == "p95 (60 s or more)"
        assert opened.said == []


def test_zooming_one_chart_zooms_all_and_a_double_click_shows_everything_again(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        page = opened.page
        other = opened.panel("Memory").locator("canvas")
        before = other.screenshot()
        box = opened.panel("Requests").locator("canvas").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 60)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -400)
        page.keyboard.up("Control")
        page.wait_for_timeout(400)
        zoomed = other.screenshot()
        assert zoomed != before
        page.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + 60)
        page.wait_for_timeout(400)
        assert other.screenshot() == before
        assert opened.said == []


def test_labels_that_look_like_code_are_drawn_as_text(browser: Browser, tmp_path: Path) -> None:
    name = "</script><b onclick=\"alert(1)\">'] + alert(1) + ['\\ {{route}} \u2028 é"

    def hostile(text: str) -> Found:
        return [({"route": name, "instance": name, "le": "+Inf"}, values) for _, values in lively(text)[:1]]

    path = tmp_path / "hostile.html"
    path.write_text(html_of(shot(rule=hostile)), encoding="utf-8")
    with Opened(browser, path) as opened:
        assert opened.panel("Requests").locator(".legend span").inner_text() == " ".join(name.split())
        assert all(opened.painted(title) > 500 for title in ("Requests", "Spread", "Largest"))
        assert opened.said == []
        assert opened.requests == [path.as_uri()]


def test_the_browser_refuses_a_request_from_the_page(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        tried = "fetch('http://127.0.0.1:9/').then(() => 'sent', error => String(error))"
        assert "Failed to fetch" in opened.page.evaluate(tried)
        assert any("Content Security Policy" in text for text in opened.said)


def test_help_opens_over_the_panel(browser: Browser, file: Path) -> None:
    with Opened(browser, file) as opened:
        panel = opened.panel("Failed")
        assert not panel.locator(".tip").is_visible()
        panel.locator(".about").hover()
        assert panel.locator(".tip").is_visible()
        text = panel.locator(".tip").inner_text()
        assert "Good: 0" in text
        assert "Alert: RegistryDown" in text
        assert f"[{SPAN.step + 15}s]" in text or "[1m15s]" in text
