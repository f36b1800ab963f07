"""The demo in a real browser over a real service: typing, keyboard, hostile input, a dead server, a phone."""

import json
import os
import random
import subprocess
import sys
import urllib.error
import urllib.request
from itertools import pairwise
from types import SimpleNamespace

import pytest
from real_runs import SMALL, RunFolder

from xclass.serving.page.run_view import RunView

METHOD = "sparse_means"
ATTACK = "<img src=x onerror=alert(1)><script>console.log('owned')</script>"
CLASSES = [
    ATTACK, "gnp.\u202egpj.exe", "zero\u200bwidth", "party \U0001f389", "=cmd|' /C calc'!A0",
    "nul\x00 \x1b[31m", "long " * 80, "**bold** `code` | cell", "plain one", "plain two",
]  # fmt: skip
WORDS = [
    words.split()
    for words in (
        "amber anvil arrow", "birch bugle bison", "cedar comet cobra", "daisy drum dune", "ember eagle elm",
        "fjord flute fern", "grape gong glade", "heron harp holly", "iris ibex igloo", "jade jazz juniper",
    )
]  # fmt: skip


def write_table(path):
    """Each class has words of its own; a seventh of its texts have those of another, and go wrong."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(3000):
            own = number % len(CLASSES)
            words = WORDS[own if rng.random() > 1 / 7 else rng.randrange(len(CLASSES))]
            text = f"{' '.join(rng.choices(words, k=2))} {ATTACK if number % 50 == 0 else ''}{number}"
            file.write(json.dumps({"text": text, "class": CLASSES[own]}) + "\n")
    return path


@pytest.fixture(scope="session")
def run(tmp_path_factory, run_xclass):
    """Of hostile texts and names, with enough queries to state a chance."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_xclass(
        *SMALL, "data=text", f"path={write_table(folder / 'table.jsonl')}", f"data.cache={folder / 'cache'}",
        f"methods=[{METHOD}]", "evaluate.num_queries=250", "measure.heap_pass=false",
        f"hydra.run.dir={folder / 'run'}",
    )  # fmt: skip
    assert done.exit_code == 0, done.err
    folder /= "run"
    files = [path for path in (folder / "models" / METHOD).rglob("*") if path.is_file()]
    details = RunFolder(folder).record(f"{METHOD}-load-rss")["details"]
    assert details["model_file_bytes"] == sum(path.stat().st_size for path in files), "names are counted"
    return RunFolder(folder)


