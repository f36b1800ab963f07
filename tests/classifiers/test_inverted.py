"""The inverted index: its search against dense products, compiled and plain alike; sums in any order."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from xclass.classifiers.inverted.memory import BLOCK_ROWS
from xclass.classifiers.inverted.postings import make_block, open_postings, save_postings
from xclass.classifiers.inverted.search import NOTHING, InvertedSearch, as_queries
from xclass.classifiers.inverted.sums import SparseSums
from xclass.encoders.idf import unit_rows
from xclass.errors import ModelError

NUM_COLUMNS = 97


def sparse(num_rows, *, density=0.1, seed=0, is_signed=False, num_columns=NUM_COLUMNS):
    rng = np.random.default_rng(seed)
    rows = csr_array(random_array((num_rows, num_columns), density=density, rng=rng, dtype=np.float32))
    rows.data += np.float32(0.01)
    if is_signed:
        rows.data *= rng.choice(np.array([-1, 1], np.float32), len(rows.data))
    unit_rows(rows.data, rows.indptr)
    return rows


def saved(rows, folder, *, piece=5000):
    blocks = []
    for start in range(0, rows.shape[0], BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, rows.shape[0])
        pieces = [rows[at : min(at + piece, stop)] for at in range(start, stop, piece)]
        blocks.append(make_block(pieces, rows.shape[1]))
    save_postings(folder, blocks)
    return open_postings(folder, num_rows=rows.shape[0], num_columns=rows.shape[1])


def searchers(tmp_path, threads=1):
    compiled = InvertedSearch(threads=threads)
    assert compiled._library is not None
    (tmp_path / "file").write_text("")
    plain = InvertedSearch(threads=threads, cache=tmp_path / "file")
    assert plain._library is None
    return compiled, plain


def decoded(postings):
    """What the codes stand for, shape (rows, M), float64."""
    dense = np.zeros((postings.num_blocks * BLOCK_ROWS, postings.num_columns))
    for block in range(postings.num_blocks):
        part = slice(*postings.offsets[block : block + 2])
        columns = np.repeat(np.arange(postings.num_columns), np.diff(postings.starts[block].astype(int)))
        rows = block * BLOCK_ROWS + postings.rows[part].astype(int)
        dense[rows, columns] = postings.weights[block][postings.codes[part]]
    return dense


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_weight_in_one_byte_keeps_its_sign_and_most_of_its_value(is_signed, tmp_path):
    rows = sparse(300, is_signed=is_signed)
    found = decoded(saved(rows, tmp_path))[:300]
    exact = rows.toarray()
    steps = 127 if is_signed else 255
    largest = np.abs(exact).max()
    assert (np.abs(found - exact) <= np.sqrt(np.abs(exact) * largest) / steps + largest / steps**2).all()
    np.testing.assert_allclose((found @ exact.T).diagonal()[rows.indptr[1:] > rows.indptr[:-1]], 1, atol=0.02)


@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("k", [1, 7])
def test_the_best_rows_of_two_blocks_are_those_of_the_dense_products(is_signed, k, tmp_path):
    rows = sparse(BLOCK_ROWS + 500, density=0.06, is_signed=is_signed)
    queries = sparse(40, density=0.15, seed=1, is_signed=is_signed)
    postings = saved(rows, tmp_path)
    products = queries.toarray().astype(np.float64) @ decoded(postings).T
    expected = -np.sort(-products, axis=1)[:, :k]
    for search in searchers(tmp_path, threads=2):
        scores, found = search.search(postings, queries, k)
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        np.testing.assert_allclose(np.take_along_axis(products, found, axis=1), expected, atol=1e-5)


@given(
    num_rows=st.integers(1, 40), num_queries=st.integers(0, 5), k=st.integers(1, 60), seed=st.integers(0, 99)
)
@settings(deadline=None, max_examples=40)
def test_compiled_and_plain_search_agree_and_mark_what_is_missing(
    num_rows, num_queries, k, seed, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("index")
    postings = saved(sparse(num_rows, density=0.05, seed=seed), folder, piece=7)
    queries = sparse(num_queries, density=0.05, seed=seed + 100)
    compiled, plain = (search.search(postings, queries, k) for search in searchers(folder))
    np.testing.assert_allclose(compiled[0], plain[0], rtol=1e-5)
    assert ((compiled[1] < 0) == (plain[1] < 0)).all()
    assert ((compiled[1] < 0) == (compiled[0] == NOTHING)).all()
    shared = (queries @ decoded(postings).T > 0).sum(axis=1) if num_queries else np.zeros(0)
    np.testing.assert_array_equal((compiled[1] >= 0).sum(axis=1), np.minimum(shared, k))


def test_of_equal_scores_the_smaller_row_comes_first(tmp_path):
    rows = csr_array(np.ones((9, 2), np.float32))
    postings = saved(rows, tmp_path, piece=4)
    for search in searchers(tmp_path):
        np.testing.assert_array_equal(search.search(postings, rows[:1], 5)[1], [[0, 1, 2, 3, 4]])


def test_queries_may_be_dense_and_are_left_untouched(tmp_path):
    rows = sparse(200, density=1.0, is_signed=True, num_columns=8)
    postings = saved(rows, tmp_path)
    dense = rows[:20].toarray()
    before = dense.copy()
    for search in searchers(tmp_path):
        _, found = search.search(postings, as_queries(dense), 1)
        np.testing.assert_array_equal(found[:, 0], np.arange(20))
    np.testing.assert_array_equal(dense, before)


def test_lists_that_reach_beyond_their_block_are_not_followed(tmp_path):
    rows = sparse(500)
    saved(rows, tmp_path)
    starts = np.load(tmp_path / "posting_starts.npy")
    starts[0, 1:-1] = 0xFFFFFFFF
    np.save(tmp_path / "posting_starts.npy", starts)
    postings = open_postings(tmp_path, num_rows=500, num_columns=NUM_COLUMNS)
    found = InvertedSearch(threads=1).search(postings, rows[:50], 3)[1]
    assert found.max() < 500
    starts[0, -1] -= 1
    np.save(tmp_path / "posting_starts.npy", starts)
    with pytest.raises(ModelError, match=r"posting_offsets\.npy: not those of posting_starts\.npy"):
        open_postings(tmp_path, num_rows=500, num_columns=NUM_COLUMNS)


@pytest.mark.parametrize("order", ["by class", "at random"])
def test_sums_are_those_of_all_rows_in_any_order(order, monkeypatch):
    monkeypatch.setattr("xclass.classifiers.inverted.sums.PENDING_ENTRIES", 2000)
    num_classes, rng = BLOCK_ROWS + 9000, np.random.default_rng(3)
    classes = np.sort(rng.integers(0, num_classes, 4000))
    if order == "at random":
        rng.shuffle(classes)
    rows = sparse(4000, seed=4)
    given_away = {}
    sums = SparseSums(
        np.bincount(classes, minlength=num_classes), NUM_COLUMNS,
        lambda block, pieces, counts: given_away.setdefault(block, (len(given_away), pieces, counts)),
    )  # fmt: skip
    for start in range(0, 4000, 250):
        sums.add(rows[start : start + 250], classes[start : start + 250])
        if start == 3500:
            assert (0 in given_away) == (order == "by class"), "a block that is complete is not kept"
    sums.close()
    assert sorted(given_away) == [0, 1]
    expected = np.zeros((num_classes, NUM_COLUMNS), np.float32)
    np.add.at(expected, classes, rows.toarray())
    found = np.concatenate([p.toarray() for block in (0, 1) for p in given_away[block][1]])
    np.testing.assert_allclose(found, expected, atol=1e-5)
    counts = np.concatenate([given_away[0][2], given_away[1][2]])
    np.testing.assert_array_equal(counts, np.bincount(classes, minlength=num_classes))
