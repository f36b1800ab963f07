"""The calculator in a real browser: its figures are the projector's and the choice's, to the byte."""

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest
from real_runs import ROOT
from stand_in_projector import HOSTILE, StandInProjector, catalogue

from xclass.cli.hardware_words import take_hardware
from xclass.projection.projector import Projector
from xclass.report.page import calculator_table
from xclass.report.page.calculator import calculator_fragment
from xclass.report.page.compact import write_row
from xclass.report.page.document import CALCULATOR, Document, Section
from xclass.report.page.html import render_html
from xclass.sizing.choice import choose, format_usd
from xclass.units import format_bytes, format_seconds

REPLICAS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


class Calculator:
    """A page with nothing but the calculator, and the table that it was made of."""

    def __init__(self, projector, hardware, folder, open_page, *, width=1200):
        self.projector, self.hardware = projector, hardware
        self.fragment = calculator_fragment(projector, hardware)
        self.data = json.loads(self.fragment.data_json)
        self.settings = {
            projector.project(replace(config, classes=1000, dim=64), method)[0].variant: (config, method)
            for config, method in [
                *calculator_table._unmeasured(projector.configs),
                *projector.configs.values(),
            ]
        }
        sections = (Section(title="", body="Opening."), Section(title=CALCULATOR, body="elsewhere"))
        document = Document(title="xclass report", sections=sections)
        self.path = folder / "report.html"
        self.path.write_text(render_html(document, calculator=self.fragment))
        self.opened = open_page(self.path, width=width)
        self.page = self.opened.page

    def go(self, **words):
        """Set the sliders through the address, as a link does."""
        self.page.evaluate("hash => { location.hash = hash }", "calculator?" + urlencode(words))
        self.page.wait_for_function("true")

    def text(self, name):
        return self.page.locator(f"#calculator-{name}").inner_text()

    def cards(self):
        """data-* of the two cards."""
        return self.page.eval_on_selector_all(".calculator-card", "all => all.map(one => ({...one.dataset}))")

    def stops_with(self, letters):
        """(variant, dim, classes) whose state is one of the letters."""
        for variant in self.data["variants"]:
            for dim, runs in zip(self.data["dims"], variant["states"], strict=True):
                row = re.sub(r"(.)(\d+)", lambda match: match[1] * int(match[2]), runs)
                for count, letter in zip(self.data["classes"], row, strict=True):
                    if letter in letters:
                        yield variant["key"], dim, count


@pytest.fixture(scope="session")
def calculator(tmp_path_factory, open_page):
    """Of the committed sweep over sizes, with the catalogue that comes with the package."""
    with pytest.MonkeyPatch.context() as patch:
        # Every third stop: the others are the same code, and the table is what takes long.
        patch.setattr(calculator_table, "CLASS_STOPS", calculator_table.CLASS_STOPS[::3])
        patch.setattr(calculator_table, "DIM_STOPS", calculator_table.DIM_STOPS[::3])
        patch.setattr(calculator_table, "INDEX_KINDS", ("SQ8", "IVF{lists},PQ16", "PQ64x4fs", "HNSW32"))
        return Calculator(
            Projector([ROOT / "benchmarks" / "records" / "sizes"]), take_hardware([])[0],
            tmp_path_factory.mktemp("calculator"), open_page,
        )  # fmt: skip


