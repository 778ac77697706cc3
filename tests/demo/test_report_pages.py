"""The report as people see it: light, dark and on a phone. The pictures are left in build/, to be looked at."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from demo.driver import Plan
from demo.portfolio import FIRST_DAY
from demo.report import build
from tests.demo.memory_world import history_of, live

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BUILD = Path(__file__).parents[2] / "build"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIGHTS = {"light": (1280, 900), "dark": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        reason = f"there is no Chromium here: none of {', '.join(CHROMIUM)} is on the PATH"
        if os.environ.get("DUEBELL_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's own book over 120 days with a gap, lived through in memory."""
    folder = tmp_path_factory.mktemp("report")
    plan = Plan(FIRST_DAY, skipped=frozenset(range(40, 45)))
    page = folder / "report.html"
    page.write_text(build(history_of(live(plan, folder)[0], plan)), encoding="utf-8")
    return page


class Watched:
    """A page, and everything that it complained of or asked the network for."""

    def __init__(self, context: BrowserContext, report: Path) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(report.as_uri())

    def width(self) -> tuple[int, int]:
        """Of what the page fills, and of what is seen."""
        filled, seen = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        return int(filled), int(seen)


@pytest.fixture(params=SIGHTS)
def sight(request: pytest.FixtureRequest, browser: Browser, report: Path) -> Iterator[tuple[str, Watched]]:
    name = str(request.param)
    width, height = SIGHTS[name]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if name == "dark" else "light",
        device_scale_factor=2 if name == "phone" else 1,
    )
    yield name, Watched(context, report)
    context.close()


def test_the_page_is_quiet_fits_and_asks_for_nothing(sight: tuple[str, Watched], report: Path) -> None:
    name, watched = sight
    BUILD.mkdir(exist_ok=True)

    watched.page.screenshot(path=BUILD / f"report-{name}.png", full_page=True)

    filled, seen = watched.width()
    assert watched.complaints == []
    assert [url for url in watched.requests if url != report.as_uri() and not url.startswith("data:")] == []
    assert filled <= seen


def test_a_chart_tells_the_day_that_one_points_at(sight: tuple[str, Watched]) -> None:
    _, watched = sight
    figure = watched.page.locator("figure.days").first
    last = figure.locator(".when").inner_text()

    figure.locator("svg.chart:visible").hover()
    pointed = figure.locator(".when").inner_text()
    figure.focus()
    watched.page.keyboard.press("ArrowLeft")

    assert last == "Mon 29 Jun"
    assert pointed != last
    assert figure.locator(".when").inner_text() != pointed


def test_each_story_can_be_read(sight: tuple[str, Watched]) -> None:
    _, watched = sight
    labels = watched.page.locator(".tabs label")

    assert labels.count() == 3
    for place in range(3):
        labels.nth(place).click()
        shown = watched.page.locator("article.story:visible")
        assert shown.count() == 1
        assert shown.get_attribute("aria-label") == labels.nth(place).inner_text()
        assert shown.locator(".bubble").count() > 3


def test_text_stands_out_from_what_is_behind_it(sight: tuple[str, Watched]) -> None:
    """WCAG's contrast of at least 4.5 for the running text and the softer one."""
    _, watched = sight

    assert min(watched.page.evaluate(CONTRASTS)) >= 4.5


CONTRASTS = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const found = getComputedStyle(at).backgroundColor;
      if (!/rgba\\(.*, 0\\)|transparent/.test(found)) return found;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = "h1, h2, h3, p, dt, .n, .d, li, summary, time, small, .bubble, footer, .tabs label";
  return [...document.querySelectorAll(texts)].filter((e) => e.getClientRects().length).map((e) => {
    const [one, two] = [light(getComputedStyle(e).color), light(behind(e))].sort((a, b) => b - a);
    return (one + 0.05) / (two + 0.05);
  });
}"""
