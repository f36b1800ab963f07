"""The system's Chromium, with the network off, on a page made of real records."""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
"""Root has no sandbox; without the others Chromium calls home, which a closed network refuses one by one."""


def pytest_collection_modifyitems(items):
    for item in items:
        if "/tests/browser/" in str(item.path):
            item.add_marker(pytest.mark.browser)


def _missing(reason):
    # .ci/run installs Chromium and sets this, so that there a browser test is never skipped in silence.
    if os.environ.get("XCLASS_NEEDS_BROWSER"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        _missing(f"none of {', '.join(NAMES)} is on the PATH: run scripts/install_browser.sh as root")
    # Not at the top: where the extra is missing, only these tests are.
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("playwright is not installed: pip install 'xclass[dev]'")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


class Opened:
    """A page, and what it said and asked for while it was open."""

    def __init__(self, context, path):
        self.said = []
        self.requests = []
        self.page = context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())


@pytest.fixture(scope="session")
def open_page(browser):
    """Callable: (path, width=..., has_script=...) -> Opened; the network is off."""
    contexts = []

    def opened(path, *, width=1200, has_script=True):
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=has_script
        )
        context.set_offline(True)
        contexts.append(context)
        return Opened(context, path)

    yield opened
    for context in contexts:
        context.close()
