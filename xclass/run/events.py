"""What the child tells the launcher: JSON lines on what was its standard output."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

_PROGRESS_SECONDS = 0.1


class EventWriter:
    """Owns the child's real standard output; anything else that prints goes to standard error instead.

    Libraries print from C (faiss warns about its clustering), and one such line would break the stream.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Take over descriptor 1.

        Args:
            path: file for the events of a rank whose standard output belongs to another; None: descriptor 1.
        """
        sys.stdout.flush()
        self._file = os.fdopen(os.dup(1), "w", encoding="utf-8") if path is None else path.open("w")
        os.dup2(2, 1)
        self._last_progress = 0.0

    def send(self, event: str, **values: Any) -> None:
        """Write one line at once."""
        document = {"event": event, "seconds": time.monotonic(), "pid": os.getpid(), **values}
        self._file.write(json.dumps(document, default=_plain) + "\n")
        self._file.flush()

    def progress(self, done: float, total: float | None, what: str) -> None:
        """Say how far the phase is; at most ten lines a second get through."""
        now = time.monotonic()
        if now - self._last_progress >= _PROGRESS_SECONDS or (total is not None and done >= total):
            self._last_progress = now
            self.send("progress", done=done, total=total, what=what)


def rank_events_path(spec_path: Path, rank: int) -> Path:
    """File for the events of a rank from 1 on; rank 0 has the launcher's pipe."""
    return spec_path.with_suffix(f".rank-{rank}.jsonl")


def rank_here(variables: Mapping[str, str] = os.environ) -> int:
    """Rank of this process as torchrun tells it; 0 where it is alone."""
    return int(variables.get("RANK", "0"))


def _plain(value: Any) -> Any:
    """Dataclasses of the record and numpy numbers, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value.item()


def parse_event(line: str) -> dict[str, Any]:
    """Read one line; a half-written one (the child was killed) becomes an event of kind ``garbled``."""
    try:
        event = json.loads(line)
    except ValueError:
        return {"event": "garbled", "line": line[:200]}
    return event if isinstance(event, dict) and "event" in event else {"event": "garbled", "line": line[:200]}
