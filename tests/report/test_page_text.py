"""The page's text, from Markdown to HTML, without a browser."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
from markupsafe import Markup

from xclass.report.page.calculator import CalculatorFragment
from xclass.report.page.document import CALCULATOR, Document, Section
from xclass.report.page.html import render_html
from xclass.report.text import code, escape, link, table

HOSTILE = "<script>alert(1)</script>|`![x](http://evil)[y](javascript:z) </style>"


def page(body, **options):
    document = Document(
        title=options.pop("title", "T"),
        sections=(Section(title="", body="Opening."), Section(title="Body", body=body)),
        figures=options.pop("figures", {}),
    )
    return render_html(document, **options)


def calculator(script):
    html = Markup("<section>C</section>")
    return CalculatorFragment(html=html, css=Markup(""), script=Markup(script), data_json=Markup("{}"))


def main_of(html):
    return html.split("<main>")[1].split("</main>")[0]


def test_a_table_scrolls_in_its_box_and_names_rows_and_columns():
    html = main_of(page(table(["method", "peak (measured)"], [["`a_b`", "3 GiB"]], num_text_columns=1)))
    assert '<div class="scroll" role="group" tabindex="0"><table>' in html
    assert '<th scope="col">method</th>' in html
    assert '<th scope="row"><code>a_<wbr>b</code></th>' in html
    assert '<td style="text-align:right">3 GiB</td>' in html
    assert '<span class="mark measured">measured</span>' in html


@pytest.mark.parametrize("basis", ["measured", "predicted", "projected"])
def test_where_a_number_comes_from_is_a_mark_in_both(basis):
    assert f'3 GiB <span class="mark {basis}">{basis}</span>' in page(f"3 GiB ({basis})")


def test_a_figure_stands_in_the_page_and_any_other_image_is_its_words():
    svg = '<svg xmlns="x" viewBox="0 0 800 100" role="img"><title>t</title></svg>'
    html = main_of(page("![One](figures/a.svg)\n\n![Two](http://evil/b.png)", figures={"figures/a.svg": svg}))
    assert svg in html
    assert "min-width:720px" in html
    assert "<img" not in html
    assert "evil" not in html
    assert "Two" in html


def test_what_lies_beside_the_report_is_named_and_not_linked():
    html = main_of(page(link("flamegraph", "heap/a.html")))
    assert '<span class="path" title="heap/a.html">flamegraph</span>' in html
    assert "<a " not in html


@pytest.mark.parametrize("safe", [escape, code])
def test_hostile_text_that_passed_through_the_sections_is_text(safe):
    html = page(table(["a"], [[safe(HOSTILE)]], num_text_columns=1), title=HOSTILE)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert not re.search(r"<(img|a)\s[^#]*evil", html)
    assert html.count("</style>") == 1


def test_even_markup_that_nobody_escaped_is_text():
    html = main_of(page(f"{HOSTILE}\n\n<iframe src=x></iframe>"))
    assert "<script" not in html
    assert "<iframe" not in html
    assert "href=" not in html


def test_the_policy_allows_our_script_alone_and_nothing_from_elsewhere():
    script = "document.title = 'x';\n"
    fragment = calculator(script)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    html = page("x", calculator=fragment)
    assert f"script-src &#39;sha256-{digest}&#39;" in html
    assert f"<script>{script}</script>" in html
    assert "default-src &#39;none&#39;" in page("x")
    assert "script-src &#39;none&#39;" in page("x")


def test_the_calculator_takes_the_place_of_its_section():
    sections = (Section(title="", body=""), Section(title=CALCULATOR, body="elsewhere"))
    document = Document(title="T", sections=sections)
    assert "elsewhere" not in main_of(render_html(document, calculator=calculator("")))
    assert "elsewhere" in main_of(render_html(document))
    assert "elsewhere" in document.to_markdown()


def test_embedded_numbers_cannot_end_their_script():
    html = page("x", numbers_json='{"a":"</script><b>"}')
    assert '{"a":"\\u003c/script>\\u003cb>"}' in html


def test_an_empty_section_is_left_out():
    document = Document(title="T", sections=(Section(title="A", body=""), Section(title="B", body="b")))
    assert document.to_markdown() == "# T\n\n## B\n\nb\n"
    html = render_html(document)
    assert re.findall("<h2>(.*?)</h2>", html) == ["B"]
    assert "#a" not in re.findall('href="(.*?)"', html)
