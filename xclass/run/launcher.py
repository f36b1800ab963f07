"""Starts one child, watches it from outside, and turns what it said into records, however it ended.

The launcher stays thin: it loads neither torch nor faiss nor numpy, and its own memory never enters a number,
because the peak is the kernel's high-water mark of the exec'd child.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xclass.measure.limits import oom_kill_count
from xclass.measure.register import Stay
from xclass.measure.timeline import TimelineSampler
from xclass.run import interrupts
from xclass.run.events import parse_event
from xclass.run.rank_watch import RankWatch
from xclass.run.spec import ChildSpec
from xclass.run.worker import PARENT

_TERMINATE_SECONDS = 5.0
_READ_BYTES = 1 << 20
"""Read at a time, and the longest event: a phase's outcome is a few kilobytes."""

_MADE_LATER = ("cautions", "metrics", "pictures")
"""Events that complete the outcome of a phase that was reported already."""

EventCallback = Callable[[dict[str, Any]], None]


@dataclass(kw_only=True, slots=True)
class ChildResult:
    """Everything known of one child after it ended."""

    command: list[str]
    phase_begins: dict[str, float] = field(default_factory=dict)
    """Phase -> CLOCK_MONOTONIC when it began."""
    marks: list[tuple[float, str]] = field(default_factory=list)
    """CLOCK_MONOTONIC, and what began then within a phase."""
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Phase -> what the child reported when it ended."""
    error: dict[str, Any] | None = None
    """The child's own ``error`` event."""
    exit_code: int = 0
    was_oom_killed: bool = False
    """The kernel's counter of out-of-memory kills rose while the child died of SIGKILL."""
    ended_by: str | None = None
    """``timeout`` or ``interrupt`` where the launcher ended it."""
    sampler: TimelineSampler
    ranks: RankWatch | None = None
    """None where the child was never started."""
    rank_exits: dict[int, int] = field(default_factory=dict)
    """Rank -> exit code, of those that failed."""
    stderr_tail: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)
    """Of the machine when the child was started."""
    ended_at: float = 0.0
    """CLOCK_MONOTONIC."""
    neighbours: list[Stay] = field(default_factory=list)
    """Other measured children that ran at some time while this one did."""


def run_child(
    spec: ChildSpec,
    *,
    environment: dict[str, str],
    sample_seconds: float,
    timeout_seconds: float,
    on_event: EventCallback,
    prefix: Sequence[str] = (),
) -> ChildResult:
    """Run one spec in a fresh process and wait for its end.

    Args:
        spec: what to do; written to ``<run_dir>/specs``.
        environment: variables pinned for the child, on top of this process's own.
        sample_seconds: interval of the timeline.
        timeout_seconds: after which the child is killed.
        on_event: called with every event as it comes, in this thread.
        prefix: words before the command that end in its exec, e.g. to start it under a cap.

    Returns:
        What happened; a child that was killed is a result, not an exception.
    """
    spec_path = Path(spec.run_dir) / "specs" / f"{spec.name}.json"
    log_path = spec_path.with_suffix(".log")
    spec.write(spec_path)
    command = spec.command(spec_path)
    kills_before = oom_kill_count()
    with interrupts.held():
        process = _start([*prefix, *command], log_path, environment | spec.environment())
        with (
            TimelineSampler(process.pid, sample_seconds) as sampler,
            RankWatch(process.pid, spec, spec_path, sample_seconds) as ranks,
        ):
            result = ChildResult(command=command, sampler=sampler, ranks=ranks)
            try:
                with interrupts.let_through():
                    _follow(process, result, timeout_seconds, on_event)
            except KeyboardInterrupt:
                result.ended_by = "interrupt"
            finally:
                _end(process)
    result.exit_code = process.returncode
    is_killed = -signal.SIGKILL in (process.returncode, *result.rank_exits.values()) and not result.ended_by
    result.was_oom_killed = is_killed and oom_kill_count() > kills_before
    result.stderr_tail = _tail(log_path)
    return result


def _start(command: list[str], log_path: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The child in a session of its own: Ctrl-C reaches the launcher alone, which then ends it in order."""
    with log_path.open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=os.environ | environment | {PARENT: str(os.getpid())},
            start_new_session=True,
        )


def _follow(
    process: subprocess.Popen[bytes], result: ChildResult, timeout_seconds: float, on_event: EventCallback
) -> None:
    """Take the child's events until it closes its end or the time is over.

    The pipe is read no faster than events are handled: a child that chatters waits, and this process does not
    grow.
    """
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    deadline = time.monotonic() + timeout_seconds
    rest = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            result.ended_by = "timeout"
            return
        piece = os.read(descriptor, _READ_BYTES)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        rest = rest[:_READ_BYTES]
        for line in lines:
            _take(parse_event(line.decode(errors="replace")), result, on_event)
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        result.ended_by = "timeout"


def _take(event: dict[str, Any], result: ChildResult, on_event: EventCallback) -> None:
    kind = event["event"]
    if kind == "phase_begin":
        result.phase_begins[event["phase"]] = event["seconds"]
        result.sampler.mark(event["phase"], event["seconds"])
    elif kind == "phase_end":
        result.outcomes[event["phase"]] = event["outcome"]
    elif kind in _MADE_LATER and event["phase"] in result.outcomes:
        result.outcomes[event["phase"]][kind] = event[kind]
    elif kind == "mark":
        result.marks.append((event["seconds"], event["name"]))
    elif kind == "error":
        result.error = event
    elif kind == "rank_end":
        result.rank_exits[event["rank"]] = event["exit_code"]
    on_event(event)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Make sure the child is gone: first asked, then killed."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_TERMINATE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _tail(path: Path, num_bytes: int = 4000) -> str:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - num_bytes))
        return file.read().decode(errors="replace").strip()
