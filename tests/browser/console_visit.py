"""A visit to the console, and what the daemon says to clients that are no browsers."""

import json
import urllib.request

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser
from server import Daemon
from visit import Visit, until

WIDE, NARROW = {"width": 1280, "height": 860}, {"width": 360, "height": 740}
RUDE = "What a stupid idea. Nobody asked you!"
FRENCH = "Quelle idée stupide, tais-toi donc !"
TIME = r"[\d.]+\s(µs|ms|s)"
LABELS = ("toxic", "severely toxic", "obscene", "threat", "insult", "identity hate")
LEAST = 0.4  # the weight from which on a word is shaded


class Console(Visit):
    """The page of `/`."""

    def __init__(self, browser: Browser, daemon: Daemon, viewport=None, before: str = "", **more):
        self.before = before
        super().__init__(browser, daemon, viewport or WIDE, **{"locale": "en-US", "reduced_motion": "reduce", **more})

    def prepare(self):
        """Runs a script of the check's own before those of the page."""
        if self.before:
            self.page.add_init_script(self.before)

    def put(self, text: str):
        """Puts `text` in the place of what is there and waits for its score."""
        self.page.fill("#text", "")
        until("nothing to score", lambda: self.text("#score") == "–")
        self.page.fill("#text", text)
        until("a score", lambda: self.text("#score") != "–")

    def measures(self) -> list[float]:
        """Where the sliders stand."""
        return [float(slider.input_value()) for slider in self.page.locator("#sliders input").all()]

    def end(self, complaints: str = "nothing"):
        """No request to another host, no complaint but those of the browser itself that hold these words."""
        self.complaints = [text for text in self.complaints if complaints not in text]
        asked = {url.removeprefix(self.origin) for url in self.asked}
        super().end(asked & {"/", "/analyze", "/predict", "/model-info"})


def answer(daemon: Daemon, path: str, body: dict) -> dict:
    """What the daemon says to a client that is no browser."""
    request = urllib.request.Request(f"http://127.0.0.1:{daemon.port}{path}", json.dumps(body).encode())
    request.add_header("content-type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def assert_accessible(console: Console):
    """axe-core finds no fault, and something that is right."""
    found = Axe().run(console.page).response
    faults = [(fault["id"], fault["help"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]]
    assert not faults and len(found["passes"]) > 30, faults


def percent(share: float) -> str:
    """As English writes it, to a tenth."""
    return f"{round(share * 100, 1):g}%"
