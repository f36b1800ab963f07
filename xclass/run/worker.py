"""The child: ``python -m xclass.run.worker spec.json`` repeats one measurement by hand.

It loads nothing but the standard library until the meter has read the bare interpreter. Events go to standard
output as JSON lines, everything else to standard error.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from pathlib import Path

from xclass.errors import ConfigError, RankHangsError, RanksError, XclassError
from xclass.measure.session import MemorySession
from xclass.run.events import EventWriter, rank_events_path, rank_here

PARENT = "XCLASS_PARENT"
"""Variable with the process id of the launcher; not set where a worker is typed by hand."""
_PR_SET_PDEATHSIG = 1
_NO_MEMORY_WORDS = ("can't allocate memory", "bad_alloc", "cannot allocate memory", "not enough memory")


def main(arguments: list[str] | None = None) -> int:
    """Run one spec; exit code 0, or 1 after an ``error`` event."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m xclass.run.worker spec.json", file=sys.stderr)  # noqa: T201
        return 2
    die_with_parent()
    session = MemorySession()
    session.start()
    spec_path, rank = Path(arguments[0]), rank_here()
    events = EventWriter(rank_events_path(spec_path, rank) if rank else None)
    try:
        # Imported here: the interpreter's own bytes were read before numpy comes in.
        from xclass.run.job import Job
        from xclass.run.spec import ChildSpec

        Job(ChildSpec.read(spec_path), session, events).run()
    except Exception as error:  # the worker boundary: a failure becomes a record
        events.send("error", kind=_kind(error), message=_message(error))
        with contextlib.suppress(OSError):  # the log may lie on the very disk that is full
            traceback.print_exc()
        return 1
    return 0


def _kind(error: Exception) -> str:
    if isinstance(error, ConfigError):
        return "config"
    text = str(error).lower()
    # torch raises RuntimeError and faiss passes std::bad_alloc on; neither derives from MemoryError always.
    if isinstance(error, MemoryError) or any(words in text for words in _NO_MEMORY_WORDS):
        return "out_of_memory"
    # Of all ranks only the first to fail has a cause of its own; the others lose the connection to it.
    if isinstance(error, RankHangsError):
        return "rank_hangs"
    return "lost_rank" if isinstance(error, RanksError) else "failed"


def _message(error: Exception) -> str:
    if isinstance(error, XclassError):
        return str(error)
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its launcher dies, however it dies.

    The kernel does so from now on: a launcher that died while this interpreter started is told by its place.

    Source: man prctl(2), PR_SET_PDEATHSIG.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = os.environ.get(PARENT)
    if parent is not None and int(parent) != os.getppid():
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
