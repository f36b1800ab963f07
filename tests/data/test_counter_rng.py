"""Counter-based random numbers: right law, no structure, the same whatever is asked beside them."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xclass.data import counter_rng
from xclass.data.counter_rng import add_normals, random_bits, stream_key, uniforms

SMALLEST_P = 1e-4
"""Seeds are fixed, so a test below this fails for ever or never."""


def normals(rows, dim, *, seed=0, stream=0, scale=1.0):
    out = np.zeros((len(rows), dim), dtype=np.float32)
    add_normals(out, stream_key(seed, stream), np.asarray(rows, dtype=np.int64), scale)
    return out


@pytest.mark.parametrize("seed", [0, 1, 123456789])
def test_uniforms_are_uniform_and_neighbours_unrelated(seed):
    values = uniforms(stream_key(seed, 3), np.arange(200_000))
    assert stats.kstest(values, "uniform").pvalue > SMALLEST_P
    assert stats.kstest(values[:1000], "uniform").pvalue > SMALLEST_P
    for lag in (1, 2, 64):
        assert abs(np.corrcoef(values[:-lag], values[lag:])[0, 1]) < 4 / 200_000**0.5


def test_every_bit_is_fair():
    words = random_bits(stream_key(0, 1), np.arange(100_000))
    for bit in range(64):
        share = ((words >> np.uint64(bit)) & np.uint64(1)).mean()
        assert abs(share - 0.5) < 5 * 0.5 / 100_000**0.5


@pytest.mark.parametrize("word", [0, 2**64 - 1, 2**63, 2**11, 2**12 - 1])
def test_uniforms_never_reach_zero_or_one(word, monkeypatch):
    """Their logarithms and their products with a number of classes must stay in range."""
    monkeypatch.setattr(
        counter_rng, "random_bits", lambda _, counters: np.full(counters.shape, word, dtype=np.uint64)
    )
    assert 0.0 < uniforms(np.uint64(0), np.arange(1))[0] < 1.0


@pytest.mark.parametrize("word", [0, 2**64 - 1])
def test_the_most_extreme_word_still_gives_finite_normals(word, monkeypatch):
    monkeypatch.setattr(counter_rng, "_mix", lambda words, *_: words.fill(word))
    out = np.zeros((1, 4), dtype=np.float32)
    add_normals(out, np.uint64(1), np.arange(1), 1.0)
    assert np.isfinite(out).all()
    assert np.abs(out).max() < 6.1


def test_keys_of_seeds_and_streams_are_all_different_and_none_is_zero():
    """A zero key would mix counter 0 into the number 0, at the very default seed."""
    keys = [int(stream_key(seed, stream)) for seed in (*range(500), 2**63 - 1) for stream in range(8)]
    assert 0 not in keys
    assert len(set(keys)) == len(keys)
    assert int(stream_key(2**64 + 5, 1)) == int(stream_key(5, 1))


@pytest.mark.parametrize("dim", [4, 7, 64])
@pytest.mark.parametrize("scale", [1.0, 0.01])
def test_normals_have_the_moments_and_the_law_of_a_normal(dim, scale):
    values = normals(np.arange(240_000 // dim), dim, scale=scale).ravel() / np.float32(scale)
    count = len(values)
    assert abs(values.mean(dtype=np.float64)) < 4 / count**0.5
    assert values.var(dtype=np.float64) == pytest.approx(1.0, abs=4 * (2 / count) ** 0.5)
    assert abs(stats.skew(values)) < 4 * (6 / count) ** 0.5
    assert abs(stats.kurtosis(values)) < 4 * (24 / count) ** 0.5
    assert stats.kstest(values, "norm").pvalue > SMALLEST_P
    tail = (np.abs(values) > 3).mean()
    assert tail == pytest.approx(2 * stats.norm.sf(3), abs=4 * (2 * stats.norm.sf(3) / count) ** 0.5)


@pytest.mark.parametrize("dim", [4, 7, 16])
def test_coordinates_are_unrelated_also_in_their_squares(dim):
    """Box-Muller pairs share a radius: a mistake there shows in squares, not in plain correlation."""
    values = normals(np.arange(40_000), dim, seed=2).astype(np.float64)
    limit = 4.5 / 40_000**0.5
    for of in (values, values**2, np.abs(values)):
        correlation = np.corrcoef(of, rowvar=False) - np.eye(dim)
        assert np.abs(correlation).max() < limit
        assert abs(np.corrcoef(of[:-1, 0], of[1:, 0])[0, 1]) < limit
    lengths = (values**2).sum(axis=1)
    assert stats.kstest(lengths, stats.chi2(dim).cdf).pvalue > SMALLEST_P


def test_streams_and_seeds_are_unrelated():
    first = normals(np.arange(5000), 8)
    limit = 4.5 / first.size**0.5
    for other in (normals(np.arange(5000), 8, stream=1), normals(np.arange(5000), 8, seed=1)):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < limit


@given(
    rows=st.lists(st.integers(0, 2**50 - 1), min_size=1, max_size=40),
    dim=st.sampled_from([4, 5, 16, 33]),
    cut=st.integers(0, 40),
)
@settings(deadline=None, max_examples=60)
def test_a_row_is_the_same_whatever_stands_beside_it(rows, dim, cut):
    whole = normals(rows, dim)
    parts = [normals(part, dim) for part in (rows[:cut], rows[cut:]) if part]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_blocks_do_not_show():
    rows = np.arange(5000)
    np.testing.assert_array_equal(normals(rows, 64)[4321:4400], normals(rows[4321:4400], 64))
    np.testing.assert_array_equal(normals(rows[:3], 2**16)[2], normals(rows[2:3], 2**16)[0])


def test_values_are_added_and_rows_left_untouched():
    rows = np.arange(100)
    out = np.full((100, 6), 10.0, dtype=np.float32)
    add_normals(out, stream_key(0, 0), rows, 0.5)
    np.testing.assert_allclose(out - 10.0, normals(rows, 6, scale=0.5), atol=1e-5)
    np.testing.assert_array_equal(rows, np.arange(100))


def test_scratch_does_not_grow_with_the_batch():
    def peak(num_rows):
        out, rows = np.zeros((num_rows, 64), dtype=np.float32), np.arange(num_rows)
        tracemalloc.start()
        add_normals(out, np.uint64(1), rows, 1.0)
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak_bytes

    peak(4_000)
    assert peak(40_000) < peak(4_000) + 10_000 < 2_000_000


def test_threads_do_not_disturb_each_other():
    """Each keeps scratch of its own."""
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: normals(np.arange(3000), 64), range(16)))
    expected = normals(np.arange(3000), 64)
    for result in results:
        np.testing.assert_array_equal(result, expected)