class Demo:
    """The command in a process of its own."""

    def __init__(self, model, port=0):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xclass.demo", f"model={model}", f"port={port}", "threads=1"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ},
        )  # fmt: skip
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.startswith("page: "):
                self.url = line.split()[1].rstrip("/")
                return
        raise AssertionError("".join(self.said))

    def ask(self, path, body=None):
        """(status, document) of one request."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def end(self):
        self.process.terminate()
        self.said += [self.process.communicate(timeout=30)[0]]
        return self.process.returncode


@pytest.fixture(scope="session")
def demo(run):
    started = Demo(run.path / "models" / METHOD)
    yield started
    assert started.end() == 0


@pytest.fixture
def visit(browser):
    """Callable: (demo, width=..., scheme=...) -> a page; whatever it says on the console fails the test."""
    contexts, said, asked = [], [], []

    def visited(demo, *, width=1280, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-US", **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error.stack or error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(demo.url)
        page.locator("#is-wrong button").first.wait_for()
        return page

    visited.asked = asked
    visited.said = said
    yield visited
    for context in contexts:
        context.close()
    assert [words for words in said if "Failed to load resource" not in words] == []


def ask(page, text):
    """Type it, and wait for its answers."""
    with page.expect_response("**/predict") as response:
        page.fill("#query", text)
    found = response.value.json()
    page.locator("#answers:not(.is-old)").wait_for(state="attached")
    page.locator("#answers li").first.wait_for(state="visible" if found["answers"][0] else "detached")
    return found


def test_a_text_gets_five_classes_examples_times_and_the_ram_against_the_promise(run, demo, visit):
    page = visit(demo)
    found = ask(page, "plum juniper jazz jade")
    assert page.locator("#answers li").count() == 5
    assert page.locator("#answers .name").first.inner_text() == "plain two"
    assert f"{found['confidence'][0] * 100:.1f}" in page.locator("#sure").inner_text()
    assert "no probability" in page.locator("#chance").inner_text(), "sparse means have none"
    known = page.locator("#known li")
    known.first.wait_for()
    assert known.count() == 3
    assert all(set(text.split()) & {"jade", "jazz", "juniper"} for text in known.all_inner_texts())
    for name in ("#server-time", "#round-trip"):
        assert page.locator(name).inner_text().split()[1] in ("µs", "ms", "s")
    assert page.locator("#ram-now").inner_text().endswith("MB")
    promised = demo.ask("/health")[1]["ram"]["promised_bytes"]
    assert page.locator("#ram-promised").inner_text() == f"{promised / 1e6:.0f} MB"
    assert "% of the promise" in page.locator("#ram-note").inner_text()
    assert visit.said == []
    assert all(url.startswith(demo.url) for url in visit.asked), "nothing comes from elsewhere"


def test_what_it_gets_wrong_is_shown_as_readily_as_what_it_gets_right(run, demo, visit):
    page = visit(demo)
    accuracy = run.record(f"{METHOD}-serve-rss")["accuracy"]
    words = page.locator("#accuracy").inner_text()
    assert f"Right in {accuracy['at_1'] * 100:.0f}" in words
    assert "250 questions" in words
    assert "it can be better or worse on yours" in page.locator("#accuracy-note").inner_text()
    counts = [int(page.locator(f"#is-{which}-count").inner_text().split()[0]) for which in ("right", "wrong")]
    assert counts == [round(accuracy["at_1"] * 250), 250 - round(accuracy["at_1"] * 250)]
    boxes = [page.locator(f"#is-{which} button").first.bounding_box() for which in ("right", "wrong")]
    assert boxes[0]["y"] == boxes[1]["y"]
    assert boxes[0]["width"] == boxes[1]["width"]
    styles = [
        page.eval_on_selector(f"#is-{which} button .asked", "one => getComputedStyle(one).font")
        for which in ("right", "wrong")
    ]
    assert styles[0] == styles[1]
    for which in ("right", "wrong"):
        page.locator(f"#is-{which} button").first.click()
        page.locator(f"#truth .mark.{which}").wait_for()
        assert page.locator("#query").input_value().strip()
        first = page.locator(f"#is-{which} button .asked").first.inner_text()
        page.locator(f"#more-{which}").click()
        page.wait_for_function(
            "([id, old]) => document.querySelector(id).innerText !== old", arg=[f"#is-{which} .asked", first]
        )
    page.fill("#query", "something else")
    page.locator("#truth").wait_for(state="hidden")


def test_everything_can_be_reached_by_keyboard(demo, visit):
    page = visit(demo)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("harp holly heron")
    page.keyboard.press("Enter")
    page.locator("#known li").first.wait_for()
    note = page.locator("#known-note").inner_text()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "ask"
    for _ in range(2):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#answers') !== null")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_function("old => document.querySelector('#known-note').innerText !== old", arg=note)
    assert page.locator("#answers [aria-pressed=true]").count() == 1


HOSTILE = [
    ATTACK, "\u202egnp.exe \u200b\u2060", "\x00\x01 nul", "\U0001f469\u200d\U0001f692" * 50, "a\u0301" * 300,
    "'; DROP TABLE classes; --", "{{7*7}} ${7*7}", "\ufeff", "</script><b>x</b>",
]  # fmt: skip


def test_hostile_input_is_answered_and_stays_text(demo, visit):
    page = visit(demo)
    for text in HOSTILE:
        found = ask(page, text)
        # What has nothing in common with any example is told so.
        words = "Best of" if found["answers"][0] else "No class"
        assert page.get_by_role("status").inner_text().startswith(words), ascii(text)
        assert page.locator("main img, main script, main b").count() == 0, ascii(text)
    assert page.title() == "xclass demo"


def test_hostile_names_stay_text_and_what_cannot_be_seen_is_written_out(demo, visit):
    page = visit(demo)
    shown = set()
    for words in WORDS[:7]:
        ask(page, " ".join(words))
        shown.add(page.locator("#answers .name").first.inner_text())
    assert ATTACK in shown
    assert "gnp.U+202Egpj.exe" in shown
    assert "zeroU+200Bwidth" in shown
    assert "nulU+0000 U+001B[31m" in shown
    assert "=cmd|' /C calc'!A0" in shown
    assert any(name.endswith("(399 characters)") for name in shown), "a long name is cut and says so"
    page.locator("#known li").first.wait_for()
    assert page.locator("main img, main script").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 1280


def test_nothing_and_too_much_are_answered_in_words(demo, visit):
    page = visit(demo)
    page.locator("#ask").click()
    assert "Type something" in page.locator("#status").inner_text()
    ask(page, "eagle")
    page.fill("#query", "")
    page.locator("#answers li").first.wait_for(state="detached")
    page.fill("#query", "x" * 5000)
    page.wait_for_function("() => document.querySelector('#status').innerText.includes('2,000')")
    assert "5,000 characters" in page.locator("#status").inner_text()
    assert page.locator("#answers li").count() == 0
    ask(page, "   ")


def test_a_refusal_of_the_server_is_shown_with_its_remedy(demo, visit):
    page = visit(demo)
    page.evaluate("document.querySelector('#query').value = '\\ud800'")
    page.locator("#ask").click()
    page.locator("#status.is-wrong").wait_for()
    assert "surrogate" in page.locator("#status").inner_text()


def test_a_busy_server_is_asked_again(demo, visit):
    page = visit(demo)
    busy = iter([True])

    def answer(route):
        if next(busy, False):
            refusal = {"error": "overloaded", "allowed": "less", "remedy": "later"}
            route.fulfill(status=503, json=refusal, headers={"retry-after": "1"})
        else:
            route.continue_()

    page.route("**/predict", answer)
    page.fill("#query", "eagle elm")
    page.locator("#status.is-wrong").wait_for()
    assert "asking again in 1 s" in page.locator("#status").inner_text()
    page.locator("#answers li").first.wait_for()
    assert page.locator("#status.is-wrong").count() == 0


def test_a_dead_server_is_said_and_the_page_goes_on_when_it_is_back(run, visit):
    model = run.path / "models" / METHOD
    first = Demo(model)
    page = visit(first)
    ask(page, "comet cedar")
    assert first.end() == 0
    page.fill("#query", "anvil amber")
    page.locator("#dead").wait_for()
    assert page.locator("#dead").get_attribute("role") == "alert"
    page.locator("#retry").click()
    assert page.locator("#dead").is_visible()
    second = Demo(model, port=first.url.rsplit(":", 1)[1])
    try:
        page.locator("#dead").wait_for(state="hidden")
        page.wait_for_function(
            "text => document.querySelector('#answers .name').innerText === text", arg=ATTACK
        )
        assert page.locator("#query").input_value() == "anvil amber"
    finally:
        second.end()


def with_facts(page, facts):
    """Show the page as it is of another model; only what it asks for is answered by the server."""
    page.route("**/demo/facts", lambda route: route.fulfill(json=facts))
    page.reload()
    page.wait_for_function("() => document.querySelector('#subtitle').textContent.includes('classes')")


@pytest.mark.parametrize(
    ("inputs", "typed", "sent"),
    [
        ("vectors", "[0.5, -1]", {"vector": [0.5, -1]}),
        ("rows", '{"columns": [3], "values": [1]}', {"row": {"columns": [3], "values": [1]}}),
        ("vectors", "[0.5, oops", None),
    ],
)
def test_a_model_of_numbers_takes_them_as_json(demo, visit, inputs, typed, sent):
    page = visit(demo)
    facts = demo.ask("/demo/facts")[1]
    with_facts(page, facts | {"dim": 2, "model": facts["model"] | {"inputs": inputs}})
    assert "JSON" in page.locator("#query-label").inner_text()
    bodies = []
    page.on("request", lambda request: bodies.append(request) if "/predict" in request.url else None)
    page.fill("#query", typed)
    page.locator("#status.is-wrong").wait_for()  # the model behind it takes texts
    if sent is None:
        assert bodies == []
        assert "numbers between commas" in page.get_by_role("status").inner_text()
    else:
        assert bodies[0].post_data_json == sent | {"k": 5, "probability": True}


def test_of_a_model_that_was_copied_alone_the_page_says_what_is_missing(demo, visit, tmp_path):
    alone = SimpleNamespace(folder=tmp_path / "alone", describe=dict)
    page = visit(demo)
    with_facts(page, demo.ask("/demo/facts")[1] | RunView.of(alone).to_json())
    reason = "the model does not lie in the folder of the run that made it"
    assert page.locator("#accuracy").inner_text() == f"Nobody can say here: {reason}."
    assert not page.locator("#held-out").is_visible()
    ask(page, "eagle elm")
    assert page.locator("#known-note").inner_text() == f"Cannot be shown: {reason}."


CONTRAST = """(selector) => {
  const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  return Math.min(...[...document.querySelectorAll(selector)].map((element) => {
    let ground = element;
    while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    const [a, b] = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)]
      .sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  }));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_it_fits_can_be_touched_and_is_told_from_its_ground(demo, visit, scheme):
    page = visit(demo, width=390, color_scheme=scheme, reduced_motion="reduce")
    page.locator("#is-wrong button").first.click()
    page.locator("#known li").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    heights = page.eval_on_selector_all(
        "button, textarea, select", "all => all.filter(o => o.offsetParent).map(o => o.offsetHeight)"
    )
    assert min(heights) >= 44, "WCAG 2.1, 2.5.5"
    for selector in (
        "p",
        "dt",
        "dd",
        "label",
        "button",
        ".quiet",
        ".mark",
        ".told",
        ".value",
        "footer p",
        "h2",
    ):
        assert page.evaluate(CONTRAST, selector) >= 4.5, f"WCAG 2.1, 1.4.3: {selector}"
    assert page.eval_on_selector(".bar > span", "one => getComputedStyle(one).transitionDuration") == "0s"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_a_screen_reader_finds_names_headings_and_what_changes(demo, visit):
    page = visit(demo)
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert page.evaluate("[...document.querySelectorAll('textarea, select')].every(o => o.labels.length)")
    assert page.get_by_role("textbox", name="Text").count() == 1
    assert page.get_by_role("status").count() == 1
    assert page.get_by_role("region", name="The five best classes").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    ask(page, "eagle elm")
    assert page.get_by_role("status").inner_text().startswith("Best of 5: ")


