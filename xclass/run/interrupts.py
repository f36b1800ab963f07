"""Ctrl-C and SIGTERM, so that neither one of them nor ten takes a measurement, a record or the report away.

The first raises KeyboardInterrupt, but only where the run says so: while it waits for a child, and between
children. Anywhere else it would end a half-kept record, a report, or foreign code that does not expect it.
Later ones do nothing: the run is ending already, within seconds, and an impatient second Ctrl-C would only
take the record and the report with it. SIGQUIT and SIGKILL end the launcher anyway.

Source: man signal(7); Python hands signals to the main thread alone
(https://docs.python.org/3/library/signal.html#signals-and-threads), so that elsewhere nothing is held.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class _State:
    """Of this process: signals belong to no smaller part of a program."""

    has_come: bool = False
    is_raised: bool = False
    is_held: bool = False


_state = _State()


def has_come() -> bool:
    """Whether one came; it is not raised any more."""
    _state.is_raised |= _state.has_come
    return _state.has_come


def is_pending() -> bool:
    """Whether one came, from any thread; it is still raised where the run lets it through."""
    return _state.has_come


def note() -> None:
    """One came in a way that is not a handler's: a thread waited for it."""
    _state.has_come = True


def ignore() -> None:
    """From now on none counts: the command has done all it was to do."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def raise_pending() -> None:
    """Raise what came while interrupts were held; each is raised only once.

    Raises:
        KeyboardInterrupt: one came.
    """
    if _state.has_come and not _state.is_raised:
        _state.is_raised = True
        raise KeyboardInterrupt


@contextmanager
def held() -> Iterator[None]:
    """Nothing interrupts the block; what came meanwhile is raised behind it, or behind the outermost one.

    Raises:
        KeyboardInterrupt: after the block.
    """
    if _state.is_held or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.getsignal(number)) for number in _SIGNALS]
    _state.has_come = _state.is_raised = False
    _state.is_held = True
    try:
        for number, handler in before:
            # One that is ignored (nohup) stays so.
            if handler is not signal.SIG_IGN:
                signal.signal(number, _arrive)
        yield
    finally:
        for number, handler in before:
            if signal.getsignal(number) is _arrive:
                signal.signal(number, handler)
        _state.is_held = False
    raise_pending()


@contextmanager
def let_through() -> Iterator[None]:
    """Within a held block: here the run only waits, and what comes, or came, is raised at once.

    Raises:
        KeyboardInterrupt: in the block.
    """
    was_held, _state.is_held = _state.is_held, False
    try:
        raise_pending()
        yield
    finally:
        _state.is_held = was_held


def _arrive(number: int, frame: FrameType | None) -> None:
    _state.has_come = True
    if not _state.is_held:
        raise_pending()
