"""Ctrl-C and SIGTERM held back for the moments in which they would lose something."""

from __future__ import annotations

import signal
import threading
from typing import Any


class HeldInterrupts:
    """Holds Ctrl-C and SIGTERM back until :meth:`release`, or the end of the block.

    While a child is being started there is a process that nobody would end, and no result yet that could say
    it was interrupted.
    """

    def __init__(self) -> None:
        self._came = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> HeldInterrupts:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python hands out no signals
            for number in (signal.SIGINT, signal.SIGTERM):
                # One that is ignored (nohup) or ends this process anyway stays as it is.
                if callable(handler := signal.getsignal(number)):
                    self._handlers[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._let_through()

    def release(self) -> None:
        """Let them through again.

        Raises:
            KeyboardInterrupt: one came.
        """
        self._let_through()
        if self._came:
            raise KeyboardInterrupt

    def _let_through(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _note(self, number: int, frame: Any) -> None:
        self._came = True