def test_the_page_may_load_and_run_nothing_but_its_own(demo):
    request = urllib.request.Request(demo.url, headers={"accept": "text/html"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        policy, page = answer.headers["content-security-policy"], answer.read().decode()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "src=" not in page.replace("img src=x", "")
    assert demo.ask("/")[1]["service"] == "xclass", "who does not ask for HTML learns what there is"


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("/demo/held_out?which=neither", None, 400, "right or wrong"),
        ("/demo/held_out?which=wrong&start=-1", None, 400, "start"),
        ("/demo/held_out?which=wrong&num=1e9", None, 400, "num"),
        ("/demo/known?class=99999&num=3", {"text": "x"}, 404, "class 99999"),
        ("/demo/known?class=0&num=3", {"vector": [1]}, 400, "vector"),
        ("/demo/known?class=0&num=3", {"texts": []}, 400, "texts"),
    ],
)
def test_what_the_page_never_asks_is_refused_in_one_line(demo, path, body, status, words):
    found, document = demo.ask(path, body)
    assert found == status
    assert words in json.dumps(document)
    assert set(document) == {"error", "allowed", "remedy"}


def test_as_many_as_there_are_come_in_turn_and_never_more_than_ten(demo):
    total = demo.ask("/demo/facts")[1]["held_out"]["wrong"]
    some = demo.ask(f"/demo/held_out?which=wrong&start={total - 2}&num=9999")[1]["queries"]
    assert len(some) == min(10, total)
    assert (
        some[2]["number"] == demo.ask("/demo/held_out?which=wrong&start=0&num=1")[1]["queries"][0]["number"]
    )
