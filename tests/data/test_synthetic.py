"""The synthetic data: any example by position, the stated frequencies and geometry, nothing stored."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xclass.data.synthetic import entry
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.frequencies import class_probabilities, zipf_class
from xclass.data.synthetic.source import FIRST_TEST_ID, SyntheticSource
from xclass.errors import ConfigError
from xclass.measure.environment import pinned_environment

SMALLEST_P = 1e-4
"""Seeds are fixed, so a test below this fails for ever or never."""


def make(num_classes=500, dim=8, *, seed=3, sigma=0.1, **settings):
    return SyntheticSource(
        SyntheticConfig(**settings), num_classes=num_classes, dim=dim, seed=seed, sigma=sigma
    )


SOURCE = make()


def read(source, how, start, stop):
    batch = source.scan_batch(start, stop) if how is None else source.train_batch(how, start, stop)
    assert batch.inputs.dtype == np.float32
    assert batch.inputs.shape == (stop - start, 8)
    assert batch.classes_B.dtype == np.int64
    return batch


@given(how=st.sampled_from([None, 0, 1, 7]), bounds=st.tuples(*[st.integers(0, 2000)] * 3))
@settings(deadline=None, max_examples=60)
def test_any_range_of_any_pass_is_the_same_whatever_the_batch_boundaries(how, bounds):
    start, cut, stop = sorted(bounds)
    whole = read(SOURCE, how, start, stop)
    parts = [read(SOURCE, how, start, cut), read(SOURCE, how, cut, stop)]
    np.testing.assert_array_equal(np.concatenate([part.inputs for part in parts]), whole.inputs)
    np.testing.assert_array_equal(np.concatenate([part.classes_B for part in parts]), whole.classes_B)


def as_rows(batch):
    return sorted(zip(batch.classes_B.tolist(), map(bytes, batch.inputs), strict=True))


def test_every_epoch_holds_the_examples_of_the_scan_each_in_another_order():
    scan = SOURCE.scan_batch(0, SOURCE.num_train)
    epochs = [SOURCE.train_batch(epoch, 0, SOURCE.num_train) for epoch in (0, 1)]
    assert len(set(as_rows(scan))) == SOURCE.num_train == 2000
    for epoch in epochs:
        assert as_rows(epoch) == as_rows(scan)
        assert (epoch.classes_B != scan.classes_B).mean() > 0.9
    assert (epochs[0].classes_B != epochs[1].classes_B).mean() > 0.9


@pytest.mark.parametrize(
    ("examples_per_class", "uniform_share"), [(4, 0.5), (1, 1.0), (3, 0.5), (7, 0.3), (10, 0.99), (4, 0.0)]
)
def test_each_class_has_its_even_share_of_training_examples(examples_per_class, uniform_share):
    source = make(777, examples_per_class=examples_per_class, uniform_share=uniform_share)
    counts = np.bincount(source.scan_batch(0, source.num_train).classes_B, minlength=777)
    assert counts.sum() == source.num_train == 777 * examples_per_class
    assert counts.min() >= int(examples_per_class * uniform_share)
    if uniform_share == 1.0:
        assert counts.max() == examples_per_class


FREQUENCIES = pytest.mark.parametrize(
    ("zipf_exponent", "uniform_share"),
    [(1.0, 0.5), (1.0, 0.0), (0.0, 0.5), (0.5, 0.2), (2.0, 0.3), (1.3, 0.9)],
)


@FREQUENCIES
def test_queries_follow_the_stated_class_probabilities(zipf_exponent, uniform_share):
    source = make(60, zipf_exponent=zipf_exponent, uniform_share=uniform_share)
    drawn = source.queries(60_000, 5).classes_B
    stated = class_probabilities(np.arange(60.0), 60, zipf_exponent, uniform_share)
    assert stated.sum() == pytest.approx(1.0, abs=1e-12)
    observed = np.bincount(drawn, minlength=60)
    assert stats.chisquare(observed, stated * 60_000).pvalue > SMALLEST_P


@FREQUENCIES
def test_the_training_share_beyond_the_even_one_follows_zipf(zipf_exponent, uniform_share):
    source = make(50, examples_per_class=1000, zipf_exponent=zipf_exponent, uniform_share=uniform_share)
    even = round(source.num_train * uniform_share)
    drawn = source.scan_batch(even, source.num_train).classes_B
    stated = class_probabilities(np.arange(50.0), 50, zipf_exponent, 0.0)
    assert stats.chisquare(np.bincount(drawn, minlength=50), stated * len(drawn)).pvalue > SMALLEST_P


def test_zipf_probabilities_are_the_textbook_ones_and_the_draw_inverts_them():
    classes = np.arange(1000.0)
    textbook = np.diff(np.log(np.arange(1, 1002))) / np.log(1001)
    np.testing.assert_allclose(class_probabilities(classes, 1000, 1.0, 0.0), textbook, rtol=1e-9)
    for exponent in (0.0, 0.5, 1.0, 1.5, 2.0):
        stated = class_probabilities(classes, 1000, exponent, 0.0)
        middle = np.cumsum(stated) - stated / 2
        np.testing.assert_array_equal(zipf_class(middle, 1000, exponent), np.arange(1000))
        assert stated[0] == pytest.approx(stated[-1]) if exponent == 0 else stated[0] > stated[-1]
    assert zipf_class(np.array([0.0, 1.0]), 10**9, 1.0).tolist() == [0, 10**9 - 1]


@pytest.mark.parametrize("num_classes", [60, 10_007, 1_000_003])
@pytest.mark.parametrize(("zipf_exponent", "uniform_share"), [(1.0, 0.5), (0.0, 0.5), (0.0, 0.0), (2.0, 0.1)])
def test_class_counts_are_the_expected_ones_and_never_rise(zipf_exponent, uniform_share, num_classes):
    source = make(num_classes, zipf_exponent=zipf_exponent, uniform_share=uniform_share)
    counts = source.class_counts()
    expected = source.num_train * class_probabilities(
        np.arange(float(num_classes)), num_classes, zipf_exponent, uniform_share
    )
    assert counts.shape == (num_classes,)
    assert counts.dtype == np.int64
    assert (np.diff(counts) <= 0).all()
    assert counts.min() >= 1
    assert ((counts - expected > -1e-6) & (counts - expected < 1)).all()
    if zipf_exponent == 0.0:
        assert (counts == 4).all()


def test_frequencies_never_rise_at_a_billion_classes():
    """A difference of distribution functions has lost its digits here: equal to 1e-7 only, up and down."""
    classes = 10.0**9 - np.arange(100_000.0, 0, -1)
    for exponent in (0.5, 1.0, 1.7):
        assert (np.diff(class_probabilities(classes, 10**9, exponent, 0.5)) <= 0).all()


def test_class_vectors_have_length_one():
    for group_share in (0.0, 0.5, 0.95):
        vectors = make(dim=12, group_share=group_share).class_vectors(np.arange(500))
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("group_share", [0.0, 0.3, 0.8])
def test_classes_of_one_group_share_the_stated_part_of_their_vector_and_others_nothing(group_share):
    """Class c is in group c mod G; the expected inner product within a group is the group's share."""
    dim, num_classes = 32, 2000
    source = make(num_classes, dim, group_share=group_share, classes_per_group=100)
    vectors = source.class_vectors(np.arange(num_classes)).astype(np.float64)
    group = np.arange(num_classes) % 20
    products = vectors @ vectors.T
    is_same = group[:, None] == group[None, :]
    is_pair = ~np.eye(num_classes, dtype=bool)
    error = 5 / dim**0.5 / num_classes**0.5
    assert products[is_same & is_pair].mean() == pytest.approx(group_share, abs=error)
    # Twenty group centres have only 190 pairs, so this mean is as coarse as theirs.
    assert products[~is_same].mean() == pytest.approx(0.0, abs=error + 5 * group_share / (190 * dim) ** 0.5)


