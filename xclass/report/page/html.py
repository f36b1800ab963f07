"""report.html: the document as one self-contained file that opens offline, prints and survives e-mail.

Source of the Content-Security-Policy: https://www.w3.org/TR/CSP3/ - nothing is loaded from anywhere, and of
scripts only our own runs, named by its SHA-256.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from html import escape
from itertools import pairwise
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from markupsafe import Markup

from xclass import __version__
from xclass.report.page.calculator import CalculatorFragment
from xclass.report.page.document import CALCULATOR, Document, Section
from xclass.report.page.template_files import environment, text_of

_BASIS = re.compile(r"\((measured|predicted|projected)((?:, | from )[^()]*)?\)")
"""How the sections mark a number, a column or a sentence."""
_LONG_TEXT = 24
"""Characters from which a cell is broken over lines; shorter ones, numbers among them, are not."""
_SVG_WIDTH = re.compile(r'<svg [^>]*?viewBox="0 0 (\d+) ')


def render_html(
    document: Document,
    *,
    calculator: CalculatorFragment | None = None,
    numbers_json: str = "",
) -> str:
    """The page.

    Args:
        document: all of its text and figures.
        calculator: takes the place of the section of that name; None leaves that as it is.
        numbers_json: the rows of the report, put into the page as data.
    """
    opening = next((section for section in document.sections if not section.title), None)
    return environment().get_template("page.html.jinja").render(
        title=document.title,
        policy=_policy(calculator.script if calculator else ""),
        css=Markup(text_of("page.css")),
        opening=_markdown(opening.body, document.figures) if opening else "",
        sections=[_rendered(section, document.figures) for section in document.shown if section.title],
        calculator=calculator,
        calculator_title=CALCULATOR,
        numbers_json=Markup(numbers_json.replace("<", "\\u003c")),
        version=__version__,
    )  # fmt: skip


def _rendered(section: Section, figures: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": re.sub(r"[^a-z0-9]+", "-", section.title.lower()).strip("-"),
        "title": section.title,
        "body": _markdown(section.body, figures),
        "is_folded": section.is_folded,
    }


def _policy(script: str) -> str:
    """What a browser may do with the page: show it."""
    allowed = f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {allowed}; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    return parser


def _markdown(text: str, figures: Mapping[str, str]) -> Markup:
    """Markdown of ours as HTML: no raw HTML passes, no link leaves the page, no image is loaded."""
    parser = _parser()
    environment: dict[str, Any] = {"figures": figures}
    tokens = parser.parse(text, environment)
    _mark_cells(tokens)
    return Markup(parser.renderer.render(tokens, parser.options, environment))


def _mark_cells(tokens: Sequence[Token]) -> None:
    """Tell names of rows (a header, as screen readers need) and long texts from numbers."""
    is_first = False
    for token in tokens:
        if token.type == "tr_open":
            is_first = True
        elif token.type == "td_open" and is_first:
            token.tag = "th"
            token.attrSet("scope", "row")
        elif token.type == "td_close" and is_first:
            token.tag, is_first = "th", False
    for cell, inside in pairwise(tokens):
        if cell.type == "td_open" and cell.tag == "td" and len(inside.content) > _LONG_TEXT:
            cell.attrJoin("class", "words")


def _open_table(*_: Any) -> str:
    # Wide tables scroll inside their own box; the keyboard must be able to reach it.
    return '<div class="scroll" role="group" tabindex="0"><table>\n'


def _close_table(*_: Any) -> str:
    return "</table></div>\n"


def _header_cell(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, _: Any
) -> str:
    tokens[at].attrSet("scope", "col")
    return renderer.renderToken(tokens, at, options, {})


def _words(_: RendererHTML, tokens: Sequence[Token], at: int, *__: Any) -> str:
    """Text, with what says where a number comes from as a mark."""
    return _BASIS.sub(r'<span class="mark \1">\1\2</span>', escape(tokens[at].content))


def _code(_: RendererHTML, tokens: Sequence[Token], at: int, *__: Any) -> str:
    # dense_softmax may be broken where a person would break it, and nowhere else.
    return f"<code>{escape(tokens[at].content).replace('_', '_<wbr>')}</code>"


def _figure(
    _: RendererHTML, tokens: Sequence[Token], at: int, __: OptionsDict, environment: Mapping[str, Any]
) -> str:
    svg = environment["figures"].get(tokens[at].attrGet("src"))
    if svg is None:
        return escape(tokens[at].content)
    width = _SVG_WIDTH.match(svg)
    # Its smallest letters have 10 px, of which a reader needs 9: on a phone it scrolls in its box.
    least = f"min-width:{int(width[1]) * 9 // 10}px;max-width:{width[1]}px" if width else ""
    return f'<span class="figure scroll" role="group" tabindex="0"><span style="{least}">{svg}</span></span>'


def _open_link(_: RendererHTML, tokens: Sequence[Token], at: int, *__: Any) -> str:
    # What lies beside a report in its folder does not travel with a page that is mailed.
    return f'<span class="path" title="{escape(str(tokens[at].attrGet("href")))}">'


def _close_link(*_: Any) -> str:
    return "</span>"


_RULES = {
    "table_open": _open_table,
    "table_close": _close_table,
    "th_open": _header_cell,
    "text": _words,
    "code_inline": _code,
    "image": _figure,
    "link_open": _open_link,
    "link_close": _close_link,
}
