"""`GET /docs` in a browser: `docs_page.py TAMIS CHROMIUM` checks that it shows the whole description and sends requests."""

import json
import sys
import urllib.request

from playwright.sync_api import Browser
from server import Daemon
from visit import CONTRAST, DESKTOP, PHONE, Visit, assert_policy, chromium_at, run, until


class DocsPage(Visit):
    """The page of `/docs`."""

    def __init__(self, browser: Browser, daemon: Daemon, fragment="", viewport=None, **more):
        self.path, self.sent = f"/docs{fragment}", []
        super().__init__(browser, daemon, viewport, **more)

    def prepare(self):
        """Keeps what is sent, and has a policy that is broken complained of."""
        self.page.on("request", lambda request: self.sent.append((request.method, request.url, request.headers)))
        self.page.add_init_script("addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`))")

    def opened(self, operation: str):
        """An operation, opened."""
        article = self.page.locator(f"article#{operation}")
        if article.locator(":scope > details").get_attribute("open") is None:
            article.locator(":scope > details > summary").click()
        article.locator(".inside").wait_for()
        return article

    def end(self):
        """No request to another host, no complaint."""
        own = {url for url in self.asked if url.startswith(("data:image/svg+xml", f"{self.origin}/"))}
        assert set(self.asked) == own, set(self.asked) - own
        assert not self.complaints, self.complaints
        self.page.close()


def operations(document) -> dict:
    """Every operation by its name, with its method and path."""
    return {one["operationId"]: (method, path, one) for path, item in document["paths"].items() for method, one in item.items()}


def check_everything(browser: Browser, daemon: Daemon):
    """Every operation is there with each of its statuses, examples and parameters, and every schema can be unfolded."""
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.port}/openapi.json", timeout=10) as answer:
        document = json.load(answer)
    visit = DocsPage(browser, daemon)
    until("operations", lambda: visit.page.locator("article").count())
    described = operations(document)
    assert sorted(visit.page.locator("article").evaluate_all("all => all.map(one => one.id)")) == sorted(described)
    assert visit.page.locator("#list a").count() == len(described)
    for name, (method, path, operation) in described.items():
        article = visit.opened(name)
        assert article.locator("h3").inner_text().lower().split() == [method, path.lower()], name
        statuses = article.locator("details.answer > summary .status").all_inner_texts()
        assert statuses == sorted(operation["responses"]), f"{name}: {statuses}"
        text = article.evaluate("one => one.textContent")
        assert "[object" not in text and "undefined" not in text and "NaN" not in text, name
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values():
                for example, told in media.get("examples", {}).items():
                    assert example in text, f"{name}, {status}: {example}"
                    if isinstance(told["value"], dict) and "detail" in told["value"]:
                        # As JSON has it, where it is quoted.
                        assert json.dumps(told["value"]["detail"])[1:-1] in text, f"{name}: {told['value']}"
    rounds = 0
    while (closed := visit.page.locator("details.schema:not([open])")).count() and rounds < 4:
        closed.evaluate_all("all => all.forEach(one => { one.open = true; })")
        visit.page.wait_for_timeout(300)
        rounds += 1
    schemas = visit.page.locator("article#analyzeText dl.members").evaluate_all("all => all.map(one => one.textContent).join(' ')")
    for word in ("text", "explain", "toxicity_level", "severe_toxic", "weight"):
        assert word in schemas, word
    assert "[object" not in visit.page.locator("main").evaluate("one => one.textContent")
    visit.end()


def check_try(browser: Browser, daemon: Daemon):
    """What is sent by the form is answered by the daemon, and shown."""
    visit = DocsPage(browser, daemon, "#analyzeText")
    article = visit.page.locator("article#analyzeText")
    until("it is opened by its name", lambda: article.locator("textarea").is_visible())
    visit.page.locator("#key").fill("unmistakable-key")
    article.locator("textarea").fill('{"text":"You are stupid <b>and</b> I hate you!","explain":true}')
    article.get_by_label("Prefer").fill("server-timing")
    article.locator("textarea").press("Control+Enter")
    until("an answer", lambda: article.locator(".result .status").is_visible())
    assert article.locator(".result .status").inner_text().startswith("200")
    answer = json.loads(article.locator(".result pre.body").inner_text())
    assert answer["score"] == 100 and "<b>" not in article.locator(".result pre.body").inner_html()
    headers = article.locator(".result pre.headers").inner_text()
    assert "content-type: application/json" in headers and "server-timing: read;dur=" in headers, headers
    method, url, sent = [asked for asked in visit.sent if asked[0] == "POST"][-1]
    assert url == f"{visit.origin}/analyze" and sent["x-api-key"] == "unmistakable-key", sent
    article.locator("textarea").fill('{"txt":1}')
    article.locator("button.send").click()
    until("the error", lambda: article.locator(".result .status").inner_text().startswith("422"))
    assert "unknown_field" in article.locator(".result pre.body").inner_text()
    model = visit.opened("getModelMetadata")
    model.get_by_label("model (path)").fill("iris")
    model.locator("button.send").click()
    until("the model", lambda: model.locator(".result pre.body").is_visible())
    assert json.loads(model.locator(".result pre.body").inner_text())["platform"] == "tamis_table"
    lines = visit.opened("analyzeBatch")
    lines.get_by_label("Example").select_option(index=1)
    lines.locator("button.send").click()
    until("the lines", lambda: lines.locator(".result pre.body").is_visible())
    assert len(lines.locator(".result pre.body").inner_text().splitlines()) == 3
    assert "unmistakable-key" not in visit.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
    # The browser itself tells of answers that say that something is wrong.
    visit.complaints = [text for text in visit.complaints if "status of 422" not in text]
    visit.end()


