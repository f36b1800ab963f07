"""A memory timeline that stays small however long the run lasts and never loses a maximum.

Samples arrive as buckets of one. When there are too many, neighbours are merged: a merged bucket keeps the
row with the largest RSS (a moment that really was) and, beside it, the maximum of every column over all the
samples it stands for. So thinning costs resolution in time, never a peak. Valleys are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

CAPACITY = 8192
"""Most buckets held at once: about 4 MB."""
FRESH = 2048
"""The newest samples are never merged (41 s at 20 ms), so a mark less late than that still cuts exactly. A
later one may fall inside a merged bucket, which then counts on neither side."""
MAX_ROWS = 400
"""Most rows given out for one window: what a picture can show."""


class Row(NamedTuple):
    """One moment: seconds of CLOCK_MONOTONIC, and resident bytes."""

    seconds: float
    rss_bytes: int
    anon_bytes: int
    file_bytes: int
    shmem_bytes: int


class Maxima(NamedTuple):
    """Largest value of each column, each over its own moment, in bytes."""

    rss_bytes: int
    anon_bytes: int
    file_bytes: int
    shmem_bytes: int
    mapped_bytes: int
    """Largest file + shmem of one moment: not the sum of the two maxima."""
    swap_bytes: int
    num_processes: int = 1
    tree_bytes: int = 0
    """Held together with its descendants; 0 where it had none."""


NOTHING = Maxima(0, 0, 0, 0, 0, 0, num_processes=0)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One or more consecutive samples; the first began at ``begin``, the last was read by ``end``."""

    begin: float
    end: float
    num_samples: int
    row: Row
    maxima: Maxima


class BucketStore:
    """Buckets in order of time, at most :data:`CAPACITY` plus one for each mark."""

    def __init__(self) -> None:
        self._buckets: list[Bucket] = []
        self._width = 1

    def __len__(self) -> int:
        return len(self._buckets)

    def append(self, bucket: Bucket, cuts: Sequence[float] = ()) -> None:
        """Add the newest samples.

        Args:
            bucket: must begin after all that were added before.
            cuts: times of the known marks; no bucket is ever merged across one.
        """
        self._buckets.append(bucket)
        if len(self._buckets) > CAPACITY + len(cuts):
            self._thin(cuts)

    def between(self, begin: float, end: float) -> list[Bucket]:
        """The buckets whose samples were all read within [begin, end]."""
        return [bucket for bucket in self._buckets if begin <= bucket.begin and bucket.end <= end]

    def _thin(self, cuts: Sequence[float]) -> None:
        # Widths double for the whole past at once, so that an early phase keeps the resolution of a late one.
        old, fresh = self._buckets[:-FRESH], self._buckets[-FRESH:]
        old = merge_neighbours(old, self._width, cuts)
        while len(old) > (CAPACITY - FRESH) // 2 + len(cuts):
            self._width *= 2
            old = merge_neighbours(old, self._width, cuts)
        self._buckets = old + fresh


def merge_neighbours(buckets: Iterable[Bucket], width: int, cuts: Sequence[float]) -> list[Bucket]:
    """Merge runs of buckets into ones of at most ``width`` samples, none across a cut."""
    merged: list[Bucket] = []
    for bucket in buckets:
        last = merged[-1] if merged else None
        if (
            last is None
            or last.num_samples + bucket.num_samples > width
            or any(last.begin < cut <= bucket.end for cut in cuts)
        ):
            merged.append(bucket)
        else:
            merged[-1] = _merge(last, bucket)
    return merged


def largest(buckets: Iterable[Bucket]) -> Maxima:
    """Column by column the maximum over all buckets; zeros where there are none."""
    columns = list(zip(*(bucket.maxima for bucket in buckets), strict=True))
    return Maxima(*(max(column) for column in columns)) if columns else NOTHING


def thin_rows(rows: Sequence[Row], limit: int = MAX_ROWS) -> list[Row]:
    """At most ``limit`` rows for a picture: the highest RSS of each of equally long slices of time."""
    if len(rows) <= limit:
        return list(rows)
    start, span = rows[0].seconds, rows[-1].seconds - rows[0].seconds
    chosen: dict[int, Row] = {}
    for row in rows:
        slot = min(int((row.seconds - start) / span * limit), limit - 1) if span > 0 else 0
        if slot not in chosen or row.rss_bytes > chosen[slot].rss_bytes:
            chosen[slot] = row
    rows_out = list(chosen.values())
    assert all(a.seconds <= b.seconds for a, b in pairwise(rows_out))
    return rows_out


def _merge(first: Bucket, second: Bucket) -> Bucket:
    return Bucket(
        begin=first.begin,
        end=second.end,
        num_samples=first.num_samples + second.num_samples,
        row=first.row if first.row.rss_bytes >= second.row.rss_bytes else second.row,
        maxima=largest((first, second)),
    )
