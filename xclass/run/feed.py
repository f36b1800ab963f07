"""The examples a classifier gets: encoded beside each other, in bounded memory, until the budget is spent."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TypeVar

import numpy as np

from xclass.data.base import ClassSets, DataSource, Inputs, IntArray, batch_ranges
from xclass.data.picking import take_inputs
from xclass.encoders.base import Encoded, Encoder, Features

ProgressCallback = Callable[[float, float | None, str], None]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(kw_only=True, slots=True)
class FeedLimits:
    """How much a feed gives."""

    scan_examples: int | None = None
    """Examples of a scan; None: all. Only the shortened heap pass sets it."""
    minutes: float | None = None
    """Wall clock of the steps."""
    examples: int | None = None
    """Examples of the steps."""
    steps: int | None = None
    """Batches of the steps. Only the shortened heap pass sets it."""


class DataFeed:
    """A :class:`xclass.classifiers.base.Feed` over a data source and an encoder.

    Memory:
        ``threads + 1`` chunks of a scan, or two batches of steps.
    """

    def __init__(
        self,
        source: DataSource,
        encoder: Encoder,
        *,
        batch_size: int,
        scan_batch_size: int,
        threads: int,
        limits: FeedLimits,
        progress: ProgressCallback,
        mark: Callable[[str], None] = lambda _: None,
        agree: Callable[[float], float] = lambda seconds: seconds,
    ) -> None:
        """Keep the settings; nothing is read yet.

        ``mark`` is told what begins: for the timeline. ``agree`` makes one clock of those of several ranks,
        each of which has a feed: they then end at the same batch.
        """
        self._source = source
        self._encoder = encoder
        self._batch_size = batch_size
        self._scan_batch_size = scan_batch_size
        self._threads = threads
        self._limits = limits
        self._progress = progress
        self._mark = mark
        self._agree = agree
        self._share_spent = 0.0
        self._first_step = 0
        self._seconds = 0.0
        self.num_scan = min(source.num_train, limits.scan_examples or source.num_train)
        self.num_examples = min(source.num_examples, limits.scan_examples or source.num_examples)

    def inputs(self) -> Iterator[Inputs]:
        """Raw training examples in pseudo-random order, at most one epoch: for an encoder to learn from."""
        for start, stop in batch_ranges(self.num_scan, self._scan_batch_size):
            yield self._source.train_batch(0, start, stop).inputs

    def examples(self) -> Iterator[tuple[Encoded, ClassSets]]:
        """Every training example once with all of its classes, in the order that is cheapest to read."""
        self._mark("examples")
        done = 0
        ranges = batch_ranges(self.num_examples, self._scan_batch_size)
        for encoded_BD, sets in prefetch(self._whole, ranges, self._threads):
            yield encoded_BD, sets
            done += len(sets)
            self._progress(done, self.num_examples, "examples")

    def scan(self, classes: range | None = None) -> Iterator[tuple[Encoded, IntArray]]:
        """Every training example once for each of its classes, in the order that is cheapest to read.

        Where only some classes are wanted all is read, but only their examples are encoded.
        """
        self._mark("class means")
        done = 0
        ranges = list(batch_ranges(self.num_scan, self._scan_batch_size))
        made = prefetch(partial(self._encoded, classes), ranges, self._threads)
        for (start, stop), item in zip(ranges, made, strict=True):
            yield item
            done += stop - start
            self._progress(done, self.num_scan, "class means")

    def steps(self) -> Iterator[tuple[Features, IntArray]]:
        """Batches in pseudo-random order, epoch after epoch, until the budget is spent."""
        self._mark("steps")
        limits = self._limits
        begun = time.monotonic() - self._seconds
        ranges = self._step_ranges()
        done = sum(stop - start for _, start, stop in islice(ranges, self._first_step))
        for count, item in enumerate(prefetch(self._featurised, ranges, 1)):
            elapsed = self._seconds = self._agree(time.monotonic() - begun)
            if limits.minutes is not None and elapsed >= limits.minutes * 60:
                return
            if limits.steps is not None and count >= limits.steps:
                return
            self._share_spent = self._share_of_budget(done, elapsed)
            yield item
            done += len(item[1])
            self._report_steps(done, time.monotonic() - begun)

    def share_spent(self) -> float:
        """Share of the budget that steps have spent so far; without a budget, of the one epoch."""
        return self._share_spent

    def seconds_spent(self) -> float:
        """Wall clock of the steps when the last batch was given, with what was spent before it began."""
        return self._seconds

    def start_at(self, *, steps: int, seconds: float) -> None:
        """Go on where a checkpoint was written: the batches before it are not read."""
        self._first_step, self._seconds = steps, seconds

    def class_counts(self) -> IntArray:
        """Training examples per class."""
        return self._source.class_counts()

    def sample(self, num_examples: int) -> Encoded:
        """The first training examples of the first epoch's pseudo-random order, encoded."""
        batch = self._source.train_batch(0, 0, min(num_examples, self._source.num_train))
        return self._encoder.encode(self._encoder.features(batch.inputs))

    def _step_ranges(self) -> Iterator[tuple[int, int, int]]:
        left = self._limits.examples
        is_endless = self._limits.minutes is not None or left is not None
        epoch = 0
        while is_endless or epoch == 0:
            for start, stop in batch_ranges(self._source.num_train, self._batch_size):
                if left is not None:
                    stop = min(stop, start + left)
                    left -= stop - start
                    if stop == start:
                        return
                yield epoch, start, stop
            epoch += 1

    def _share_of_budget(self, done: int, elapsed: float) -> float:
        limits = self._limits
        shares = [done / limits.examples] if limits.examples else []
        if limits.minutes:
            shares.append(elapsed / (limits.minutes * 60))
        return min(1.0, max(shares, default=done / self._source.num_train))

    def _report_steps(self, done: int, elapsed: float) -> None:
        limits = self._limits
        if limits.examples is not None:
            self._progress(done, limits.examples, f"examples, {done / elapsed:,.0f}/s")
        elif limits.minutes is not None:
            self._progress(min(elapsed, limits.minutes * 60), limits.minutes * 60, f"s, {done:,} examples")
        else:
            self._progress(done, self._source.num_train, f"examples, {done / elapsed:,.0f}/s")

    def _whole(self, bounds: tuple[int, int]) -> tuple[Encoded, ClassSets]:
        batch = self._source.example_batch(*bounds)
        return self._encoder.encode(self._encoder.features(batch.inputs)), batch.sets

    def _encoded(self, classes: range | None, bounds: tuple[int, int]) -> tuple[Encoded, IntArray]:
        batch = self._source.scan_batch(*bounds)
        inputs, classes_B = batch.inputs, batch.classes_B
        if classes is not None:
            kept = np.flatnonzero((classes_B >= classes.start) & (classes_B < classes.stop))
            inputs, classes_B = take_inputs(inputs, kept), classes_B[kept]
        return self._encoder.encode(self._encoder.features(inputs)), classes_B

    def _featurised(self, bounds: tuple[int, int, int]) -> tuple[Features, IntArray]:
        batch = self._source.train_batch(*bounds)
        return self._encoder.features(batch.inputs), batch.classes_B


def prefetch(make: Callable[[_Key], _Value], keys: Iterable[_Key], threads: int) -> Iterator[_Value]:
    """Results of ``make`` in order, made by ``threads`` threads at most ``threads`` ahead."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="feed")
    waiting: deque[Future[_Value]] = deque()
    try:
        for key in keys:
            waiting.append(pool.submit(make, key))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # A consumer that stops early (budget spent) must not wait for work nobody wants.
        pool.shutdown(wait=True, cancel_futures=True)
