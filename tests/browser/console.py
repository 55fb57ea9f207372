"""`GET /` in a browser: `console.py TAMIS CHROMIUM` checks the console, with a directory as a third argument it writes
the pictures of the documents there."""

import re
import sys
import time
from pathlib import Path

from console_refusals import check_key, check_refusals
from console_visit import FRENCH, LABELS, LEAST, NARROW, RUDE, TIME, WIDE, Console, answer, assert_accessible, percent
from playwright.sync_api import Browser
from server import Daemon
from visit import PHONE, assert_policy, chromium_at, run, until

TINY = Path(__file__).parents[1] / "models" / "tiny"


def check_text(browser: Browser, daemon: Daemon):
    """What is typed is scored as the daemon scores it, and the words are shaded that it names, wherever they stand."""
    console = Console(browser, daemon)
    for text in (
        "You are kind.",
        RUDE,
        FRENCH,
        "😀👩‍👩‍👧 You are so stupid 😀, really!",
        "C'e\u0301tait stupide, cre\u0301tin.\nEt un peu idiot.\n",
        "<b>stupid</b> <img src=x onerror=alert(1)> & idiot",
        "You are s.t.u.p.i.d",
    ):
        console.put(text)
        said = answer(daemon, "/analyze", {"text": text, "explain": True})
        until("its score", lambda: console.text("#score") == str(said["score"]))  # noqa: B023
        assert console.text("#level") == said["toxicity_level"]
        assert tuple(console.page.locator("#labels dt").all_inner_texts()) == LABELS
        shares = console.page.locator("#labels dd:last-child").all_inner_texts()
        for shown, share in zip(shares, said["labels"].values(), strict=True):
            assert abs(float(shown.rstrip("%")) - share * 100) < 0.051, (shares, said)
        shaded = console.page.evaluate(
            """() => [...document.querySelectorAll("#shade mark")].map((mark) => {
                let before = "";
                for (let one = mark.previousSibling; one; one = one.previousSibling) before = one.textContent + before;
                return [[...before].length, mark.textContent];
            })"""
        )
        heavy = sorted((span["start"], span["text"]) for span in said["spans"] if span["weight"] >= LEAST)
        assert [tuple(mark) for mark in shaded] == heavy, (text, shaded, heavy)
        # What lies behind the text is the same text, in the same type, at the same place.
        assert console.page.locator("#shade").evaluate("shade => shade.textContent") == text + "\u200b"
        assert console.page.locator("#shade").evaluate(TYPE) == console.page.locator("#text").evaluate(TYPE)
        assert console.page.locator("img, #shade b").count() == 0
    assert re.fullmatch(f"simple took {TIME}; with the way here and back {TIME}.", console.text("#toxicity-time"))
    console.page.fill("#text", "   ")
    until("nothing to score", lambda: console.text("#score") == "–" and console.page.locator("mark").count() == 0)
    console.end()


# How an element sets its text, and where.
TYPE = """element => {
    const style = getComputedStyle(element), box = element.getBoundingClientRect();
    const type = ["fontFamily", "fontSize", "fontWeight", "lineHeight", "letterSpacing", "wordSpacing", "textIndent"];
    const room = ["whiteSpace", "overflowWrap", "paddingTop", "paddingLeft", "paddingRight", "borderTopWidth"];
    return [...type, ...room].map((name) => style[name]).concat(box.x, box.y, box.width, box.height);
}"""

# One request takes a quarter of a second, and how many are under way at most is counted.
SLOWLY = """const own = window.fetch; let under = 0; window.most = 0; window.sent = 0;
window.fetch = async (path, ...more) => {
    if (path !== "analyze") return own(path, ...more);
    window.sent++; window.most = Math.max(window.most, ++under);
    await new Promise((done) => setTimeout(done, 250));
    try { return await own(path, ...more); } finally { under--; }
};"""


