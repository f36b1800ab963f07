"""The API reference that ``make docs`` builds."""

import re
import subprocess
import sys

import pytest
from real_runs import ROOT


@pytest.mark.slow
def test_every_module_has_a_page_that_opens_offline(tmp_path):
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "api_reference.py"), str(tmp_path)],
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"API reference: {tmp_path / 'index.html'}\n"
    pages = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")}
    modules = [path.relative_to(ROOT) for path in (ROOT / "xclass").rglob("*.py")]
    for module in modules:
        if module.name not in ("__init__.py", "__main__.py"):
            assert str(module.with_suffix(".html")) in pages
    page = (tmp_path / "xclass" / "classifiers" / "opened_model.html").read_text()
    assert "The k best classes of each query" in page
    assert not re.findall(r'(?:src|<link[^>]*href)="https?:', page)
