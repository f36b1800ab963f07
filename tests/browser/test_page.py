"""The page in a real browser: offline, silent, readable without script, on a phone and on paper."""

import json
import shutil
from itertools import pairwise

import pytest
from real_runs import ROOT

from xclass.report.write import write_reports

HOSTILE = "<img src=x onerror=alert(1)><script>console.log('owned')</script>|`\n## owned"
RECORDS = ROOT / "benchmarks" / "records"


@pytest.fixture(scope="session")
def sweep_page(client_report):
    """Of the committed sweep over sizes, with everything that a page can have."""
    return client_report[0] / "report.html"


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory):
    """Of a run whose names of data, index and files, cause, settings and machine attack the page."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(RECORDS / "sizes" / "0" / "records", folder / "records")
    for path in (folder / "records").iterdir():
        record = json.loads(path.read_text())
        record |= {"data": HOSTILE, "invocation": HOSTILE, "command": ["python", HOSTILE]}
        record["machine"] |= {HOSTILE: HOSTILE}
        record["config"] |= {HOSTILE: f"</script>{HOSTILE}"}
        record["details"] |= {"index": HOSTILE, HOSTILE: HOSTILE}
        if record["phase"] == "build":
            record |= {"verdict": "failed", "cause": HOSTILE}
        path.write_text(json.dumps(record))
    (folder / "records" / "x<b>y-train-rss.json").write_text("{")
    return write_reports(folder).report_html


@pytest.fixture(scope="session")
def opened(open_page, sweep_page):
    return open_page(sweep_page)


def test_it_opens_offline_in_silence_and_asks_for_nothing(opened, sweep_page):
    assert opened.page.title() == "1,000,000 classes: which method, on which server"
    assert opened.said == []
    assert opened.requests == [sweep_page.as_uri()]


def test_every_figure_is_drawn_and_has_a_title(opened):
    figures = opened.page.locator("svg[role=img]")
    assert figures.count() >= 4
    assert opened.page.evaluate("[...document.querySelectorAll('svg')].every(f => f.querySelector('title'))")
    assert opened.page.locator("img, link, iframe, object, [src]").count() == 0


def test_headings_descend_one_at_a_time_and_tables_name_rows_and_columns(opened):
    levels = opened.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert opened.page.locator("th:not([scope])").count() == 0
    assert opened.page.locator("tbody tr:not(:has(th[scope=row]))").count() == 0


def test_without_script_everything_can_be_read(open_page, sweep_page):
    plain = open_page(sweep_page, has_script=False).page
    text = plain.locator("main").inner_text()
    assert "1,000,000 classes" in plain.locator(".opening").inner_text()
    for words in ("Methods and phases", "RAM against classes", "it can be better or worse on yours"):
        assert words in text


def test_what_is_folded_opens_without_script(open_page, sweep_page):
    plain = open_page(sweep_page, has_script=False).page
    details = plain.locator("#how-to-repeat details")
    assert not details.locator("pre").first.is_visible()
    details.locator("summary").click()
    assert details.locator("pre").first.is_visible()


@pytest.mark.parametrize("width", [360, 768])
def test_a_narrow_screen_scrolls_tables_and_not_the_page(open_page, sweep_page, width):
    page = open_page(sweep_page, width=width).page
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == 16
    assert page.evaluate("[...document.querySelectorAll('table')].some(t => t.scrollWidth > innerWidth)")


def test_hostile_text_stays_text(open_page, hostile_page):
    opened = open_page(hostile_page)
    assert opened.said == []
    assert opened.requests == [hostile_page.as_uri()]
    assert opened.page.locator("img, [onerror]").count() == 0
    assert "owned" not in opened.page.locator("h1, h2").all_inner_texts()
    text = opened.page.locator("main").inner_text()
    assert "<script>console.log('owned')</script>" in text
    assert "x<b>y-train-rss.json" in text
    embedded = json.loads(opened.page.locator("#numbers").text_content())
    assert embedded["rows"][0]["data"] == HOSTILE


def test_it_prints(opened):
    assert opened.page.pdf(format="A4").startswith(b"%PDF")
    opened.page.emulate_media(media="print")
    try:
        assert opened.page.locator("#how-to-repeat pre").first.is_visible()
        assert not opened.page.locator("nav").is_visible()
        # A table is as wide as the paper, or letters are lost at its edge.
        opened.page.set_viewport_size({"width": 700, "height": 1000})
        assert opened.page.evaluate("document.documentElement.scrollWidth") == 700
    finally:
        opened.page.emulate_media(media="screen")


def test_text_is_told_from_its_ground(opened):
    """WCAG 2.1, 1.4.3: at least 4.5 to 1."""
    contrast = """(selector) => {
      const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number).map(c => c / 255)
        .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
      const element = document.querySelector(selector);
      let ground = element;
      while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
      const [a, b] = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)]
        .sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05);
    }"""
    for selector in (".mark.measured", ".mark.predicted", ".mark.projected", "footer", "thead th", "nav a"):
        assert opened.page.evaluate(contrast, selector) >= 4.5, selector
