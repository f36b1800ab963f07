"""One process that answers: ``python -m xclass.serving.worker SETTINGS FD DEAD_PIDS``, run by the supervisor.

Its standard output is lines of JSON for the supervisor; no word of a request in them begins another line.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import math
import os
import signal
import socket
import sys

import uvicorn

from xclass.classifiers.base import import_object
from xclass.errors import ConfigError, XclassError
from xclass.measure.tree import descendants
from xclass.serving.app import app_of
from xclass.serving.meters import forget
from xclass.serving.service import Service
from xclass.serving.settings import ServeSettings

_PR_SET_PDEATHSIG = 1
_KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep a connection that is idle (60 s is nginx's default), so that they
close it and not we, while their next request is on its way."""


class LineHandler(logging.Handler):
    """Log records as lines of JSON: ``event``, ``level``, ``message``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line at once."""
        message = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            message = f"{message.splitlines()[0]}: {type(error).__name__}: {error}"
        tell("log", level=record.levelname.lower(), message=message)


def tell(event: str, **values: object) -> None:
    """One line for the supervisor."""
    sys.stdout.write(json.dumps({"event": event, **values}) + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Serve until a signal ends it; 0, or 1 and 2 after an event ``refused``."""
    settings_text, descriptor, dead_pids = sys.argv[1:] if arguments is None else arguments
    _end_with_parent()
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is a model to look again for
    _log_lines()
    settings = ServeSettings.from_json(settings_text)
    forget(json.loads(dead_pids))
    supervisor = os.getppid()
    try:
        service = Service(settings, pids=lambda: [supervisor, *descendants(supervisor)])
    except XclassError as error:
        tell("refused", message=str(error), is_usage=isinstance(error, ConfigError))
        return 2 if isinstance(error, ConfigError) else 1
    routes = import_object(settings.routes)(service) if settings.routes else ()
    config = uvicorn.Config(
        app_of(service, routes),
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
    )
    _run(uvicorn.Server(config), service, int(descriptor))
    return 0


def _run(server: uvicorn.Server, service: Service, descriptor: int) -> None:
    async def serve() -> None:
        # HUP comes where a signal is safe to act on: between two steps of the loop.
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.look_again)
        await server.serve(sockets=[socket.socket(fileno=descriptor)])

    def end(*_: object) -> None:
        """Of a signal before uvicorn listens, and of the one that it raises again when it is done."""
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    asyncio.run(serve())


def _log_lines() -> None:
    logger = logging.getLogger()
    logger.handlers[:] = [LineHandler()]
    logger.setLevel(logging.WARNING)
    logging.getLogger("xclass").setLevel(logging.INFO)
    # Else whoever sends what is no HTTP writes a line of the log each time.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def _end_with_parent() -> None:
    """Ask the kernel to end this process, in order, when its supervisor dies, however it dies.

    Source: man prctl(2), PR_SET_PDEATHSIG.
    """
    prctl = getattr(ctypes.CDLL(None, use_errno=True), "prctl", None)
    if prctl is not None:  # Linux
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
