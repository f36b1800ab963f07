"""Which lines of Python held the heap at its peak: ``python -m xclass.measure.blame CAPTURE`` prints JSON.

A process of its own, because reading a large capture takes hundreds of MB that neither the child nor the
launcher should carry.

Source: memray 1.19 ``FileReader.get_high_watermark_allocation_records``.
"""

from __future__ import annotations

import json
import linecache
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xclass
from xclass.errors import MeasurementError
from xclass.records.record import Allocation

NUM_TOP = 5
_PACKAGE = Path(xclass.__file__).parent
_TRACER = Path(__file__).parent
_UNKNOWN = ("?", "?", 0)

Frame = tuple[str, str, int]
"""Function, file, line, as memray gives it."""


def top_allocations(capture: Path, *, timeout_seconds: float = 120.0) -> list[Allocation]:
    """The lines that held most when the heap was at its peak, largest first, at most five.

    The line of an allocation is the innermost one of xclass on its stack, because it names the component; one
    that xclass is not part of has the innermost line of all.

    Args:
        capture: file that :func:`~xclass.measure.heap.trace_heap` wrote.
        timeout_seconds: after which reading is given up.

    Raises:
        MeasurementError: the capture cannot be read.
    """
    command = [sys.executable, "-m", "xclass.measure.blame", str(capture)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{capture}: naming its allocations took over {timeout_seconds:g} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise MeasurementError(f"{capture}: its allocations cannot be named: {said[-1]}")
    return [Allocation(**document) for document in json.loads(done.stdout)]


def find_top(records: Iterable[Any]) -> list[Allocation]:
    """Sum up memray's records by line.

    Args:
        records: of one moment, each with ``size``, ``n_allocations``, ``allocator`` and ``stack_trace()``.
    """
    from memray import AllocatorType

    found: dict[Frame, Allocation] = {}
    # The largest first: it says by which function the line got most of what it holds.
    for record in sorted(records, key=lambda one: -int(one.size)):
        frame = _frame_of(record.stack_trace())
        if frame not in found:
            found[frame] = _describe(frame, AllocatorType(record.allocator).name.lower())
        found[frame].num_bytes += record.size
        found[frame].num_calls += record.n_allocations
    return sorted(found.values(), key=lambda one: -one.num_bytes)[:NUM_TOP]


def _frame_of(stack: list[Frame]) -> Frame:
    """Innermost first, as memray lists them; the tracer itself owns nothing."""
    ours = (frame for frame in stack if Path(frame[1]).is_relative_to(_PACKAGE))
    ours = (frame for frame in ours if not Path(frame[1]).is_relative_to(_TRACER))
    return next(ours, stack[0] if stack else _UNKNOWN)


def _describe(frame: Frame, via: str) -> Allocation:
    function, file, line = frame
    return Allocation(
        num_bytes=0,
        num_calls=0,
        place=f"{_short(Path(file))}:{line}",
        function=function,
        source=linecache.getline(file, line).strip(),
        via=via,
    )


def _short(path: Path) -> str:
    """From the package on: where it was installed is nobody's business."""
    if path.is_relative_to(_PACKAGE):
        return path.relative_to(_PACKAGE.parent).as_posix()
    parts = path.parts
    return "/".join(parts[parts.index("site-packages") + 1 :]) if "site-packages" in parts else path.name


def main() -> None:
    """Print the top allocations of the capture named on the command line."""
    from memray import FileReader

    with FileReader(Path(sys.argv[1])) as reader:
        top = find_top(reader.get_high_watermark_allocation_records(merge_threads=True))
    sys.stdout.write(json.dumps([asdict(one) for one in top]))


if __name__ == "__main__":
    main()