def check_typing(browser: Browser, daemon: Daemon):
    """Of what is typed in one go the last is what is scored, one request at a time, and who listens hears it once."""
    console = Console(browser, daemon, before=SLOWLY)
    until("the example", lambda: console.text("#score") != "–")
    console.put("You are kind")
    console.page.locator("#toxicity-told").evaluate(
        """element => {
            [window.told, window.sent] = [[], 0];
            const all = { childList: true, characterData: true, subtree: true };
            new MutationObserver(() => window.told.push(element.textContent)).observe(element, all);
        }"""
    )
    time.sleep(1.5)
    told = len(console.page.evaluate("window.told"))
    console.page.locator("#text").press("End")
    console.page.keyboard.type(" and stupid and kind and so stupid!", delay=25)
    text = "You are kind and stupid and kind and so stupid!"
    said = answer(daemon, "/analyze", {"text": text, "explain": True})
    until("the last score", lambda: console.text("#score") == str(said["score"]))
    until("the last words", lambda: console.page.locator("mark", has_text="stupid").count() == 2)
    until("it is told", lambda: str(said["score"]) in console.text("#toxicity-told"))
    time.sleep(1.5)
    heard = console.page.evaluate("window.told")[told:]
    assert len(heard) == 1 and f"Toxicity {said['score']} of 100, {said['toxicity_level']}." in heard[0], heard
    most, sent = console.page.evaluate("[window.most, window.sent]")
    assert most == 1 and 1 < sent < len(text), (most, sent)
    # What is added leaves the shades where their words are, before the daemon is asked.
    for more in ("'Oh! ' + text.value", "text.value + ' Really.'", "text.value.replace('kind', 'patient and kind')"):
        shaded = console.page.locator("#text").evaluate(
            f"""text => {{
                text.value = {more};
                text.dispatchEvent(new Event("input"));
                return [...document.querySelectorAll("mark")].map((mark) => mark.textContent);
            }}"""
        )
        assert shaded.count("stupid") == 2, shaded
    console.end()


def check_models(browser: Browser, daemon: Daemon):
    """The models are those of the daemon, a user's too, and each answers for itself."""
    console = Console(browser, daemon)
    names = lambda: console.page.locator("#models label").all_inner_texts()  # noqa: E731
    until("the models", lambda: "tiny" in names())
    assert sorted(names()) == ["auto", "bert", "simple", "tiny"], names()
    text = "Your plan is stupid and you are mistaken."
    console.put(text)
    for name in ("bert", "auto", "tiny", "simple"):
        console.page.locator(f"#model-{name}").focus()
        console.page.keyboard.press("Space")
        assert console.page.locator(f"#model-{name}").is_checked()
        said = answer(daemon, "/analyze", {"text": text, "model": name, "explain": True})
        who = f"{said['model_used']} took "
        until(who, lambda: console.text("#toxicity-time").startswith(who))  # noqa: B023
        assert console.text("#score") == str(said["score"]), name
        assert console.page.locator("#labels dt").count() == len(said["labels"])
        if said["spans"] is None:
            until("it cannot say why", lambda: "cannot say" in console.text("#text-note"))
        else:
            spans = sorted(said["spans"], key=lambda span: span["start"])
            heavy = [span["text"] for span in spans if span["weight"] >= LEAST]
            until(f"words of {name}", lambda: console.page.locator("mark").all_inner_texts() == heavy)  # noqa: B023
    # A long explanation is given up when somebody types, who does not wait for it: of a longer text, where it was there already.
    given_up = []
    console.page.on("requestfailed", lambda request: given_up.append(request.post_data_json))
    console.page.get_by_text("bert", exact=True).click()
    said = answer(daemon, "/analyze", {"text": text, "model": "bert"})
    for times in range(3, 30):
        long = "Your plan is stupid and you are mistaken. " * times
        explains = lambda request: request.post_data_json == {  # noqa: E731
            "text": long,  # noqa: B023
            "model": "bert",
            "explain": True,
        }
        with console.page.expect_request(explains, timeout=60_000):
            console.page.fill("#text", long)
        console.page.fill("#text", text)
        until("the score of what was typed", lambda: console.text("#score") == str(said["score"]))
        if given_up:
            break
    assert [request["text"] for request in given_up] == [long] and given_up[0]["explain"], given_up
    # On a busy machine a model may have no room for a moment; the page asks again.
    console.end("status of 503")


# Of an explanation that takes its time the head is here, and the body is not when it is given up.
HALF = """const own = window.fetch;
window.fetch = async (path, options) => {
    const asked = path === "analyze" && JSON.parse(options.body);
    if (!asked.explain || asked.model === "simple") return own(path, options);
    window.half = true;
    const start = (body) => options.signal.addEventListener("abort", () => body.error(options.signal.reason));
    return new Response(new ReadableStream({ start }), { headers: { "Content-Type": "application/json" } });
};"""


