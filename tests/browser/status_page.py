"""`GET /status` in a browser: `status_page.py TAMIS CHROMIUM` checks the page, with a directory as a third argument it
writes the pictures of the documents there."""

import re
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser
from server import IRISES, Daemon, Traffic, send
from visit import CONTRAST, DESKTOP, PHONE, Visit, assert_policy, chromium_at, run, until


class StatusPage(Visit):
    """The page of `/status`."""

    path = "/status"

    def rows(self, table: str) -> dict:
        """The rows of a table by their heads."""
        rows = self.page.locator(f"#{table} tbody tr").all()
        return {cells[0]: cells[1:] for cells in (row.locator("th, td").all_inner_texts() for row in rows)}

    def phase(self) -> str:
        """The word, if it has the style that belongs to it."""
        word, style = self.text("#phase-text"), self.page.locator("#phase").get_attribute("class")
        return word if style.split()[-1] in word else f"{word} as {style}"

    def end(self):
        """No request but for itself and its figures, no complaint."""
        super().end({self.path})


def check_idle(browser: Browser, daemon: Daemon):
    """Nothing has happened yet: everything is there, and nothing is no number."""
    visit = StatusPage(browser, daemon)
    assert visit.page.locator("main").is_visible() and visit.page.locator("#rate-chart text").count() > 3
    until("the first figures", lambda: visit.text("#rate") == "0")
    assert visit.phase() == "ready" and visit.text("#analyze") == "–" and visit.text("#analyze-note") == "none yet"
    assert visit.rows("problems") == {"none": []} and visit.rows("latency")["/predict"] == ["0"] + ["–"] * 5
    assert {name: cells[0] for name, cells in visit.rows("models").items()} == {"simple": "loaded", "iris": "loaded"}
    wrong = re.findall("NaN|undefined|null|Infinity|Invalid", visit.text("body"))
    assert not wrong, wrong
    headings = visit.page.locator("h1, h2, h3").evaluate_all("all => all.map(one => one.tagName).join(' ')")
    assert headings == "H1 H2 H2 H3 H3 H3 H2 H3 H3", headings
    for chart in visit.page.locator("svg.chart").all():
        assert chart.get_attribute("role") == "img" and chart.get_attribute("aria-label")
    visit.end()


def check_traffic(browser: Browser, daemon: Daemon):
    """What was sent is what is shown, and the charts draw it."""
    visit = StatusPage(browser, daemon)
    until("figures", lambda: visit.text("#rate") == "0")
    daemon.ask("POST", "/analyze", {"text": "You are kind."}, 60)
    daemon.ask("POST", "/analyze", {"text": "You are stupid and I hate you!"}, 30)
    daemon.ask("POST", "/analyze", {"txt": ""}, 5)
    for features in IRISES:
        daemon.ask("POST", "/predict", {"features": features}, 20)
    daemon.ask("GET", "/nowhere", None, 7)
    until("all requests", lambda: visit.rows("routes").get("GET (no route)"))
    routes = {name: cells[3:] for name, cells in visit.rows("routes").items()}
    assert routes["POST /analyze"] == ["90", "5", "0"] and routes["POST /predict"] == ["60", "0", "0"], routes
    assert routes["GET (no route)"] == ["0", "7", "0"]
    assert float(visit.text("#rate").replace(",", "")) > 10 and float(visit.text("#errors")) > 0.5
    errors = visit.rows("problems")
    assert errors == {"unknown_field": ["/analyze", "5"], "not_found": ["(no route)", "7"]}, errors
    latency = visit.rows("latency")
    assert latency["/analyze"][0] == latency["/analyze, last 10 s"][0] == "95"
    assert all(re.fullmatch(r"[\d.,]+ (ns|µs|ms|s)", time) for time in latency["/predict, last 10 s"][1:]), latency
    models = visit.rows("models")
    assert (models["simple"][2:4], models["iris"][2:4]) == (["90", "5"], ["60", "–"]), models
    bars = visit.page.locator("#scores-chart rect").evaluate_all("bars => bars.map(bar => bar.textContent)")
    assert len(bars) == 11 and sum(int(bar.split(": ")[1]) for bar in bars) == 90, bars
    assert visit.page.locator("#irises-chart rect").count() == 3
    heights = "all => all.map(one => one.getBBox().height)"
    assert max(visit.page.locator("#rate-chart path.line").evaluate_all(heights)) > 20, "a line that goes up and down"
    assert len(visit.page.locator("#analyze-chart path.line").evaluate_all(heights)) == 2
    visit.end()