def check_copies(browser: Browser, daemon: Daemon):
    """Each example is copied as a command that can be run, with the key's name in the place of the key."""
    visit = DocsPage(browser, daemon, "#predictIris", permissions=["clipboard-read", "clipboard-write"])
    article = visit.page.locator("article#predictIris")
    until("it is opened", lambda: article.locator("textarea").is_visible())
    visit.page.locator("#key").fill("unmistakable-key")
    article.get_by_role("button", name="Copy as curl").first.click()
    copied = until("a copy", lambda: visit.page.evaluate("navigator.clipboard.readText()"))
    expected = "curl -H \"X-API-Key: $KEY\" -H 'content-type: application/json' --data-binary '{\"features\":[5.1,3.5,1.4,0.2]}' "
    assert copied == f"{expected}{visit.origin}/predict", copied
    visit.end()


def check_filter_and_keys(browser: Browser, daemon: Daemon):
    """What is looked for is what is left; all of it by keys alone."""
    visit = DocsPage(browser, daemon)
    until("operations", lambda: visit.page.locator("article").count())
    visit.page.keyboard.press("Tab")
    assert visit.page.evaluate("document.activeElement.className") == "skip"
    visit.page.locator("#filter").fill("iris infer")
    shown = visit.page.locator("article:not([hidden])").evaluate_all("all => all.map(one => one.id)")
    assert shown == ["inferIris", "inferIrisVersion"], shown
    assert visit.page.locator("main section:not([hidden])").count() == 1
    summary = visit.page.locator("article#inferIris > details > summary")
    summary.focus()
    visit.page.keyboard.press("Enter")
    until("it opens", lambda: visit.page.locator("article#inferIris textarea").is_visible())
    visit.page.locator("#filter").fill("")
    assert visit.page.locator("article[hidden]").count() == 0
    visit.end()


def check_looks(browser: Browser, daemon: Daemon):
    """Both colour schemes can be read, and nothing is wider than the screen."""
    grounds = set()
    for scheme in ("light", "dark"):
        for viewport in (DESKTOP, PHONE):
            visit = DocsPage(browser, daemon, "#analyzeText", viewport, color_scheme=scheme)
            until("operations", lambda: visit.page.locator("article textarea").count())  # noqa: B023
            width = visit.page.evaluate("document.documentElement.scrollWidth")
            assert width <= viewport["width"], f"{width} of {viewport['width']} pixels, {scheme}"
            for selector in ("h2", ".method", ".quiet", "article pre", ".status", "dd", ".type", "button.send", "code", "label"):
                ratio, ground = visit.page.locator(f"main {selector}").first.evaluate(CONTRAST)
                assert ratio >= 4.5, f"{selector} has a contrast of {ratio:.1f}, {scheme}"  # WCAG 2.2, 1.4.3
            grounds.add(ground)
            visit.end()
    assert len(grounds) == 2, grounds


def check_without_script(browser: Browser, daemon: Daemon):
    """Without its script the page says where the document is."""
    visit = DocsPage(browser, daemon, java_script_enabled=False)
    assert "/openapi.json" in visit.page.locator("noscript").inner_text() and not visit.page.locator("main").is_visible()
    visit.end()


def check_policy(browser: Browser, daemon: Daemon):
    """The policy is in force."""
    visit = DocsPage(browser, daemon)
    assert_policy(visit)
    visit.page.close()


def main(binary: str, chromium: str):
    """Checks."""
    with chromium_at(chromium) as browser, Daemon(binary, "--workers", "1", "--bert", "off") as daemon:
        checks = (check_everything, check_try, check_copies, check_filter_and_keys, check_looks, check_policy, check_without_script)
        run(checks, browser, daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
