"""``python -m xclass.demo model=FOLDER``: one page over a saved model, served by the service of xclass.serve.

Exit codes: those of ``python -m xclass.serve``.
"""

from __future__ import annotations

import sys
import webbrowser
from dataclasses import replace
from typing import NoReturn

from xclass.cli.parser import run_words
from xclass.cli.serve import parse_settings, serve
from xclass.errors import ConfigError

HELP = """\
usage: python -m xclass.demo model=FOLDER [open=true] [key=value ...]

One page that a client understands, over a saved model: type a text and see the five best classes, the known
examples nearest to it, what this answer took and the server's RAM against what was promised; and questions
that the model gets right beside questions that it gets wrong. FOLDER is models/METHOD of a run, where these
lie beside it; of a folder that was copied alone the page says what is missing.

  python -m xclass data=lemmas classes=1e5 methods=[sparse_means] hydra.run.dir=outputs/lemmas
  python -m xclass.demo model=outputs/lemmas/models/sparse_means

where
  port=8000              of this machine alone (host=127.0.0.1); 0 takes any free port
  open=false             true opens the page in this machine's browser; the address is printed in any case
  workers=1 threads=N max_chars=2000 ...    as of python -m xclass.serve, see its --help; all that it answers
                         is answered here too: POST /predict, GET /health, GET /metrics

The page loads nothing from anywhere else and sends nothing to anybody else. Ctrl-C or SIGTERM ends it.
exit codes: 0 ended in order; 1 the model cannot be served; 2 the command is wrong.
"""
_ROUTES = "xclass.serving.page.routes:demo_routes"


def main() -> NoReturn:
    """The entry point of ``python -m xclass.demo``."""
    run_words(
        demo,
        HELP,
        disk_remedy="free space there (TMPDIR=... chooses another folder)",
        interrupted="interrupted before the page could be shown",
    )


def demo(words: list[str]) -> int:
    """Show the page until a signal comes.

    Returns:
        The exit code.

    Raises:
        XclassError: a word is wrong, or the model or the address cannot be had.
    """
    opens = [word for word in words if word.removeprefix("+").startswith("open=")]
    settings = parse_settings([word for word in words if word not in opens])
    is_opened = _read_open(opens)

    def when_ready(url: str) -> None:
        sys.stdout.write(f"page: {url}/\n")
        sys.stdout.flush()
        if is_opened:
            webbrowser.open(f"{url}/")

    return serve(replace(settings, routes=_ROUTES), when_ready=when_ready)


def _read_open(words: list[str]) -> bool:
    values = [word.partition("=")[2] for word in words] or ["false"]
    if len(values) > 1 or values[0] not in ("true", "false"):
        raise ConfigError("open", ", ".join(values), allowed="true or false, once", remedy="e.g. open=true")
    return values[0] == "true"