def test_noise_has_the_stated_size_and_is_fresh_in_every_example():
    source = make(sigma=0.2)
    batch = source.scan_batch(0, 2000)
    noise = batch.inputs - source.class_vectors(batch.classes_B)
    assert noise.std() == pytest.approx(0.2, rel=0.03)
    assert abs(noise.mean()) < 0.01
    assert len(np.unique(noise[:, 0])) > 1990


def test_queries_are_no_training_examples_and_follow_their_seed():
    train = set(map(bytes, SOURCE.scan_batch(0, SOURCE.num_train).inputs))
    first, again, other = (SOURCE.queries(2000, seed) for seed in (1, 1, 2))
    assert not train & set(map(bytes, first.inputs))
    assert not set(map(bytes, other.inputs)) & set(map(bytes, first.inputs))
    np.testing.assert_array_equal(first.inputs, again.inputs)
    np.testing.assert_array_equal(first.classes_B, again.classes_B)
    assert (first.classes_B != other.classes_B).mean() > 0.5


def test_two_seeds_are_two_data_sets():
    first, second = make(seed=0), make(seed=1)
    classes = np.arange(500)
    products = np.einsum("cd,cd->c", first.class_vectors(classes), second.class_vectors(classes))
    assert abs(products.mean()) < 5 / 8**0.5 / 500**0.5 + 0.15
    assert (first.scan_batch(1000, 2000).classes_B != second.scan_batch(1000, 2000).classes_B).mean() > 0.5


