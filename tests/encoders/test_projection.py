"""The encoder of sparse rows: against plain numpy, its gradient, saving, its closed form."""

import tracemalloc

import numpy as np
import pytest

from xclass.data.base import SparseRows
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.memory import projection_terms
from xclass.encoders.sparse import normalise_rows, unit_rows
from xclass.errors import ModelError
from xclass.shapes import ProblemShape

M, D = 300, 16


def made_rows(sizes, *, num_columns=M, seed=0):
    rng = np.random.default_rng(seed)
    columns = [np.sort(rng.choice(num_columns, size, replace=False)) for size in sizes]
    return SparseRows(
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        columns=np.concatenate(columns).astype(np.int32),
        values=rng.normal(size=sum(sizes)).astype(np.float32) * 7,
        num_columns=num_columns,
    )


def build(**changes):
    settings = {"dim": D, "num_features": M, "seed": 3, "is_trainable": False} | changes
    return build_encoder(EncoderKind.projection, **settings)


def dense(rows):
    matrix = np.zeros((len(rows), rows.num_columns))
    for i in range(len(rows)):
        at = slice(rows.starts[i], rows.starts[i + 1])
        matrix[i, rows.columns[at]] = rows.values[at]
    return matrix


def test_vectors_are_rows_of_length_1_times_the_table():
    rows = made_rows([5, 0, 1, 12, 0])
    before = rows.values.copy()
    encoder = build()
    vectors = encoder.encode(encoder.features(rows))
    matrix = dense(rows)
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
    np.testing.assert_allclose(vectors, matrix @ encoder._table_MD, atol=1e-5)
    assert vectors.dtype == np.float32
    assert not vectors[[1, 4]].any(), "an empty row is the zero vector, also the last one"
    np.testing.assert_array_equal(rows.values, before)


def test_only_empty_rows_are_borne():
    matrix = unit_rows(made_rows([0, 0]), M)
    normalise_rows(matrix)
    assert matrix.shape == (2, M)
    assert matrix.nnz == 0


def test_a_step_goes_down_the_gradient_on_the_touched_rows_only():
    encoder = build(is_trainable=True)
    features = encoder.features(made_rows([4, 4, 9]))
    target = np.random.default_rng(1).normal(size=(3, D)).astype(np.float32)
    before = encoder._table_MD.copy()
    losses = []
    for _ in range(30):
        difference = encoder.encode(features) - target
        losses.append(float((difference**2).sum()))
        encoder.apply_gradient(features, difference)
    changed = np.flatnonzero((encoder._table_MD != before).any(axis=1))
    assert set(changed) == set(features.indices.tolist())
    assert losses[-1] < 0.9 * losses[0]


def test_a_loaded_encoder_gives_the_same_and_holds_its_table_mapped(tmp_path):
    rows, encoder = made_rows([7, 3, 0]), build()
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    np.testing.assert_array_equal(
        loaded.encode(loaded.features(rows)), encoder.encode(encoder.features(rows))
    )
    assert encoder.held_bytes() == {"projection table": 4 * M * D}
    assert loaded.held_bytes() == {"projection table (mapped)": 4 * M * D}
    np.save(tmp_path / "encoder_table.npy", np.zeros((M - 1, D), np.float32))
    with pytest.raises(ModelError, match=rf"float32 of \({M}, {D}\)"):
        load_encoder(tmp_path)


def test_batches_take_what_the_closed_form_says():
    size, per_row, num_features, dim = 1024, 200, 20_000, 64
    shape = ProblemShape(
        num_classes=10, dim=dim, batch_size=16, scan_batch_size=size, num_queries=10, query_batch_size=10,
        top_k=1, threads=1, num_features=num_features, features_per_example=per_row,
    )  # fmt: skip
    terms = projection_terms(shape, is_trainable=False)
    encoder = build(num_features=num_features, dim=dim)
    assert encoder.held_bytes()["projection table"] == terms["projection table"]
    columns = np.arange(size * per_row, dtype=np.int32) % num_features
    rows = SparseRows(
        starts=np.arange(size + 1, dtype=np.int64) * per_row,
        columns=columns,
        values=np.ones(len(columns), np.float32),
        num_columns=num_features,
    )
    tracemalloc.start()
    encoder.encode(encoder.features(rows))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    read = 8 * per_row * size
    waiting = 2 * 4 * dim * size
    expected = terms["projection batches"] - read - waiting
    assert 0.5 * expected < peak <= 1.05 * expected
