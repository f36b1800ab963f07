"""The page as one document: nothing is loaded from anywhere, and no script runs but our own.

Source of the Content-Security-Policy: https://www.w3.org/TR/CSP3/ - style and script are named by their
SHA-256, so that markup that came into the page by whatever way would neither run nor load anything.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files

_PACKAGE = "xclass.serving.page"


@cache
def page_and_policy() -> tuple[str, str]:
    """The HTML, and the value of its header ``content-security-policy``."""
    style = _text("demo.css")
    # One script: shown.js declares what demo.js uses, and neither is seen from outside.
    script = "\n".join(["(() => {", '"use strict";', _text("shown.js"), _text("demo.js"), "})();"])
    page = _text("demo.html").replace("{{style}}", style).replace("{{script}}", script)
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


def _text(name: str) -> str:
    return (files(_PACKAGE) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