def test_what_is_asked_for_is_left_untouched():
    classes = np.arange(10)
    SOURCE.class_vectors(classes)
    np.testing.assert_array_equal(classes, np.arange(10))


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("bayes_accuracy", 0.01), ("bayes_accuracy", 1.0), ("examples_per_class", 0), ("uniform_share", -0.1),
        ("uniform_share", 1.1), ("zipf_exponent", -1.0), ("zipf_exponent", 2.5), ("classes_per_group", 0),
        ("group_share", 1.0), ("group_share", float("nan")),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_by_key(key, bad):
    with pytest.raises(ConfigError, match=rf"^data\.{key}={bad}: allowed is "):
        SyntheticConfig(**{key: bad})


def prepare(config, num_classes, dim=16):
    return entry.prepare(config, num_classes=num_classes, dim=dim, seed=0, progress=lambda *_: None)


def test_more_examples_than_there_are_ids_for_are_refused():
    """Training ids would run into those of the held-out examples."""
    with pytest.raises(ConfigError, match=r"^data\.examples_per_class=10000: allowed is 1 to 1099 with "):
        prepare(SyntheticConfig(examples_per_class=10_000), 10**9)
    assert make(10**9, examples_per_class=1000).num_train < FIRST_TEST_ID


def test_preparing_and_opening_give_the_stated_problem():
    config = SyntheticConfig(bayes_accuracy=0.9)
    facts = json.loads(json.dumps(prepare(config, 2000)))
    assert facts["num_classes"] == 2000
    assert facts["num_train"] == 8000
    assert facts["num_groups"] == 20
    assert facts["num_test"] is None
    assert facts["bayes_accuracy"] == pytest.approx(0.9, abs=1e-3)
    source = entry.open_source(config, num_classes=2000, dim=16, seed=0, facts=facts)
    assert (source.num_classes, source.num_train) == (2000, 8000)
    assert prepare(config, None)["num_classes"] == 100_000


STREAM = """
import json, sys
from xclass.measure.session import MemorySession
session = MemorySession()
session.start()
from xclass.data.base import batch_ranges
from xclass.data.synthetic.config import SyntheticConfig
from xclass.data.synthetic.source import SyntheticSource

def stream(num_classes):
    source = SyntheticSource(SyntheticConfig(), num_classes=num_classes, dim=64, seed=0, sigma=0.1)
    for start, stop in batch_ranges(min(source.num_train, 40_000), 4096):
        # All parts of the range, so that nothing that grows along it is missed.
        at = (start * (source.num_train // 40_000)) if source.num_train > 40_000 else start
        source.scan_batch(at, at + stop - start)
        source.train_batch(1, at, at + stop - start)
    source.queries(2000, 1)

stream(1000)
session.set_base()
with session.phase() as meter:
    stream(int(sys.argv[1]))
print(json.dumps(meter.reading.to_json()))
"""


@pytest.mark.memory
@pytest.mark.slow
def test_streaming_ten_million_classes_takes_the_memory_of_ten_thousand():
    def peak_over_base(num_classes):
        done = subprocess.run(
            [sys.executable, "-c", STREAM, str(num_classes)],
            env={**os.environ, **pinned_environment(1, "pinned")},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        reading = json.loads(done.stdout)
        return reading["peak_rss_bytes"] - reading["base"]["rss_bytes"]

    few, many = peak_over_base(10_000), peak_over_base(10_000_000)
    # Three matrices of 4096 x 64 floats are 3.1 MB; the 10 million class vectors would be 2.56 GB.
    assert abs(many - few) < 1e6
    assert many < 8e6