def check_given_up_between_head_and_body(browser: Browser, daemon: Daemon):
    """An answer that is given up when its head is here is none, and what was typed is scored."""
    console = Console(browser, daemon, before=HALF)
    console.page.get_by_text("bert", exact=True).click()
    console.put("Your plan is stupid.")
    until("half an explanation", lambda: console.page.evaluate("window.half"))
    text = "You are kind."
    console.page.fill("#text", text)
    said = answer(daemon, "/analyze", {"text": text, "model": "bert"})
    until("the score of what was typed", lambda: console.text("#score") == str(said["score"]))
    console.end()


def check_iris(browser: Browser, daemon: Daemon):
    """The sliders' iris is the daemon's, and the flower follows them."""
    console = Console(browser, daemon)
    page, seen = console.page, set()
    leaves = page.locator("#flower g")
    turns = lambda: leaves.evaluate_all("all => all.map((one) => one.style.transform).join()")  # noqa: E731
    before = turns()
    for species in ("setosa", "versicolor", "virginica"):
        page.get_by_role("button", name=species).click()
        until(species, lambda: console.text("#species") == f"Iris {species}")  # noqa: B023
        assert console.page.locator("#flower").get_attribute("class") == species
        seen.add(turns())
    assert len(seen | {before}) == 3, "the flower of versicolor is that of the start"
    for name, key, times in (
        ("petal_length", "Home", 1),
        ("petal_width", "ArrowLeft", 7),
        ("sepal_width", "End", 1),
        ("petal_length", "ArrowRight", 30),
    ):
        slider = page.locator(f"#{name}")
        slider.focus()
        for _ in range(times):
            page.keyboard.press(key)
        said = answer(daemon, "/predict", {"features": console.measures()})
        shares = [percent(share) for share in said["probabilities"].values()]
        shown = page.locator("#classes dd:last-child")
        until("its class", lambda: shown.all_inner_texts() == shares)  # noqa: B023
        assert console.text("#species") == f"Iris {said['prediction']}"
        assert console.text("#confidence").startswith(percent(said["confidence"]))
        assert slider.get_attribute("aria-valuetext") == f"{float(slider.input_value()):.1f} cm"
    ranges = page.locator("#sliders input").evaluate_all("all => all.map((one) => [Number(one.min), Number(one.max)])")
    assert ranges == [[4.3, 7.9], [2, 4.4], [1, 6.9], [0.1, 2.5]], ranges
    assert re.fullmatch(f"The forest took {TIME}; with the way here and back {TIME}.", console.text("#iris-time"))
    console.end()


def check_languages(browser: Browser, daemon: Daemon):
    """It speaks the browser's language, or the one that is chosen, and says everything in both."""
    console = Console(browser, daemon, locale="fr-CA")
    page = console.page
    until("an answer", lambda: console.text("#species") != "–")
    lang = lambda: page.locator("html").get_attribute("lang")  # noqa: E731
    assert (lang(), console.text("#toxicity-head")) == ("fr", "Toxicité")
    assert console.text("label[for=petal_length]") == "Longueur du pétale"
    assert page.input_value("#text") == FRENCH and "4,3 cm" in console.text("#sliders")
    page.get_by_role("button", name="English").click()
    assert (lang(), console.text("#toxicity-head")) == ("en", "Toxicity") and "4.3 cm" in console.text("#sliders")
    page.reload()
    assert lang() == "en", "it remembers"
    english, french = (
        page.evaluate("name => Object.entries(WORDS[name]).map(([key, own]) => [key, typeof own, own === ''])", name)
        for name in ("en", "fr")
    )
    assert english == french and not any(empty for *_, empty in english)
    until("its links", lambda: page.locator("#links a").count() > 2)
    console.end()
    other = Console(browser, daemon, locale="de-DE")
    assert other.page.locator("html").get_attribute("lang") == "en", "whoever speaks neither"
    other.page.close()