@pytest.fixture(scope="session")
def hostile(tmp_path_factory, open_page):
    """Of names that attack the page, on a phone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calculator_table, "CLASS_STOPS", (10_000, 5_000_000, 90_000_000))
        patch.setattr(calculator_table, "DIM_STOPS", (96,))
        patch.setattr(calculator_table, "INDEX_KINDS", ("SQ8", "PQ64x4fs"))
        return Calculator(
            StandInProjector(is_hostile=True), catalogue(suffix=HOSTILE),
            tmp_path_factory.mktemp("hostile"), open_page, width=360,
        )  # fmt: skip


def projected(calculator, key, dim, classes):
    """What the projector says at a stop."""
    config, method = calculator.settings[key]
    return calculator.projector.project(replace(config, classes=classes, dim=dim), method)


def sample(calculator, letters, number):
    stops = list(calculator.stops_with(letters))
    return random.Random(5).sample(stops, number)


def test_what_is_shown_is_what_the_projector_says_to_the_byte(calculator):
    stops = [*sample(calculator, "px", 8), *sample(calculator, "m", 2), *sample(calculator, "f", 6)]
    for key, dim, classes in stops:
        calculator.go(classes=classes, dim=dim, variant=key)
        phases = projected(calculator, key, dim, classes)
        for card, phase in zip(calculator.cards(), (phases[0], phases[2]), strict=True):
            assert card["phase"] == phase.phase.value
            shown = [int(card[f"{name}Bytes"]) for name in ("peak", "low", "high", "base", "mapped", "disk")]
            peak = phase.peak
            assert shown == [peak.value, peak.low, peak.high, phase.base_bytes, phase.mapped_bytes,
                             phase.disk_bytes], (key, dim, classes)  # fmt: skip


def test_numbers_are_written_as_the_command_writes_them(calculator):
    for key, dim, classes in sample(calculator, "mpxf", 6):
        calculator.go(classes=classes, dim=dim, variant=key)
        phases = projected(calculator, key, dim, classes)
        for at, phase in ((0, phases[0]), (1, phases[2])):
            card = calculator.page.locator(".calculator-card").nth(at)
            text = card.inner_text()
            assert card.locator(".calculator-peak").inner_text() == format_bytes(phase.peak.value)
            interval = f"{format_bytes(phase.peak.low)} to {format_bytes(phase.peak.high)}"
            assert f"{interval}: {phase.error_words}" in text
            for time in phase.times:
                assert time.meaning in text
                assert format_seconds(time.seconds.value) in text


def in_page(calculator, expression, values):
    """What the page's own functions make of values; BigInt comes back as text."""
    numbers = (Path(calculator_table.__file__).parent / "templates" / "calculator_numbers.js").read_text()
    return calculator.page.evaluate(f"values => {{ {numbers}; return values.map({expression}) }}", values)


def test_every_unit_is_written_as_the_command_writes_it(calculator):
    some = random.Random(3)
    # Halves in the last digit, where JavaScript and Python round differently, and both sides of every border.
    sizes = [9 * 2**27, 2**30 - 1, 2**20, 1023, 100 * 2**30 + 2**29, 101 * 2**30 + 2**29, 0]
    sizes += [int(2 ** some.uniform(0, 50)) for _ in range(300)]
    assert in_page(calculator, "formatBytes", sizes) == [format_bytes(size) for size in sizes]
    times = [59.99, 60.0, 10799.0, 10800.0, 259199.0, 259200.0, 8.64e7, 0.0]
    times += [10 ** some.uniform(-6, 9) for _ in range(300)]
    assert in_page(calculator, "formatSeconds", times) == [format_seconds(time) for time in times]
    prices = [0.0123, 36.5, 99.99, 100.4, 12345.678] + [10 ** some.uniform(-2, 6) for _ in range(100)]
    assert in_page(calculator, "formatUsd", prices) == [format_usd(price) for price in prices]


def test_rows_are_read_back_whole(calculator):
    some = random.Random(4)
    stops = sorted(some.sample(range(1, 10**6), 30))
    for _ in range(20):
        values = [some.choice((stop, 0, -5 * stop, some.randrange(10**15))) for stop in stops]
        guide = [some.choice((2 * value, 0, some.randrange(10**6))) for value in values]
        for along in (None, guide):
            read = (
                "([text, at, along]) => readRow(text, at.map(BigInt), along && along.map(BigInt)).map(String)"
            )
            found = in_page(calculator, read, [[write_row(stops, values, along), stops, along]])
            assert [int(text) for text in found[0]] == values


def test_the_servers_and_the_month_are_those_of_the_choice(calculator):
    for number, (key, dim, classes) in enumerate(sample(calculator, "mpxf", 12)):
        replicas, is_shared = REPLICAS[number % 12], number % 2 == 0
        where = "one" if is_shared else "each"
        calculator.go(classes=classes, dim=dim, variant=key, replicas=replicas, machines=where)
        fit, *served = projected(calculator, key, dim, classes)
        together = replicas if is_shared else 1
        # Pages of files are in memory once; every further process adds its base and anonymous bytes.
        need = max(
            phase.peak.high + (together - 1) * (phase.peak.high - phase.mapped_bytes) for phase in served
        )
        machines = 1 if is_shared else replicas
        for card, needed, count in zip(calculator.cards(), (fit.peak.high, need), (1, machines), strict=True):
            choice = choose(calculator.hardware, needed)
            assert int(card["neededBytes"]) == needed
            assert card["instance"] == (choice.server.instance if choice.server else "")
            month = choice.usd_per_month
            assert float(card.get("usdPerMonth", "nan")) == pytest.approx(
                float("nan") if month is None else month * count, nan_ok=True
            )


