"""``python -m xclass.serve model=FOLDER``: a small HTTP service over a saved model.

Exit codes: 0 ended in order by a signal; 1 the model cannot be served, or a worker had to be killed; 2 the
command was wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NoReturn

from xclass.cli.parser import EXIT_FAILED, run_words, say
from xclass.config import usable_cores
from xclass.errors import ConfigError
from xclass.serving.promise import Promise, read_promise
from xclass.serving.settings import ServeSettings
from xclass.serving.supervisor import Supervisor
from xclass.units import format_bytes, parse_bytes, parse_count

HELP = """\
usage: python -m xclass.serve model=FOLDER [key=value ...]

A small HTTP service over a saved model: torch-free, the model mapped from its file, with several workers over
the same pages. FOLDER is models/METHOD of a run, a copy of it, or a symbolic link to one.

  python -m xclass.serve model=outputs/RUN/models/sparse_means
  curl -s localhost:8000/predict -H 'content-type: application/json' -d '{"text": "red shoe", "k": 5}'
  ln -sfn models/v2 current.new && mv -T current.new current      hot swap of model=current, nothing is lost

where
  host=127.0.0.1         loopback: only this machine. There is neither TLS nor a password here: for others
                         put a proxy in front (and hosts=NAME,NAME if it passes their Host on)
  port=8000              0 takes any free port
  workers=1              processes; each further one costs its own memory, not the model's
  threads=N              of all workers together (default: the cores this process may use)

how requests are taken
  max_batch=256          queries answered at once, and the most of one request
  max_wait_ms=0          how long a batch that is not full waits for more; what comes while the engine works
                         is its next batch in any case
  max_queue=1024         queries that wait in one worker; beyond it, 503 with Retry-After
  deadline_seconds=30    a request that is not answered by then is answered 503
  max_bytes=1MiB         of one body           max_chars=2000   of one text           max_k=100
  check=contents         how closely a model is compared with its seal before it is opened: contents reads all
                         of it (about 1 s per GB, once for all workers), sizes nothing
  shutdown_seconds=10    for what is queued when the service ends

what is answered
  POST /predict          {"text": "..."} or {"texts": [...]}; {"vector": [...]} or {"vectors": [[...], ...]};
                         {"row": {"columns": [...], "values": [...]}} or {"rows": [...]}; besides them
                         "k": 5, "probability": true, and for texts with contexts (lemmas: languages)
                         "context" or "contexts". Vectors also as a .npy matrix: content-type
                         application/x-npy, /predict?k=5&probability=true
  GET /health            ready, model, a new model that was refused and why, RAM now and promised
  GET /metrics           for Prometheus: RAM per process and in sum, times, queries, batches, queue, refusals
  GET /                  what this model takes, with an example

SIGTERM or Ctrl-C answers what is queued and ends; a second one ends at once. SIGHUP looks for a new model at
once (it is looked for twice a second anyway).
exit codes: 0 ended in order; 1 the model cannot be served, or a worker had to be killed; 2 the command is
wrong.
"""

_NUMBERS: dict[str, Callable[[str], Any]] = {
    "port": int, "workers": int, "threads": int, "max_batch": parse_count, "max_wait_ms": float,
    "max_queue": parse_count, "max_k": parse_count, "max_bytes": parse_bytes, "max_chars": parse_count,
    "deadline_seconds": float, "shutdown_seconds": float,
}  # fmt: skip
_TEXTS = ("model", "host", "hosts", "check")
_MODULES = ("prometheus_client", "starlette", "uvicorn")


def main() -> NoReturn:
    """The entry point of ``python -m xclass.serve``."""
    run_words(
        lambda words: serve(parse_settings(words)),
        HELP,
        disk_remedy="free space there (TMPDIR=... chooses another folder)",
        interrupted="interrupted before the service began",
    )


def parse_settings(words: list[str]) -> ServeSettings:
    """Settings of a service from the words of a command line.

    Raises:
        ConfigError: naming key, value, what is allowed and the remedy.
    """
    values: dict[str, Any] = {"threads": usable_cores()}
    seen: set[str] = set()
    for word in words:
        key, equals, text = word.removeprefix("+").partition("=")
        if not equals or key not in (*_TEXTS, *_NUMBERS):
            raise ConfigError("command line", word, allowed=", ".join([*_TEXTS, *_NUMBERS]),
                              remedy="see python -m xclass.serve --help")  # fmt: skip
        if key in seen:
            raise ConfigError(key, text, allowed="once", remedy=f"take one {key}= out")
        seen.add(key)
        values[key] = _value(key, text)
    if not values.get("model"):
        raise ConfigError("model", "(not given)", allowed="the folder of a saved model",
                          remedy="add model=outputs/RUN/models/METHOD")  # fmt: skip
    if "threads" not in seen:
        values["threads"] = max(values["threads"], values.get("workers", 1))
    return ServeSettings(**values)


def serve(settings: ServeSettings, *, when_ready: Callable[[str], None] = lambda url: None) -> int:
    """Serve until a signal comes.

    Args:
        settings: of the service.
        when_ready: called once, when it answers, with where.

    Returns:
        The exit code.

    Raises:
        XclassError: the model or the address cannot be had.
    """
    check_libraries()
    supervisor = Supervisor(settings, _say)
    _say(f"opening {settings.model}")
    if not settings.is_loopback:
        _say(f"warning: host={settings.host} can be reached from elsewhere, without TLS or a password: "
             "put a proxy in front")  # fmt: skip

    def on_ready() -> None:
        _say_ready(settings, supervisor)
        when_ready(supervisor.url)

    is_in_order = supervisor.run(on_ready)
    _say("ended in order" if is_in_order else "ended; not everything that was queued may have been answered")
    return 0 if is_in_order else EXIT_FAILED


def check_libraries() -> None:
    """Refuse where the extra is not installed.

    Raises:
        ConfigError: naming it.
    """
    missing = [name for name in _MODULES if find_spec(name) is None]
    if missing:
        raise ConfigError("xclass.serve", ", ".join(missing), allowed="an installation with the extra serve",
                          remedy="pip install 'xclass[serve]'")  # fmt: skip


def _say_ready(settings: ServeSettings, supervisor: Supervisor) -> None:
    workers = f"{settings.workers} worker{'s' * (settings.workers > 1)}"
    threads = f"{settings.threads_per_worker} thread{'s' * (settings.threads_per_worker > 1)}"
    _say(f"serving {settings.model} at {supervisor.url} by {workers} of {threads}")
    now = format_bytes(supervisor.ram_bytes())
    promise = read_promise(settings.path.resolve(), settings)
    if isinstance(promise, Promise):
        beyond = ""
        if settings.max_batch > promise.batch_size:
            beyond = f" (for batches of {promise.batch_size}: max_batch={settings.max_batch} may take more)"
        _say(f"RAM: promised {format_bytes(promise.total_bytes)}{beyond}, now {now}")
    else:
        _say(f"RAM: now {now}; nothing is promised: {promise}")


def _value(key: str, text: str) -> Any:
    if key == "hosts":
        return tuple(name.strip() for name in text.split(",") if name.strip())
    if key not in _NUMBERS:
        return text
    try:
        return _NUMBERS[key](text)
    except (ValueError, OverflowError):
        raise ConfigError(key, text, allowed="a number", remedy="see python -m xclass.serve --help") from None


def _say(text: str) -> None:
    # Whoever reads this may go away; the service goes on.
    with contextlib.suppress(OSError):
        say(text)
