"""The feed: exact budgets, order, bounded work in flight, and ends that do not hang."""

import gc
import threading
import time
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.data.base import Batch
from xclass.encoders.identity import IdentityEncoder
from xclass.run import feed as feed_module
from xclass.run.feed import DataFeed, FeedLimits, prefetch


class Source:
    """Example i of epoch e is the vector (e, i) of class i; notes every thread that it was read by."""

    num_test = 0

    def __init__(self, num_train=100):
        self.num_train = self.num_examples = self.num_classes = num_train
        self.epochs = []

    def train_batch(self, epoch, start, stop):
        self.epochs.append(epoch)
        ids = np.arange(start, stop)
        inputs = np.stack((np.full(len(ids), epoch), ids), axis=1).astype(np.float32)
        return Batch(inputs=inputs, classes_B=ids)

    def scan_batch(self, start, stop):
        return self.train_batch(-1, start, stop)

    def class_counts(self):
        return np.ones(self.num_classes, dtype=np.int64)


def make(source=None, *, batch_size=7, scan_batch_size=9, threads=2, progress=None, **limits):
    return DataFeed(
        source or Source(), IdentityEncoder(dim=2), batch_size=batch_size, scan_batch_size=scan_batch_size,
        threads=threads, limits=FeedLimits(**limits), progress=progress or (lambda *_: None),
    )  # fmt: skip


def examples_of(items):
    """(epoch, example) of everything yielded, in order."""
    return [tuple(map(int, row)) for vectors, _ in items for row in vectors]


def feed_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("feed")]


@given(num_train=st.integers(1, 60), batch_size=st.integers(1, 70), examples=st.integers(0, 200))
@settings(deadline=None, max_examples=60)
def test_a_budget_of_examples_is_kept_exactly_also_over_the_ends_of_epochs(num_train, batch_size, examples):
    feed = make(Source(num_train), batch_size=batch_size, examples=examples)
    batches = list(islice(feed.steps(), 1000))
    assert examples_of(batches) == [divmod(at, num_train) for at in range(examples)]
    assert all(1 <= len(classes) <= batch_size for _, classes in batches)


def test_without_a_budget_the_steps_are_one_epoch():
    assert examples_of(make().steps()) == [(0, at) for at in range(100)]


def test_a_number_of_steps_is_kept():
    assert len(list(make(steps=3, minutes=60.0).steps())) == 3
    assert len(list(make(steps=3).steps())) == 3
    assert not list(make(steps=0).steps())


def test_no_minutes_and_no_examples_give_no_steps():
    assert not list(make(minutes=0.0).steps())
    assert not list(make(examples=0).steps())
    assert not list(make(examples=0, minutes=1.0).steps())


def test_minutes_end_the_steps_within_one_step():
    begun = time.monotonic()
    count = 0
    for _ in make(minutes=0.3 / 60).steps():
        count += 1
        time.sleep(0.02)
    elapsed = time.monotonic() - begun
    assert 0.3 <= elapsed < 0.3 + 0.5
    assert 2 <= count <= 16


def test_whichever_budget_is_spent_first_ends_the_steps(monkeypatch):
    assert len(examples_of(make(minutes=60.0, examples=30).steps())) == 30
    clock = iter(np.arange(0.0, 1e6, 10.0))
    monkeypatch.setattr(feed_module.time, "monotonic", lambda: float(next(clock)))
    assert len(examples_of(make(minutes=1.0, examples=10**6).steps())) < 60


def test_a_scan_is_every_example_once_in_order_whatever_the_threads():
    for threads in (1, 2, 5):
        assert examples_of(make(threads=threads).scan()) == [(-1, at) for at in range(100)]


def test_a_shortened_scan_stops_there_and_says_so():
    feed = make(scan_examples=20)
    assert feed.num_scan == 20
    assert examples_of(feed.scan()) == [(-1, at) for at in range(20)]
    assert make(scan_examples=10**9).num_scan == 100
    assert make().num_scan == 100


