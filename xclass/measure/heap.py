"""What the program asked of the allocator, and who asked: one phase under memray.

This is another number than resident memory, in both directions: an untouched ``np.empty`` of 200 MB is 200 MB
of heap and nothing resident, while pages that were freed but kept by the allocator are resident and no heap.
Tracing also changes timing and resident memory, so the heap comes from a pass of its own.

Blind to: what was allocated before the trace began, ``mremap`` (glibc's realloc of large blocks), statically
linked allocators, GPU memory, child processes. Maps of files count in full, resident or not.

Slowdown: 1.07 x for large tensors, 1.17 x for many small ones (median of 12 pairs).

Source: memray 1.20 ``hooks.h``, docs/run.rst; memray is imported only when a trace begins or is read.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xclass.errors import MeasurementError

_LZ4_MAGIC = b"\x04\x22\x4d\x18"
"""First bytes of a finished capture. Source: LZ4 frame format 1.6.1; memray 1.20 ``sink.cpp``, compress()."""


@dataclass(frozen=True, slots=True)
class HeapTotals:
    """Of one capture: the most bytes allocated at one time since the trace began, and how many calls."""

    peak_heap_bytes: int
    num_allocations: int


@dataclass(frozen=True, slots=True)
class FlameGraph:
    """Outcome of a rendering: the page, or the reason why there is none."""

    html: Path | None
    reason: str | None = None


def trace_heap(work: Callable[[], None], capture: Path, *, native_stacks: bool = False) -> HeapTotals:
    """Do the work under memray.

    Every allocation is written to the file as it happens, through a shared map, so that the capture of a
    process that was killed can still be read with :func:`read_heap`.

    A call and not a ``with`` block, because memray loses the frames of the caller of a function that started
    the tracker and returned: all that a classifier held was then held by nobody (memray 1.20, CPython 3.11).

    Args:
        work: is traced; what it raises is raised here.
        capture: file to write; must not exist, its folder must.
        native_stacks: also note the C and C++ frames, at the price of 7-8 MB and up to 1.3 x the time; the
            Python line is what names the component.

    Raises:
        MeasurementError: memray cannot trace into that file, or not all of it: the disk is full.
    """
    # Loaded here: memray adds 4 to 9 MB of resident memory that no untraced pass must carry.
    from memray import FileDestination, FileFormat, Tracker

    try:
        tracker = Tracker(
            destination=FileDestination(capture),
            file_format=FileFormat.ALL_ALLOCATIONS,
            native_traces=native_stacks,
        )
    except (OSError, RuntimeError) as error:
        raise MeasurementError(
            f"{capture}: memray cannot trace into it ({error}); "
            "give a new file in an existing folder, and only one trace at a time"
        ) from error
    with tracker:
        work()
    _check_whole(capture)
    return read_heap(capture)


def _check_whole(capture: Path) -> None:
    """Refuse the capture of a disk that was full: memray stops tracing there, and says so to nobody.

    Its totals read like any others (17 KB of a peak of 249 KB in one case). What tells it is that memray
    compresses a capture into a second file at the end, for which there is no room then either.
    """
    with capture.open("rb") as file:
        if file.read(len(_LZ4_MAGIC)) == _LZ4_MAGIC:
            return
    raise MeasurementError(
        f"{capture}: the trace is not whole: No space left on device; free space there or choose another "
        "folder (hydra.run.dir=...)"
    )


def read_heap(capture: Path) -> HeapTotals:
    """Read a capture, also one whose process was killed.

    Raises:
        MeasurementError: no such file, or not a capture.
    """
    from memray import FileReader

    try:
        with FileReader(capture) as reader:
            metadata = reader.metadata
    except (OSError, ValueError) as error:
        raise MeasurementError(
            f"{capture}: not a readable memray capture ({error}); run the heap pass again"
        ) from error
    return HeapTotals(peak_heap_bytes=metadata.peak_memory, num_allocations=metadata.total_allocations)


def render_flamegraph(capture: Path, html: Path, *, timeout_seconds: float = 120.0) -> FlameGraph:
    """Draw who held the heap at its peak, as one page that opens without network.

    It runs as a process of its own: rendering a large capture takes hundreds of MB that neither the child
    nor the launcher should carry. Render on the machine that ran.

    Args:
        capture: file that :func:`trace_heap` wrote.
        html: page to write; replaced if it exists. 4-5 MB.
        timeout_seconds: after which rendering is given up.

    Returns:
        The page, or the reason why there is none: a picture that is missing must not fail a run.
    """
    # Under another name until it is whole: one that was interrupted must not look like a page.
    partial = html.with_name(f".{html.name}.partial")
    try:
        reason = _run_flamegraph(capture, partial, timeout_seconds)
        if reason is None:
            partial.replace(html)
    finally:
        partial.unlink(missing_ok=True)
    return FlameGraph(None if reason else html, reason)


def _run_flamegraph(capture: Path, html: Path, timeout_seconds: float) -> str | None:
    """Why there is no page; None where there is one."""
    options = ["--no-web", "--force", "--output", str(html)]
    command = [sys.executable, "-m", "memray", "flamegraph", *options, str(capture)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return f"memray flamegraph took more than {timeout_seconds:g} s on {capture.name}"
    except OSError as error:
        return f"memray flamegraph could not be started: {error}"
    if done.returncode != 0 or not html.is_file():
        said = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        return f"memray flamegraph ended with {done.returncode}: {said[-1]}"
    return None