def check_looks(browser: Browser, daemon: Daemon):
    """In both colour schemes, wide and narrow and enlarged, nothing is cut off and axe-core finds no fault."""
    grounds = set()
    for scheme, viewport, locale, scale in (
        ("light", WIDE, "en-US", 100),
        ("dark", WIDE, "fr-FR", 100),
        ("light", NARROW, "fr-FR", 100),
        ("dark", NARROW, "en-US", 100),
        ("light", {"width": 640, "height": 430}, "en-US", 100),  # 1280 pixels at 200 %
        ("dark", WIDE, "fr-FR", 200),
    ):
        console = Console(browser, daemon, viewport, color_scheme=scheme, locale=locale)
        console.page.evaluate("scale => { document.documentElement.style.fontSize = `${scale}%`; }", scale)
        until("answers", lambda: console.text("#score") != "–" and console.text("#species") != "–")  # noqa: B023
        width = console.page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], f"{width} of {viewport['width']} pixels, {scheme}, {scale} %"
        assert_accessible(console)
        grounds.add(console.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        console.end()
    assert len(grounds) == 2, grounds
    console = Console(browser, daemon, color_scheme="light")
    ground = lambda: console.page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    before, button = ground(), console.page.get_by_role("button", name="Dark colours")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert (button.get_attribute("aria-pressed"), {before, ground()}) == ("true", grounds)
    console.page.reload()
    assert ground() != before, "it remembers"
    console.page.close()


def check_keyboard(browser: Browser, daemon: Daemon):
    """Everything that can be clicked can be reached by keys, and is seen then; the first key leads to the text."""
    console = Console(browser, daemon)
    page = console.page
    until("its links", lambda: page.locator("#links a").count() > 2)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    here = """() => {
        const at = document.activeElement;
        return [at.outerHTML, getComputedStyle(at).outlineStyle, at.id];
    }"""
    reached = []
    while (found := page.evaluate(here))[0] not in [one[0] for one in reached] and "<body" not in found[0]:
        reached.append(found)
        page.keyboard.press("Tab")
    for html, outline, name in reached:
        # What holds the text has the ring, and the label of a model.
        assert outline != "none" or name == "text" or name.startswith("model-"), html
    focusable = page.locator("a:visible, button:visible, input:not([type=radio]):visible, textarea:visible").count()
    assert len(reached) == focusable + 1, "all of them, and the one model of the group that is checked"
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.keyboard.type("You")
    page.keyboard.press("Control+a")
    page.keyboard.type("You are kind.")
    assert page.input_value("#text") == "You are kind."
    page.get_by_role("button", name=RUDE).press("Enter")
    assert page.input_value("#text") == RUDE
    console.end()


def check_policy(browser: Browser, daemon: Daemon):
    """The policy is in force: a script that gets into the page can neither add code nor tell another host."""
    console = Console(browser, daemon)
    assert_policy(console)
    console.page.close()


def check_without_script(browser: Browser, daemon: Daemon):
    """Without its script the page says how to ask, in both languages."""
    console = Console(browser, daemon, java_script_enabled=False)
    assert "/analyze" in console.text("noscript") and not console.page.locator("main").is_visible()
    assert console.page.locator("noscript [lang=fr]").count() == 1
    console.end()


def take_pictures(browser: Browser, daemon: Daemon, directory: Path):
    """The pictures of the documents."""
    for name, viewport, scheme, locale, text, species in (
        ("light", WIDE, "light", "en-US", "Thank you for the talk 😀\nbut this plan is stupid, and nobody asked you.", "versicolor"),
        ("dark", WIDE, "dark", "en-US", RUDE, "virginica"),
        ("french", WIDE, "light", "fr-FR", FRENCH, "setosa"),
        ("narrow", {**PHONE, "width": 360}, "dark", "en-US", RUDE, "virginica"),
    ):
        console = Console(browser, daemon, viewport, color_scheme=scheme, locale=locale)
        until("the models", lambda: console.page.locator("#models label").count() == 3)  # noqa: B023
        console.put(text)
        console.page.get_by_role("button", name=species).click()
        until(species, lambda: console.text("#species") == f"Iris {species}")  # noqa: B023
        time.sleep(0.5)
        console.page.screenshot(path=directory / f"console-{name}.png", full_page=name == "narrow")
        console.end()


def main(binary: str, chromium: str, pictures: str = ""):
    """Checks, or takes the pictures."""
    with chromium_at(chromium) as browser:
        if pictures:
            with Daemon(binary, "--workers", "1") as daemon:
                take_pictures(browser, daemon, Path(pictures))
            return
        checks = (
            check_text,
            check_typing,
            check_iris,
            check_languages,
            check_looks,
            check_keyboard,
            check_policy,
            check_without_script,
            check_refusals,
        )
        with Daemon(binary, "--workers", "1", "--bert", "off") as daemon:
            run(checks, browser, daemon)
        print(check_key.__name__, flush=True)
        check_key(browser, binary)
        with Daemon(binary, "--workers", "1", "--model-dir", str(TINY)) as daemon:
            run((check_models, check_given_up_between_head_and_body), browser, daemon)


if __name__ == "__main__":
    main(*sys.argv[1:])
