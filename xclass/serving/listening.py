"""Sockets that a service listens on: one for each worker, all of one address, kept by the supervisor.

The kernel spreads new connections over them by a hash. On one socket for all, whoever is awake first takes
what is there: of 30 connections at once one of three workers took 29, whatever it was told. A socket outlives
its worker, so that what waits to be accepted when that dies is accepted by the next.

Source: man socket(7), SO_REUSEPORT (Linux 3.9).
"""

from __future__ import annotations

import socket

from xclass.errors import ConfigError
from xclass.serving.settings import ServeSettings

_BACKLOG = 2048
"""Connections that wait on one socket; the kernel may allow less (net.core.somaxconn)."""


def find_port(settings: ServeSettings) -> int:
    """The port that was asked for, or any free one for 0, if nobody listens there.

    Two services of one user could share it else, each with a part of the connections.

    Raises:
        ConfigError: the address cannot be had.
    """
    try:
        with socket.create_server((settings.host, settings.port), family=_family(settings)) as probe:
            port: int = probe.getsockname()[1]
            return port
    except OSError as error:
        raise ConfigError(
            "port", f"{settings.port} (host={settings.host})",
            allowed="an address of this machine that is free",
            remedy=f"{error.strerror or error}; port=0 takes any free port",
        ) from None  # fmt: skip


def listen(settings: ServeSettings, port: int) -> socket.socket:
    """One more socket of the service, listening."""
    return socket.create_server(
        (settings.host, port), family=_family(settings), backlog=_BACKLOG, reuse_port=True
    )


def _family(settings: ServeSettings) -> socket.AddressFamily:
    return socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0][0]