def test_a_scan_for_some_classes_gives_their_examples_only_and_all_of_the_progress():
    progress = []
    feed = make(progress=lambda done, total, _: progress.append((done, total)))
    batches = list(feed.scan(range(20, 41)))
    assert examples_of(batches) == [(-1, i) for i in range(20, 41)]
    assert all(vectors.shape == (len(classes), 2) for vectors, classes in batches)
    assert progress[-1] == (100, 100)


def test_a_feed_can_begin_behind_batches_that_were_taken_before():
    whole = list(make(examples=150).steps())
    feed = make(examples=150)
    feed.start_at(steps=17, seconds=3.0)
    assert examples_of(feed.steps()) == examples_of(whole[17:])
    assert feed.seconds_spent() >= 3.0


def test_progress_reaches_its_total():
    seen = []
    feed = make(progress=lambda done, total, what: seen.append((done, total)), examples=250)
    list(feed.scan())
    assert seen[-1] == (100, 100)
    list(feed.steps())
    assert seen[-1] == (250, 250)
    assert [done for done, _ in seen[-3:]] == sorted(done for done, _ in seen[-3:])


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_prefetch_keeps_the_order_when_later_work_is_done_first(threads):
    def make_slowly(key):
        time.sleep(0.02 if key % 2 == 0 else 0.0)
        return key

    assert list(prefetch(make_slowly, range(20), threads)) == list(range(20))


@pytest.mark.parametrize("threads", [1, 3])
def test_prefetch_bounds_what_is_in_flight(threads):
    """At most ``threads`` results wait while the consumer holds one, however slow it is."""
    made = []
    for consumed, _ in enumerate(prefetch(lambda key: made.append(key) or key, range(30), threads), start=1):
        time.sleep(0.005)
        assert len(made) <= consumed + threads
    assert len(made) == 30


def test_prefetch_works_ahead():
    begun = threading.Event()
    items = prefetch(lambda key: begun.set() if key == 1 else None, range(3), 1)
    next(items)
    assert begun.wait(5.0), "nothing was made while the first result was in use"
    items.close()


def test_keys_may_be_endless():
    def naturals():
        at = 0
        while True:
            yield at
            at += 1

    items = prefetch(lambda key: key, naturals(), 2)
    assert [next(items) for _ in range(10)] == list(range(10))
    items.close()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_consumer_that_stops_early_neither_hangs_nor_leaves_threads(threads):
    for _ in make(minutes=60.0, threads=threads).steps():
        break
    for _ in make(threads=threads).scan():
        break
    gc.collect()
    deadline = time.monotonic() + 5
    while feed_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not feed_threads()


def test_what_nobody_wants_any_more_is_not_begun():
    made = []

    def make_slowly(key):
        made.append(key)
        time.sleep(0.05)

    items = prefetch(make_slowly, range(100), 4)
    next(items)
    items.close()
    before = len(made)
    time.sleep(0.1)
    assert len(made) == before <= 9


class BrokenSource(Source):
    def train_batch(self, epoch, start, stop):
        if start >= 40:
            raise OSError("disk gone")
        return super().train_batch(epoch, start, stop)


@pytest.mark.parametrize("how", ["scan", "steps"])
def test_an_exception_in_a_worker_thread_surfaces_after_what_was_made_before_it(how):
    feed = make(BrokenSource(), batch_size=10, scan_batch_size=10, examples=100)
    seen = []
    with pytest.raises(OSError, match="disk gone"):
        seen.extend(item for item in getattr(feed, how)())
    assert len(examples_of(seen)) == 40
    gc.collect()
    assert not feed_threads()


def test_an_exception_of_the_consumer_passes_through():
    with pytest.raises(ZeroDivisionError):
        sum(1 // 0 for _ in make().steps())
    gc.collect()
    assert not feed_threads()


def test_classes_are_counted_by_the_source():
    np.testing.assert_array_equal(make().class_counts(), np.ones(100))
