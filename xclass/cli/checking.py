"""How far the check of a model is, on one line of a terminal that is gone afterwards; elsewhere nothing."""

from __future__ import annotations

import sys
import time

_FIRST_SECONDS, _EVERY_SECONDS = 0.5, 0.1


class Checking:
    """``with Checking() as progress: check_seal(folder, progress=progress)``."""

    def __init__(self) -> None:
        """Nothing is shown before half a second has passed."""
        self._is_shown = sys.stderr.isatty()
        self._next = time.monotonic() + _FIRST_SECONDS

    def __enter__(self) -> Checking:
        return self

    def __exit__(self, *_: object) -> None:
        self._show("")

    def __call__(self, done: int, total: int) -> None:
        """Take the bytes that were read, and all that there are."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY_SECONDS
            self._show(f"checking the model against its seal: {done / max(total, 1):.0%}")

    def _show(self, text: str) -> None:
        if self._is_shown:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
