"""Starts the workers, keeps as many as were asked for, and ends them in order. Loads no engine and no numpy.

Our own and not uvicorn's, because each worker is exec'd with the pinned allocator and threads of a measured
child (its memory is promised), because a worker that is killed is said with its cause, and because uvicorn's
takes a worker that does not answer within 5 s for dead and kills it, as one that opens a large model does.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from xclass.errors import ConfigError, ModelError
from xclass.measure.environment import pinned_environment
from xclass.measure.limits import oom_kill_count
from xclass.measure.tree import tree_bytes
from xclass.serving.listening import find_port, listen
from xclass.serving.settings import SHARED_FOLDER, ServeSettings

_SHORT_LIFE_SECONDS, _MOST_WAIT_SECONDS = 10.0, 30.0
_GRACE_SECONDS = 5.0
"""After which a worker is killed that did not end by itself when its time to end was over."""
_TICK_SECONDS = 0.2
_SAME_WISH_SECONDS = 0.5


@dataclass(kw_only=True, slots=True, eq=False)
class _Worker:
    process: subprocess.Popen[str]
    socket: socket.socket
    started: float = field(default_factory=time.monotonic)
    is_ready: bool = False
    refusal: dict[str, Any] | None = None


class Supervisor:
    """One service from its first worker to its last."""

    def __init__(self, settings: ServeSettings, say: Callable[[str], None]) -> None:
        """Bind the address.

        Args:
            settings: of the service.
            say: takes one line for the user.

        Raises:
            ConfigError: the address cannot be had.
        """
        self._settings = settings
        self._say = say
        self.port = find_port(settings)
        self._sockets = [listen(settings, self.port) for _ in range(settings.workers)]
        """Of workers that do not run."""
        self._events: queue.SimpleQueue[tuple[str, Any, Any]] = queue.SimpleQueue()
        self._workers: list[_Worker] = []
        self._num_ends = 0
        self._ended_at = -_SAME_WISH_SECONDS
        self._oom_kills = oom_kill_count()
        self._wait_seconds = 1.0
        self._start_at: list[float] = []
        self._dead_pids: list[int] = []

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        return f"http://{host}:{self.port}"

    def run(self, on_ready: Callable[[], None] = lambda: None) -> bool:
        """Serve until a signal comes.

        Args:
            on_ready: called once, when the first model is open in every worker.

        Returns:
            Whether everything ended in order; False: a second signal ended it at once, or a worker was killed
            because it did not end.

        Raises:
            ModelError: the model cannot be served.
            ConfigError: this machine lacks what its method needs.
        """
        with tempfile.TemporaryDirectory(prefix="xclass-serve-") as folder, self._signals():
            self._environment = {
                **os.environ,
                **pinned_environment(self._settings.threads_per_worker, "pinned"),
                SHARED_FOLDER: folder,
            }
            try:
                for _ in range(self._settings.workers):
                    self._start()
                self._serve(on_ready)
            finally:
                is_in_order = self._end()
            return is_in_order

    def ram_bytes(self) -> int:
        """Of this process and its workers together (sum of PSS)."""
        return tree_bytes([os.getpid(), *(worker.process.pid for worker in self._workers)])

    def _serve(self, on_ready: Callable[[], None]) -> None:
        has_been_ready = False
        while not self._num_ends:
            self._start_those_due()
            if not has_been_ready and all(worker.is_ready for worker in self._workers):
                has_been_ready = True
                on_ready()
            try:
                event, worker, value = self._events.get(timeout=_TICK_SECONDS)
            except queue.Empty:
                continue
            if event == "line":
                self._take(worker, value)
            elif event == "end" and worker in self._workers:
                self._bury(worker, has_been_ready)

    def _take(self, worker: _Worker, line: str) -> None:
        """One line of a worker; what is none of ours is shown as it is, in printable characters."""
        try:
            document = json.loads(line)
            event = document["event"]
        except (ValueError, TypeError, KeyError):
            document, event = {"message": line, "level": "warning"}, "log"
        if event == "refused":
            worker.refusal = document
        elif document.get("message") == "ready":
            worker.is_ready = True
            self._wait_seconds = 1.0
        else:
            self._say(f"worker {worker.process.pid}: {_printable(str(document.get('message')))}")

    def _bury(self, worker: _Worker, has_been_ready: bool) -> None:
        """A worker that ended although nobody asked it to."""
        code = worker.process.wait()
        self._workers.remove(worker)
        refusal = worker.refusal
        if not has_been_ready:
            message = str(refusal["message"]) if refusal else f"a worker {_how(code)} before it was ready"
            if refusal and refusal["is_usage"]:
                raise ConfigError("model", self._settings.model, allowed="one that is served here",
                                  remedy=message)  # fmt: skip
            raise ModelError(message)
        killed, self._oom_kills = oom_kill_count() - self._oom_kills, oom_kill_count()
        cause = ", the kernel was out of memory" if code == -signal.SIGKILL and killed else ""
        cause = f": {refusal['message']}" if refusal else cause
        if time.monotonic() - worker.started < _SHORT_LIFE_SECONDS:
            self._wait_seconds = min(_MOST_WAIT_SECONDS, 2 * self._wait_seconds)
            self._start_at.append(time.monotonic() + self._wait_seconds)
            worker.socket.close()  # while it is away the others get its connections
            when = f"in {self._wait_seconds:g} s"
        else:
            self._start_at.append(time.monotonic())
            self._sockets.append(worker.socket)
            when = "now"
        self._dead_pids.append(worker.process.pid)
        self._say(_printable(f"worker {worker.process.pid} {_how(code)}{cause}; another is started {when}"))

    def _start_those_due(self) -> None:
        due = [at for at in self._start_at if at <= time.monotonic()]
        self._start_at = [at for at in self._start_at if at > time.monotonic()]
        for _ in due:
            self._start()

    def _start(self) -> None:
        # From this thread: the kernel ends a worker with the thread that started it.
        own = self._sockets.pop() if self._sockets else listen(self._settings, self.port)
        process = subprocess.Popen(
            [
                sys.executable, "-m", "xclass.serving.worker",
                self._settings.to_json(), str(own.fileno()), json.dumps(self._dead_pids),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=self._environment,
            pass_fds=[own.fileno()],
            # A session of its own: Ctrl-C in a terminal comes to the supervisor alone, who ends it in order.
            start_new_session=True,
        )  # fmt: skip
        self._dead_pids = []
        worker = _Worker(process=process, socket=own)
        self._workers.append(worker)
        threading.Thread(target=self._listen, args=(worker,), daemon=True).start()

    def _listen(self, worker: _Worker) -> None:
        assert worker.process.stdout is not None
        for line in worker.process.stdout:
            self._events.put(("line", worker, line.rstrip("\n")))
        self._events.put(("end", worker, None))

    def _end(self) -> bool:
        """Ask all workers to end, and wait for them; what does not end is killed."""
        for unused in self._sockets:
            unused.close()
        for worker in self._workers:
            worker.socket.close()
            worker.process.terminate()
        deadline = time.monotonic() + self._settings.shutdown_seconds + _GRACE_SECONDS
        while self._num_ends < 2 and time.monotonic() < deadline:
            if all(worker.process.poll() is not None for worker in self._workers):
                break
            time.sleep(0.02)
        left = [worker for worker in self._workers if worker.process.poll() is None]
        for worker in left:
            worker.process.kill()
            worker.process.wait()
        for worker in self._workers:
            # By SIGTERM ends only one that has not begun to answer: from then on it is a wish to it.
            if (code := worker.process.returncode) not in (0, -signal.SIGTERM):
                self._say(f"worker {worker.process.pid} {_how(code)} while it was to end")
                left.append(worker)
        return not left

    @contextmanager
    def _signals(self) -> Iterator[None]:
        def end(*_: object) -> None:
            # timeout(1) and some shells send one wish twice: to the process, and to its group.
            now = time.monotonic()
            if now - self._ended_at > _SAME_WISH_SECONDS:
                self._ended_at, self._num_ends = now, self._num_ends + 1
            self._events.put(("signal", None, None))

        def look_again(*_: object) -> None:
            for worker in self._workers:
                worker.process.send_signal(signal.SIGHUP)

        handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: look_again}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def _printable(text: str) -> str:
    """One line that moves no terminal."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
