"""What a child's memory did over time, watched from the launcher: a picture and a split, never the peak.

A sampler misses what is shorter than its interval (a 30 ms block of 200 MB was seen as 7 to 194 MB at 50 ms),
so the peak is the kernel's high-water mark, read by the child itself. The samples give the timeline, the
anon/file/shmem split near the peak, and what is known of a child that was killed before it could report.

Use in the launcher::

    with TimelineSampler(process.pid) as sampler:
        ...                                    # for each stamp of the child: sampler.mark(name, seconds)
    samples = sampler.between(reading.begin_seconds, reading.end_seconds)
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

from xclass.errors import MeasurementError
from xclass.measure.rows import NOTHING, Bucket, BucketStore, Maxima, Row, largest, thin_rows
from xclass.measure.status import ProcessStatus, StatusReader
from xclass.measure.tree import descendants, tree_bytes

_TREE_SECONDS = 0.1
"""Between two looks for descendants: one costs 0.1 ms, and walking the pages of a tree 10 ms and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """What was seen of one window of time."""

    begin_seconds: float
    end_seconds: float
    """CLOCK_MONOTONIC; infinite where nothing has closed the window."""
    num_samples: int = 0
    maxima: Maxima = NOTHING
    """Exact over all samples of the window, however much the rows were thinned."""
    rows: list[Row] = field(default_factory=list)
    """At most 400."""

    def timeline(self) -> list[list[float]]:
        """Rows as a record keeps them: seconds since the window began, rss, anon, file, shmem bytes."""
        return [[round(row.seconds - self.begin_seconds, 4), *row[1:]] for row in self.rows]


class TimelineSampler:
    """A thread that reads a child's /proc status at a fixed interval until the child ends or it is stopped.

    It never raises into the launcher: a child that ends is normal, and anything else is told in
    :attr:`failure`.

    Memory: bounded, about 4 MB (see :mod:`xclass.measure.rows`).
    """

    def __init__(self, pid: int, interval_seconds: float = 0.02) -> None:
        """Prepare; nothing is read before :meth:`start`.

        Args:
            pid: the child, already exec'd and not yet waited for.
            interval_seconds: at least 0.001; one sample costs the launcher about 0.2 ms of CPU, mostly for
                waking up: 1 % of a core at 20 ms.
        """
        if not interval_seconds >= 0.001:
            raise MeasurementError(
                f"interval_seconds={interval_seconds}: allowed is at least 0.001; use 0.02 (1 % of a core)"
            )
        self._pid = pid
        self._interval = interval_seconds
        self._store = BucketStore()
        self._marks: list[tuple[float, str]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"timeline-{pid}", daemon=True)
        self.failure: str | None = None
        """Why sampling ended early, other than that the child ended; None otherwise."""

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End sampling and wait for the thread; safe to call twice or before :meth:`start`."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self) -> TimelineSampler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def mark(self, name: str, seconds: float) -> None:
        """Say that a phase began; the one before it ends there.

        Args:
            name: of the phase; a second mark of the same name replaces the first.
            seconds: the child's ``time.monotonic()``, one clock for all processes of a machine. May be
                in the past; exact if not more than 2048 samples late.
        """
        with self._lock:
            self._marks = sorted([*(mark for mark in self._marks if mark[1] != name), (seconds, name)])

    def phases(self) -> dict[str, Samples]:
        """Every marked phase in order of time, each from its mark to the next one."""
        with self._lock:
            marks = list(self._marks)
        ends = [seconds for seconds, _ in marks[1:]] + [math.inf]
        return {name: self.between(begin, end) for (begin, name), end in zip(marks, ends, strict=True)}

    def between(self, begin: float, end: float = math.inf) -> Samples:
        """What was seen from ``begin`` to ``end`` (CLOCK_MONOTONIC seconds), maxima included.

        A sample counts only if it was begun and finished inside, so that a reading of another phase can
        never slip in.
        """
        with self._lock:
            buckets = self._store.between(begin, end)
        return Samples(
            begin_seconds=begin,
            end_seconds=end,
            num_samples=sum(bucket.num_samples for bucket in buckets),
            maxima=largest(buckets),
            rows=thin_rows([bucket.row for bucket in buckets]),
        )

    def rows_between(self, begin: float, end: float = math.inf) -> list[Row]:
        """The rows of a window, at most 400; the highest of each slice of time is kept."""
        return self.between(begin, end).rows

    def _watch(self) -> None:
        # A thread has no caller to raise to; whatever goes wrong here must reach the record as a sentence.
        try:
            with StatusReader(self._pid) as reader:
                self._sample(reader)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}"

    def _sample(self, reader: StatusReader) -> None:
        due = tree_due = time.monotonic()
        while not self._stop.is_set():
            begin = time.monotonic()
            status = reader.read()
            end = time.monotonic()
            if status is None:
                return
            tree = (1, 0)
            if end >= tree_due:
                tree, tree_due = self._tree(), end + _TREE_SECONDS
            with self._lock:
                bucket = _bucket(begin, end, status, tree)
                self._store.append(bucket, [seconds for seconds, _ in self._marks])
            # A late sample is not made up for: a burst of catch-up reads would only load the machine.
            due = max(due + self._interval, end)
            self._stop.wait(due - end)

    def _tree(self) -> tuple[int, int]:
        """Processes of the tree, and what they hold together: 0 without descendants, which is the rule."""
        found = descendants(self._pid)
        return 1 + len(found), tree_bytes([self._pid, *found]) if found else 0


def _bucket(begin: float, end: float, status: ProcessStatus, tree: tuple[int, int]) -> Bucket:
    mapped_bytes = status.file_bytes + status.shmem_bytes
    row = Row(begin, status.rss_bytes, status.anon_bytes, status.file_bytes, status.shmem_bytes)
    return Bucket(begin, end, 1, row, Maxima(*row[1:], mapped_bytes, status.swap_bytes, *tree))
