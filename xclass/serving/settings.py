"""What a service is told, and how it tells its workers. Standard library only."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from xclass.classifiers.seal import SealLevel
from xclass.errors import ConfigError, check_range

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Variable with the folder that the workers of a service share: for their counters, and for which models they
found right. The name is prometheus_client's, which looks for it when it is imported."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_MOST_WORKERS = 64
_READING_FACTOR = 40
"""Bytes of Python's objects per byte of JSON: up to 33 (an object in an object in an object), 10 of numbers.
Source: tests/serving/test_bodies.py."""


def shared_folder() -> Path | None:
    """That of :data:`SHARED_FOLDER`; None where a service is one process."""
    folder = os.environ.get(SHARED_FOLDER)
    return Path(folder) if folder else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServeSettings:
    """One service.

    Every limit that a request meets is one of these: what is over it is refused before it takes memory.
    """

    model: str
    """Folder of a saved model, or a symbolic link to one."""
    host: str = "127.0.0.1"
    port: int = 8000
    """0: any free one."""
    workers: int = 1
    """Processes that answer; the pages of a mapped model are in memory once for all of them."""
    threads: int = 1
    """Of all workers together."""
    max_batch: int = 256
    """Queries that are answered at once, and the most of one request."""
    max_wait_ms: float = 0.0
    """How long a batch that is not full waits for more while the engine is idle."""
    max_queue: int = 1024
    """Queries that wait in one worker; what comes then is answered 503."""
    max_k: int = 100
    max_bytes: int = 1 << 20
    """Of one request's body."""
    max_chars: int = 2000
    """Of one text."""
    deadline_seconds: float = 30.0
    """From the arrival of a request's headers; what was not answered by then is answered 503."""
    shutdown_seconds: float = 10.0
    """For what is queued when the service ends."""
    hosts: tuple[str, ...] = ()
    """Further names that the service may be called by: those that a proxy in front passes on."""
    check: str = "contents"
    """How closely a model is compared with its seal: ``contents``, every byte of it, or ``sizes``."""
    routes: str = ""
    """``module:function`` of this package that gives further routes; no word of a command line."""

    def __post_init__(self) -> None:
        """Refuse what no service can be.

        Raises:
            ConfigError: a number out of its range.
        """
        check_range("port", self.port, 0, 65535, remedy="0 takes any free port")
        check_range("workers", self.workers, 1, _MOST_WORKERS, remedy="one per core is enough")
        check_range("threads", self.threads, self.workers, 4096, remedy="at least one for each worker")
        check_range("max_batch", self.max_batch, 1, 1 << 16, remedy="try max_batch=256")
        check_range("max_wait_ms", self.max_wait_ms, 0, 10_000, remedy="0 does not wait")
        check_range("max_queue", self.max_queue, self.max_batch, 1 << 20, remedy="at least max_batch")
        check_range("max_k", self.max_k, 1, 10_000, remedy="try max_k=100")
        check_range("max_bytes", self.max_bytes, 1 << 10, 1 << 30, remedy="try max_bytes=1MiB")
        check_range("max_chars", self.max_chars, 1, 1 << 20, remedy="try max_chars=2000")
        if self.check not in tuple(SealLevel):
            raise ConfigError("check", self.check, allowed=" or ".join(SealLevel),
                              remedy="sizes is for models that take minutes to read")  # fmt: skip
        check_range("deadline_seconds", self.deadline_seconds, 0.01, 3600, remedy="try deadline_seconds=30")
        check_range("shutdown_seconds", self.shutdown_seconds, 0.1, 3600, remedy="try shutdown_seconds=10")

    @property
    def threads_per_worker(self) -> int:
        """Of the engine of one worker."""
        return max(1, self.threads // self.workers)

    @property
    def room_bytes(self) -> int:
        """Bytes of bodies that one worker holds at a time: a request that brings more is answered 503."""
        return 4 * self.max_bytes

    @property
    def reading_bytes(self) -> int:
        """What a body takes besides while it is read, one at a time: JSON of empty lists and objects most."""
        return _READING_FACTOR * self.max_bytes

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    @property
    def path(self) -> Path:
        """Of the model, as it was given: a link is followed when the model is opened."""
        return Path(self.model)

    def to_json(self) -> str:
        """One line for a worker's command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> ServeSettings:
        """Read it back."""
        values = json.loads(text)
        return cls(**values | {"hosts": tuple(values["hosts"])})