def check_looks(browser: Browser, daemon: Daemon):
    """Both colour schemes can be read, and nothing is wider than the screen."""
    grounds = set()
    for scheme in ("light", "dark"):
        for viewport in (DESKTOP, PHONE):
            visit = StatusPage(browser, daemon, viewport, color_scheme=scheme)
            until("figures", lambda: visit.rows("models"))  # noqa: B023
            width = visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{width} of {viewport['width']} pixels, {scheme}"
            for selector in ("h2", ".tiles dt", ".tiles dd", "#phase", "td", "#facts", "footer a"):
                ratio, ground = visit.page.locator(selector).first.evaluate(CONTRAST)
                assert ratio >= 4.5, f"{selector} has a contrast of {ratio:.1f}, {scheme}"  # WCAG 2.2, 1.4.3
            grounds.add(ground)
            visit.end()
    assert len(grounds) == 2, grounds


def check_pause(browser: Browser, daemon: Daemon):
    """While it is paused it asks nothing and shows what it showed; a key does what a click does."""
    visit = StatusPage(browser, daemon)
    until("figures", lambda: "in all" in visit.text("#rate-note"))
    button = visit.page.locator("#pause")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    time.sleep(0.5)
    asked, shown = len(visit.asked), visit.text("#rate-note")
    daemon.ask("GET", "/health", None, 3)
    time.sleep(2.5)
    assert (len(visit.asked), visit.text("#rate-note")) == (asked, shown)
    button.press("Enter")
    until("new figures", lambda: visit.text("#rate-note") != shown)
    assert button.get_attribute("aria-pressed") == "false"
    visit.end()


def check_loss(browser: Browser, daemon: Daemon):
    """It says so when the daemon is gone, and goes on when that is back, counting from 0."""
    visit = StatusPage(browser, daemon)
    until("figures", lambda: visit.phase() == "ready")
    daemon.kill()
    until("the loss is told", lambda: visit.phase() == "connection lost")
    assert "does not answer" in visit.text("#link") and "old" in visit.text("#link")
    visit.page.set_viewport_size(PHONE)
    time.sleep(0.5)
    assert visit.phase() == "connection lost", "drawing anew does not make it good"
    daemon.start()
    until("it is back", lambda: visit.phase() == "ready")
    assert visit.text("#link") == ""
    # It may have been asked more than once whether it is ready, and no more.
    until("new figures", lambda: visit.text("#rate") == "0" and re.match(r"\d in all", visit.text("#rate-note")))
    # The browser itself complains of what it cannot reach.
    visit.complaints = [text for text in visit.complaints if "net::ERR" not in text]
    visit.end()


def check_policy(browser: Browser, daemon: Daemon):
    """The policy is in force: a script that gets into the page can neither add code nor tell another host."""
    visit = StatusPage(browser, daemon)
    assert_policy(visit)
    visit.page.close()


def check_without_script(browser: Browser, daemon: Daemon):
    """Without its script the page says where the figures are."""
    visit = StatusPage(browser, daemon, java_script_enabled=False)
    assert "/metrics" in visit.text("noscript") and not visit.page.locator("main").is_visible()
    visit.end()


def take_pictures(browser: Browser, daemon: Daemon, directory: Path):
    """The pictures of the documents, of two minutes of traffic."""
    connection = daemon.connect()
    until("bert is loaded", lambda: send(connection, "POST", "/analyze", {"text": "Hello.", "model": "bert"}) == 200)
    with Traffic(daemon, 12, 0.03):
        desktop = StatusPage(browser, daemon, {"width": 1200, "height": 1160}, color_scheme="light")
        phone = StatusPage(browser, daemon, PHONE, color_scheme="dark", device_scale_factor=2)
        time.sleep(119)
        desktop.page.screenshot(path=directory / "status-light.png")
        phone.page.screenshot(path=directory / "status-dark-phone.png")
    desktop.end()
    phone.end()


def main(binary: str, chromium: str, pictures: str = ""):
    """Checks, or takes the pictures."""
    with chromium_at(chromium) as browser:
        if pictures:
            with Daemon(binary, "--workers", "2") as daemon:
                take_pictures(browser, daemon, Path(pictures))
            return
        checks = (check_idle, check_traffic, check_looks, check_pause, check_policy, check_without_script, check_loss)
        with Daemon(binary, "--workers", "2", "--bert", "off") as daemon:
            run(checks, browser, daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
