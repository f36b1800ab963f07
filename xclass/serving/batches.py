"""Requests wait in one bounded queue and are answered in batches by one engine thread.

One thread, because the search of an inverted index keeps room of its own, and because the engines use
several themselves; it also keeps the loop free, as the engines give the interpreter up while they search.
Batches form by themselves: what came while the engine worked is its next batch.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from xclass.serving.model import ServedModel
from xclass.serving.queries import Ask, Found, Search, join_inputs
from xclass.serving.refusals import overloaded
from xclass.serving.settings import ServeSettings

_SMOOTHING = 0.2
"""Weight of the newest batch in the seconds per query by which clients are told when to come back."""
_MOST_RETRY_SECONDS = 60


@dataclass(kw_only=True, slots=True, eq=False)
class Waiting:
    """One request in the queue."""

    ask: Ask
    search: Search
    model: ServedModel
    """That its queries were checked for, and that answers them even if another takes its place meanwhile."""
    answered: asyncio.Future[Found]
    deadline: float
    """By the clock of the loop."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchDone:
    """One batch, for the meters."""

    num_queries: int
    num_requests: int
    seconds: float


class Batcher:
    """The queue and the engine thread.

    Memory: ``max_queue`` queries that wait and ``max_batch`` in work.
    """

    def __init__(self, settings: ServeSettings, on_batch: Callable[[BatchDone], None]) -> None:
        """Keep the settings; :meth:`start` begins."""
        self._settings = settings
        self._on_batch = on_batch
        self._queue: deque[Waiting] = deque()
        self._num_queries = 0
        self._seconds_per_query = 0.0
        self._has_work = asyncio.Event()
        self._engine = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._collector: asyncio.Task[None] | None = None
        self._is_working = False

    @property
    def num_waiting(self) -> int:
        """Queries in the queue."""
        return self._num_queries

    def start(self) -> None:
        """Begin to answer, in the running loop."""
        self._collector = asyncio.get_running_loop().create_task(self._collect())

    async def stop(self) -> None:
        """Answer what is queued, then end the thread."""
        while self._queue or self._is_working:
            await asyncio.sleep(0.01)
        if self._collector is not None:
            self._collector.cancel()
        self._engine.shutdown()

    def check_room(self, num_queries: int = 1) -> None:
        """Whether so many more queries may wait.

        Raises:
            RequestError: 503, with the seconds that what waits is expected to take.
        """
        if self._num_queries + num_queries > self._settings.max_queue:
            raise overloaded("overloaded: the queue is full", retry_seconds=self.retry_seconds())

    def retry_seconds(self) -> int:
        """When the queue of now will have been worked off, by the speed of the last batches; at least 1."""
        expected = self._seconds_per_query * (self._num_queries + self._settings.max_batch)
        return min(_MOST_RETRY_SECONDS, max(1, math.ceil(expected)))

    async def answer(self, ask: Ask, model: ServedModel, search: Search, *, deadline: float) -> Found:
        """The answers to one request.

        Args:
            ask: at most ``max_batch`` queries, checked for this model.
            model: that answers.
            search: what is wanted of it.
            deadline: by the clock of the loop.

        Raises:
            RequestError: 503: the queue is full, or the deadline passed.
        """
        self.check_room(len(ask))
        loop = asyncio.get_running_loop()
        waiting = Waiting(
            ask=ask, search=search, model=model, answered=loop.create_future(), deadline=deadline
        )
        self._queue.append(waiting)
        self._num_queries += len(ask)
        self._has_work.set()
        try:
            async with asyncio.timeout_at(deadline):
                return await waiting.answered
        except TimeoutError:
            raise overloaded(
                f"overloaded: not answered within {self._settings.deadline_seconds:g} s",
                retry_seconds=self.retry_seconds(),
            ) from None

    async def _collect(self) -> None:
        while True:
            await self._has_work.wait()
            await self._wait_for_more()
            batch = self._take()
            if batch:
                await self._work(batch)
            if not self._queue:
                self._has_work.clear()

    async def _wait_for_more(self) -> None:
        """At most ``max_wait_ms``, unless a whole batch is there."""
        seconds = self._settings.max_wait_ms / 1000
        until = time.monotonic() + seconds
        while seconds and self._num_queries < self._settings.max_batch and time.monotonic() < until:
            await asyncio.sleep(min(0.001, seconds))

    def _take(self) -> list[Waiting]:
        """The oldest request and those after it that can be answered together with it, in their order.

        Together means by one model with one k: with another an approximate index finds other classes.
        """
        taken: list[Waiting] = []
        left: deque[Waiting] = deque()
        num_queries = 0
        while self._queue:
            waiting = self._queue.popleft()
            if waiting.answered.done():  # its deadline passed, or its client went away
                self._num_queries -= len(waiting.ask)
                continue
            is_alike = not taken or (waiting.model is taken[0].model and waiting.search == taken[0].search)
            if is_alike and num_queries + len(waiting.ask) <= self._settings.max_batch:
                taken.append(waiting)
                num_queries += len(waiting.ask)
                continue
            left.append(waiting)
            if num_queries >= self._settings.max_batch:
                break
        self._queue.extendleft(reversed(left))
        self._num_queries -= num_queries
        return taken

    async def _work(self, batch: list[Waiting]) -> None:
        self._is_working = True
        inputs = [waiting.ask.inputs for waiting in batch]
        model, search = batch[0].model, batch[0].search
        begun = time.perf_counter()
        work = asyncio.get_running_loop().run_in_executor(
            self._engine, lambda: model.find(join_inputs(inputs), search)
        )
        # Not awaited as such: what it raises belongs to the requests, and the collector goes on.
        await asyncio.wait([work])
        seconds = time.perf_counter() - begun
        num_queries = sum(len(one) for one in inputs)
        error = work.exception()
        at = 0
        for waiting in batch:
            stop = at + len(waiting.ask)
            if not waiting.answered.done():
                if error is not None:
                    waiting.answered.set_exception(error)
                else:
                    waiting.answered.set_result(work.result().part(at, stop))
            at = stop
        old = self._seconds_per_query or seconds / num_queries
        self._seconds_per_query = (1 - _SMOOTHING) * old + _SMOOTHING * seconds / num_queries
        self._is_working = False
        self._on_batch(BatchDone(num_queries=num_queries, num_requests=len(batch), seconds=seconds))
