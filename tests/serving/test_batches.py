"""The queue before the engine: batches, order, deadlines and a full house."""

import asyncio
import threading
import time

import numpy as np
import pytest
from event_loops import run_alone

from xclass.classifiers.base import Answers
from xclass.serving.batches import Batcher
from xclass.serving.queries import Ask, Found, Search
from xclass.serving.refusals import RequestError
from xclass.serving.settings import ServeSettings

SEARCH = Search(k=1, wants_totals=False)


class Engine:
    """Answers each query with its own number, as slowly as wanted; keeps what it was given at a time."""

    def __init__(self, seconds=0.0):
        self.seconds, self.batches, self.threads = seconds, [], set()

    def find(self, inputs, search):
        time.sleep(self.seconds)
        if np.isnan(inputs).any():
            raise RuntimeError("std::bad_alloc")
        self.batches.append(inputs[:, 0].astype(int).tolist())
        self.threads.add(threading.get_ident())
        classes = np.tile(inputs[:, :1].astype(np.int64), (1, search.k))
        return Found(answers=Answers(classes_QK=classes, scores_QK=classes.astype(np.float32)), totals_Q=None)


def ask(*numbers):
    return Ask(inputs=np.array(numbers, np.float32)[:, None], k=1, wants_probability=False)


def run(scenario, **settings):
    """The scenario with a batcher, and what the meters were told."""
    done = []

    async def whole():
        batcher = Batcher(ServeSettings(model="m", **settings), done.append)
        batcher.start()
        try:
            return await scenario(batcher)
        finally:
            await batcher.stop()

    return run_alone(whole()), done


def answer(batcher, engine, *numbers, search=SEARCH, seconds=10.0):
    deadline = asyncio.get_running_loop().time() + seconds
    return batcher.answer(ask(*numbers), engine, search, deadline=deadline)


def classes(found):
    return found.answers.classes_QK[:, 0].tolist()


def test_what_came_while_the_engine_worked_is_its_next_batch_and_everyone_gets_his_own():
    engine = Engine(0.05)

    async def scenario(batcher):
        first = asyncio.create_task(answer(batcher, engine, 0))
        await asyncio.sleep(0.02)
        others = [answer(batcher, engine, 10 * number, 10 * number + 1) for number in range(1, 6)]
        return await asyncio.gather(first, *others)

    found, done = run(scenario, max_batch=6, max_queue=20)
    assert [classes(one) for one in found] == [[0], *([10 * n, 10 * n + 1] for n in range(1, 6))]
    assert engine.batches == [[0], [10, 11, 20, 21, 30, 31], [40, 41, 50, 51]]
    assert [batch.num_queries for batch in done] == [1, 6, 4]
    assert len(engine.threads) == 1


def test_others_than_the_first_are_answered_apart_and_in_their_order():
    one, two = Engine(0.02), Engine(0.02)
    deeper = Search(k=2, wants_totals=False)

    async def scenario(batcher):
        return await asyncio.gather(
            answer(batcher, one, 1),
            answer(batcher, one, 2, search=deeper),
            answer(batcher, two, 3),
            answer(batcher, one, 4),
        )

    found, _ = run(scenario)
    assert [classes(each) for each in found] == [[1], [2], [3], [4]]
    assert (one.batches, two.batches) == ([[1, 4], [2]], [[3]])


def test_an_idle_engine_waits_for_more_only_if_it_is_told_to():
    engine = Engine()

    async def one_by_one(batcher):
        await answer(batcher, engine, 1)
        await answer(batcher, engine, 2)

    async def a_little_later(batcher):
        first = asyncio.create_task(answer(batcher, engine, 3))
        await asyncio.sleep(0.05)
        await asyncio.gather(first, answer(batcher, engine, 4))

    run(one_by_one, max_wait_ms=0)
    run(a_little_later, max_wait_ms=5000, max_batch=2)
    assert engine.batches == [[1], [2], [3, 4]]


def test_a_full_queue_says_when_to_come_back_and_loses_nothing():
    engine = Engine(0.1)

    async def scenario(batcher):
        tasks = [asyncio.create_task(answer(batcher, engine, number)) for number in range(20)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    found, done = run(scenario, max_batch=4, max_queue=8)
    refused = [one for one in found if isinstance(one, RequestError)]
    answered = [classes(one) for one in found if isinstance(one, Found)]
    assert len(refused) + len(answered) == 20
    assert answered == [[number] for number in range(8)]
    assert all(one.status == 503 and one.retry_seconds >= 1 for one in refused)
    assert sum(batch.num_queries for batch in done) == 8


def test_what_is_past_its_deadline_is_refused_and_not_worked_on():
    engine = Engine(0.8)

    async def scenario(batcher):
        first = asyncio.create_task(answer(batcher, engine, 1))
        await asyncio.sleep(0.02)
        with pytest.raises(RequestError) as refused:
            await answer(batcher, engine, 2, seconds=0.05)
        assert refused.value.status == 503
        assert classes(await first) == [1]
        assert classes(await answer(batcher, engine, 3)) == [3]

    run(scenario)
    assert engine.batches == [[1], [3]]


def test_an_engine_that_fails_fails_those_requests_and_answers_the_next():
    engine = Engine()

    async def scenario(batcher):
        with pytest.raises(RuntimeError, match="bad_alloc"):
            await answer(batcher, engine, np.nan)
        assert batcher.num_waiting == 0
        return await answer(batcher, engine, 4)

    found, _ = run(scenario)
    assert classes(found) == [4]


def test_the_end_comes_after_what_is_queued():
    engine, found = Engine(0.05), []

    async def whole():
        batcher = Batcher(ServeSettings(model="m", max_batch=1, max_queue=9), lambda _: None)
        batcher.start()
        tasks = [asyncio.create_task(answer(batcher, engine, number)) for number in range(4)]
        await asyncio.sleep(0)
        await batcher.stop()
        found.extend(await asyncio.gather(*tasks))

    run_alone(whole())
    assert [classes(one) for one in found] == [[0], [1], [2], [3]]
