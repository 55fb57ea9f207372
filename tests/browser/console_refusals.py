"""What the console does where the daemon refuses: it asks for a key, says what is wrong, tries again."""

import json
import subprocess
import tempfile
import time
from pathlib import Path

from console_visit import RUDE, Console, answer, assert_accessible
from playwright.sync_api import Browser
from server import Daemon
from visit import until


def check_key(browser: Browser, binary: str):
    """A key that is asked for is asked for here, used in a header and nowhere else; what it may not do is said."""
    def key(scopes: str) -> tuple[str, str]:
        command = [binary, "new-key", "console", "--scopes", scopes]
        made = subprocess.run(command, capture_output=True, text=True, check=True)
        told = dict(line.split(None, 1) for line in made.stdout.splitlines() if line)
        return told["key"], told["line"]

    (good, line), (half, other) = key("analyze,predict"), key("predict")
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory) / "keys"
        keys.write_text(f"{line}\n{other}\n")
        with Daemon(binary, "--workers", "1", "--bert", "off", "--auth", "api-key", "--api-keys", str(keys)) as daemon:
            console = Console(browser, daemon)
            page, headers = console.page, []
            page.on("request", lambda request: headers.append(request.headers.get("x-api-key")))
            until("the question", lambda: page.locator("#door").is_visible())
            assert "have a key" in console.text("#door-why") and console.text("#score") == "–"
            assert page.evaluate("document.activeElement.id") == "credential"
            assert_accessible(console)
            page.fill("#credential", "wrong")
            page.keyboard.press("Enter")
            why = page.locator("#door-why")
            until("it is refused", lambda: why.is_visible() and "not accepted" in why.inner_text())
            page.fill("#credential", half)
            page.get_by_role("button", name="Use it").click()
            until("what it may not do", lambda: "scope “analyze”" in console.text("#toxicity-fault"))
            until("what it may", lambda: console.text("#species") == "Iris versicolor")
            page.get_by_role("button", name="Forget the key").click()
            until("the question", lambda: page.locator("#door").is_visible())
            page.fill("#credential", good)
            page.keyboard.press("Enter")
            until("a score", lambda: console.text("#score") != "–")
            assert page.locator("#door").is_hidden() and console.text("#toxicity-fault") == ""
            page.reload()
            until("a score", lambda: console.text("#score") != "–")
            assert {good, half, "wrong"} <= set(headers)
            assert not any(secret in url for secret in (good, half) for url in console.asked)
            assert page.evaluate("JSON.stringify(localStorage)").count(good) == 0
            console.end("Failed to load resource: the server responded with a status of 40")


def check_refusals(browser: Browser, daemon: Daemon):
    """What is wrong is said, and what passes is tried again."""
    console = Console(browser, daemon)
    page, refusals = console.page, []

    def refuse(route):
        if refusals:
            status, error_type, wait = refusals.pop(0)
            body = json.dumps({"status": status, "detail": "words", "error_type": error_type})
            headers = {"retry-after": str(wait)} if wait else {}
            return route.fulfill(status=status, body=body, headers=headers, content_type="application/problem+json")
        return route.continue_()

    page.route("**/analyze", refuse)
    until("the example", lambda: console.text("#score") != "–")
    fault = lambda: console.text("#toxicity-fault")  # noqa: E731
    for status, error_type, wait, words in (
        (503, "overloaded", 1, "no room at the moment. Trying again in 1 s"),
        (503, "model_unavailable", 1, "not loaded. Trying again in 1 s"),
        (503, "inference_timeout", 2, "too long. Trying again in 2 s"),
        (429, "too_many_attempts", 1, "Too many requests. Trying again in 1 s"),
    ):
        refusals.append((status, error_type, wait))
        page.fill("#text", f"You are stupid, {error_type}.")
        until(words, lambda: words in fault())  # noqa: B023
        began = time.monotonic()
        until("it is tried again", lambda: fault() == "")
        assert time.monotonic() - began > wait - 0.5
    for status, error_type, words in (
        (413, "body_too_large", "longer than the daemon takes"),
        (404, "not_found", "No model answers"),
        (500, "strange", "refuses: words (500)"),
    ):
        refusals.append((status, error_type, 0))
        page.fill("#text", f"You are kind, {error_type}.")
        until(words, lambda: words in fault())  # noqa: B023
    page.fill("#text", "long " * 4000)
    until("it is too long", lambda: "longer than" in fault())
    page.fill("#text", "\u200d")
    until("nothing to score", lambda: "nothing to score" in fault() or console.text("#score") == "–")
    page.fill("#text", "You are kind.")
    until("all is well", lambda: fault() == "")
    daemon.kill()
    page.fill("#text", RUDE)
    page.locator("#petal_width").press("ArrowRight")
    until("the loss is told", lambda: "does not answer" in fault())
    until("that of the irises too", lambda: "does not answer" in console.text("#iris-fault"))
    daemon.start()
    until("it is back", lambda: fault() == "" and console.text("#iris-fault") == "")
    assert console.text("#score") == str(answer(daemon, "/analyze", {"text": RUDE})["score"])
    console.end("Failed to load resource")
