"""Weights by inverse document frequency, in both encoders of n-grams: against scikit-learn's."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer

from xclass.data.base import SparseRows, Texts
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.kinds import EncoderKind, InputKind
from xclass.errors import ConfigError, ModelError

WORDS = ["Haus", "Häuser", "a", "日本語の本", "слово", "aaaa aaaa", "x😀y", "", "programmieren", "Hausboot"]
NUM_BUCKETS = 1 << 20


def as_texts(words):
    encoded = [word.encode() for word in words]
    return Texts(
        bytes_=np.frombuffer(b"".join(encoded), np.uint8),
        offsets=np.concatenate([[0], np.cumsum([len(word) for word in encoded])]).astype(np.int64),
        contexts=np.zeros(len(words), np.uint32),
    )


def as_rows(dense):
    rows = csr_array(dense.astype(np.float32))
    return SparseRows(
        starts=rows.indptr.astype(np.int64), columns=rows.indices, values=rows.data,
        num_columns=dense.shape[1],
    )  # fmt: skip


def bag(**settings):
    config = BagConfig(num_buckets=NUM_BUCKETS, **settings)
    return build_encoder(EncoderKind.bag, bag=config, num_features=NUM_BUCKETS, dim=4)


def test_the_bag_of_a_text_is_the_tfidf_of_scikit_learn():
    """Up to the order of columns: products of rows are equal."""
    encoder = bag()
    encoder.learn(iter([as_texts(WORDS[:4]), as_texts(WORDS[4:])]))
    ours = encoder.encode(encoder.features(as_texts(WORDS)))
    theirs = TfidfVectorizer(
        analyzer=lambda w: [
            f"<{w}>"[i : i + n] for n in range(2, 6) for i in range(len(w) + 3 - n)
        ],
        sublinear_tf=True,
    ).fit_transform(WORDS)  # fmt: skip
    assert ours.dtype == np.float32
    np.testing.assert_allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-5)


def test_sparse_rows_are_weighted_only_on_demand_and_never_changed():
    dense = np.random.default_rng(0).poisson(0.4, (50, 256)).astype(np.float32)
    dense[7] = 0
    dense[49] = 0
    rows = as_rows(dense)
    before = rows.values.copy()
    for weighting in ("equal", "idf"):
        encoder = build_encoder(
            EncoderKind.bag, bag=BagConfig(row_weighting=weighting), num_features=256, dim=4
        )
        encoder.learn(iter([rows]))
        found = encoder.features(rows).toarray()
        expected = TfidfTransformer(use_idf=weighting == "idf").fit_transform(dense).toarray()
        np.testing.assert_allclose(found, expected, atol=1e-6)
        np.testing.assert_array_equal(rows.values, before)


@pytest.mark.parametrize("kind", [EncoderKind.bag, EncoderKind.ngrams])
def test_weights_are_saved_and_not_learnt_again(kind, tmp_path):
    encoder = build_encoder(
        kind, ngrams=NgramConfig(weighting="idf"), bag=BagConfig(), num_features=1 << 18, dim=8
    )
    encoder.learn(iter([as_texts(WORDS)]))
    first = encoder.features(as_texts(WORDS))
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    loaded.learn(iter([as_texts(["other"] * 9)]))
    again = loaded.features(as_texts(WORDS))
    np.testing.assert_array_equal(first.indices, again.indices)
    np.testing.assert_array_equal(first.data, again.data)
    assert encoder.held_bytes()["feature weights"] == 4 << 18
    assert loaded.held_bytes()["feature weights (mapped)"] == 4 << 18
    path = tmp_path / "encoder_idf.npy"
    np.save(path, np.ones(3, np.float32))
    with pytest.raises(ModelError, match=r"encoder_idf\.npy: float32 of shape \(3,\)"):
        load_encoder(tmp_path)


def test_rare_ngrams_weigh_more_in_a_vector_of_length_one():
    encoder = build_encoder(EncoderKind.ngrams, ngrams=NgramConfig(weighting="idf", min_n=3), dim=8)
    encoder.learn(iter([as_texts(["abc"] * 99 + ["abd"])]))
    rows = encoder.features(as_texts(["abcd", "ab"]))
    weights = dict(zip(rows.indices[:4].tolist(), rows.data[:4].tolist(), strict=True))
    common = encoder.features(as_texts(["ab"])).indices[0]
    assert weights[common] == min(weights.values()) < max(weights.values()) / 3
    np.testing.assert_allclose(np.add.reduceat(rows.data**2, rows.indptr[:-1]), 1, rtol=1e-6)


def test_no_more_examples_are_read_than_were_asked_for():
    taken = []
    encoder = bag(idf_examples=4)
    encoder.learn(taken.append(1) or as_texts(WORDS[:3]) for _ in range(9))
    assert len(taken) == 2


def test_the_number_of_examples_is_checked_by_name():
    for config, key in ((BagConfig, "bag"), (NgramConfig, "encoder")):
        with pytest.raises(ConfigError, match=rf"{key}\.idf_examples=0"):
            config(idf_examples=0)
    assert BagConfig().weighting_of(InputKind.texts) == "idf"
