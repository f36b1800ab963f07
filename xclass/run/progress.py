"""Where a run says how far it is; the run itself knows no terminal."""

from __future__ import annotations

from typing import Protocol


class ProgressSink(Protocol):
    """Where a run shows how far it is; the terminal, or nothing."""

    def begin(self, method: str, phase: str, note: str = "") -> None:
        """A phase began; the note says which pass, for any but the first."""
        ...

    def wait(self, what: str) -> None:
        """A child waits for its turn; called again and again."""
        ...

    def update(self, done: float, total: float | None, what: str = "") -> None:
        """It is this far."""
        ...

    def end(self, verdict: str, what: str = "") -> None:
        """It ended."""
        ...