def test_the_keyboard_moves_a_slider_and_the_figures_with_it(calculator):
    calculator.go(classes=10_000, dim=64, variant="sampled_softmax")
    before = calculator.cards()
    calculator.page.locator("#calculator-classes").focus()
    for _ in range(3):
        calculator.page.keyboard.press("ArrowRight")
    after = calculator.cards()
    assert int(after[0]["peakBytes"]) > int(before[0]["peakBytes"])
    spoken = calculator.page.get_attribute("#calculator-classes", "aria-valuetext")
    assert spoken == calculator.text("classes-words")
    calculator.page.locator("#calculator-dim").focus()
    calculator.page.keyboard.press("End")
    assert calculator.text("dim-words") == str(calculator.data["dims"][-1])


def test_method_and_index_are_chosen_by_their_lists(calculator):
    calculator.go(classes=1_000_000, dim=64, variant="sampled_softmax")
    calculator.page.select_option("#calculator-method", "nearest_neighbour")
    calculator.page.select_option("#calculator-kind", label="SQ8")
    assert "nearest_neighbour, SQ8" in calculator.text("verdict")
    assert [card["phase"] for card in calculator.cards()] == ["build", "serve"]
    assert {card["state"] for card in calculator.cards()} == {"f"}


def test_sizes_far_beyond_are_marked(calculator):
    key, dim, classes = sample(calculator, "x", 1)[0]
    calculator.go(classes=classes, dim=dim, variant=key)
    assert "rough projection" in calculator.text("state")
    assert "x the largest measured size" in calculator.text("state")
    assert calculator.page.locator(".calculator-card.is-marked").count() == 2
    calculator.go(classes=1_000_000, dim=64, variant="sampled_softmax")
    assert calculator.page.locator(".calculator-card.is-marked").count() == 0
    assert calculator.text("state") == "measured at this size"


def test_refused_sizes_show_no_bytes(calculator):
    key, dim, classes = sample(calculator, "r", 1)[0]
    calculator.go(classes=classes, dim=dim, variant=key)
    assert calculator.cards() == []
    assert "refused: more than 100 x" in calculator.text("state")
    assert not re.search(r"\d (G|M|K)iB|USD", calculator.text("verdict"))


def test_a_typed_number_goes_to_the_nearest_stop_and_says_so(calculator):
    typed = calculator.page.locator("#calculator-typed")
    answers = {"1,200,000": "1 million is shown", "1M": "", "1e6": "", "ten": "not a number"}
    for text, words in answers.items():
        typed.fill(text)
        typed.press("Enter")
        assert words in calculator.text("snap")
        assert bool(words) == bool(calculator.text("snap"))
        assert calculator.text("classes-words") == "1 million classes"


def test_a_reload_keeps_the_settings(calculator):
    calculator.go(classes=1_000_000, dim=64, variant="sampled_softmax", replicas=3, machines="each")
    calculator.page.locator("#calculator-replicas").press("ArrowRight")
    verdict = calculator.text("verdict")
    assert "4 replicas on a server each" in verdict
    calculator.page.reload()
    assert calculator.text("verdict") == verdict


def test_names_from_data_stay_text_on_a_phone_that_need_not_scroll_aside(hostile):
    page = hostile.page
    for classes in (10_000, 100_000, 5_000_000, 90_000_000):
        hostile.go(classes=classes, dim=96)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
    hostile.go(classes=5_000_000, dim=96)
    assert "<img src=x" in hostile.text("verdict")
    assert "</script><img" in hostile.text("plot")
    assert page.locator("img").count() == 0


def test_an_index_that_cannot_be_built_says_why(hostile):
    hostile.go(classes=100_000, dim=96, variant="nearest_neighbour, PQ64x4fs" + HOSTILE)
    assert hostile.cards() == []
    assert "segments that divides 96 dimensions" in hostile.text("verdict")


def test_a_finger_finds_every_control(hostile):
    heights = hostile.page.eval_on_selector_all(
        "#calculator-form :is(input[type=range], input[type=text], select, label.calculator-choice)",
        "all => all.map(one => one.getBoundingClientRect().height)",
    )
    assert len(heights) == 8
    assert min(heights) >= 44  # px; Source: WCAG 2.2, success criterion 2.5.5.


def test_without_script_the_table_is_read(calculator, open_page):
    page = open_page(calculator.path, has_script=False).page
    assert page.locator("#calculator-static table").is_visible()
    assert not page.locator("#calculator-app").is_visible()


def test_nothing_was_said_on_the_console_and_nothing_asked_for(calculator, hostile):
    for one in (calculator, hostile):
        assert one.opened.said == []
        assert {url.partition("#")[0] for url in one.opened.requests} == {one.path.as_uri()}
