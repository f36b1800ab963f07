"""``.jobs`` in the folder of a sweep: how jobs in other processes, or on other machines, tell and are told.

A launcher gives back what its jobs returned only when all of them have ended, and nothing of one that was
killed. So each job writes what happens and how it ended here, on the file system that holds the records
anyway, and looks here whether it is to stop.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from xclass.errors import RecordError
from xclass.measure.subgroup import start_ticks
from xclass.records.record import Verdict
from xclass.records.store import read_json, write_json

LOOK_SECONDS = 0.5
"""How often a job elsewhere looks whether it is to stop."""
_FOLDER = ".jobs"
_STOP_FILE = "stop"
_TAKEN_ALONG = "xclass-caller"


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What one job came to."""

    verdicts: list[Verdict] = field(default_factory=list)
    was_interrupted: bool = False
    usage_errors: list[str] = field(default_factory=list)
    """One line for each mistake of the command."""
    failures: list[str] = field(default_factory=list)
    """One line for each thing that went wrong."""
    text: str = ""
    """What a terminal shows of the results."""


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """The folder of one start of a sweep; every method may be called from any process that sees it."""

    sweep_dir: Path
    name: str
    """Of this start, told apart from others of the same sweep."""

    @classmethod
    def begin(cls, sweep_dir: Path) -> SweepFolder:
        """Make a new one. Jobs of an earlier start that still run find theirs gone, and end.

        Raises:
            OSError: it cannot be made.
        """
        shutil.rmtree(sweep_dir / _FOLDER, ignore_errors=True)
        folder = cls(sweep_dir, secrets.token_hex(4))
        folder._path.mkdir(parents=True)
        return folder

    @property
    def _path(self) -> Path:
        return self.sweep_dir / _FOLDER / self.name

    def stop(self) -> None:
        """Every job ends in order as soon as it sees this; one that has not begun does nothing."""
        (self._path / _STOP_FILE).touch()

    def is_stopped(self) -> bool:
        """Whether somebody said so, or the folder is gone and with it whoever waits."""
        return (self._path / _STOP_FILE).exists() or not self._path.is_dir()

    def log_path(self, number: int) -> Path:
        """The lines of a job, written as they come."""
        return self._path / f"{number}.log"

    def numbers(self) -> list[int]:
        """Jobs that have begun."""
        return sorted(int(path.stem) for path in self._path.glob("*.log") if path.stem.isdecimal())

    def write_outcome(self, number: int, outcome: Outcome) -> None:
        """Keep what a job came to.

        Raises:
            RecordError: it cannot be written.
        """
        write_json(self._path / f"{number}.json", asdict(outcome))

    def read_outcome(self, number: int) -> Outcome | None:
        """What a job came to; None while it goes on, and of one that was killed."""
        try:
            document = read_json(self._path / f"{number}.json")
            return Outcome(**document | {"verdicts": [Verdict(word) for word in document["verdicts"]]})
        except (RecordError, KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Caller:
    """The process that waits for a sweep, told apart from a later one with the same number."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Caller:
        """A process that runs now."""
        return cls(pid, start_ticks(pid) or 0)

    def is_gone(self) -> bool:
        """Whether it has ended; asked on its own machine."""
        return start_ticks(self.pid) != self.start_ticks

    def take_along(self) -> None:
        """From now on this process ends with the caller: a job in order, what waits for another at once.

        Joblib's processes wait five minutes for more work, whoever has died (loky's ``timeout`` of 300 s). So
        the SIGTERM is sent again and again: a job hears the first, and what is behind the job the next.
        """
        if self.pid == os.getpid() or any(thread.name == _TAKEN_ALONG for thread in threading.enumerate()):
            return

        def look() -> None:
            while True:
                time.sleep(LOOK_SECONDS)
                if self.is_gone():
                    os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=look, name=_TAKEN_ALONG, daemon=True).start()
