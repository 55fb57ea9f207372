"""A visit to a page of the daemon in a browser, and what the checks of every page share."""

import contextlib
import time

from playwright.sync_api import Browser, Page, sync_playwright
from server import Daemon

DESKTOP, PHONE = {"width": 1200, "height": 800}, {"width": 390, "height": 844}
# `bert` has what others leave of the processors, and an explanation holds it many times as long as a score does.
PATIENCE = 120  # seconds


def until(what: str, condition):
    """Waits until `condition` holds."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.1)
    return found


class Visit:
    """A page of its own, and all that it asked for and complained about."""

    path = "/"

    def __init__(self, browser: Browser, daemon: Daemon, viewport=None, **more):
        self.origin = f"http://127.0.0.1:{daemon.port}"
        self.page: Page = browser.new_page(viewport=viewport or DESKTOP, **more)
        self.asked, self.complaints = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.prepare()
        self.page.goto(self.origin + self.path)

    def prepare(self):
        """What is to be done before the page is there."""

    def text(self, selector: str) -> str:
        """What is to be read there."""
        return self.page.locator(selector).inner_text()

    def end(self, asked: set[str]):
        """It asked for these paths of its own host and nothing else, and complained of nothing."""
        assert set(self.asked) == {self.origin + path for path in asked}, set(self.asked)
        assert not self.complaints, self.complaints
        self.page.close()


def assert_policy(visit: Visit):
    """A script that gets into the page can neither tell another host nor add code."""
    told = visit.page.evaluate(
        """async () => {
            const event = new Promise((done) => addEventListener("securitypolicyviolation", done));
            await fetch("http://127.0.0.2:9/").catch(() => {});
            let code = "added";
            try {
                document.body.appendChild(document.createElement("script")).textContent = "0";
            } catch {
                code = "refused";
            }
            return [(await event).violatedDirective, code];
        }"""
    )
    assert told == ["connect-src", "refused"], told


# The contrast of the text of an element with what is behind it (WCAG 2.2, contrast ratio), and the page's ground.
CONTRAST = """element => {
    const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const luminance = ([red, green, blue]) => {
        const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
    };
    let behind = element;
    while (parse(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
    const of = (style) => luminance(parse(style));
    const both = [of(getComputedStyle(element).color), of(getComputedStyle(behind).backgroundColor)].sort((a, b) => b - a);
    return [(both[0] + 0.05) / (both[1] + 0.05), getComputedStyle(document.body).backgroundColor];
}"""


@contextlib.contextmanager
def chromium_at(path: str):
    """A browser, until the end."""
    with sync_playwright() as playwright:
        # In a container without user namespaces the sandbox cannot be; the only pages are ours.
        yield playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])


def run(checks, browser: Browser, daemon: Daemon):
    """Each check, by its name."""
    for check in checks:
        print(check.__name__, flush=True)
        check(browser, daemon)
