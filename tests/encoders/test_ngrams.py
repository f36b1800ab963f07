"""The n-gram encoder: against a plain implementation, its gradient, saving, threads."""

import json
import subprocess
import sys
import tracemalloc
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.data.base import Texts
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.encoders.identity import IdentityEncoder
from xclass.encoders.kinds import EncoderKind
from xclass.encoders.ngrams import NgramEncoder, hash_ngrams
from xclass.encoders.table import random_signs
from xclass.errors import ConfigError, ModelError
from xclass.shapes import ProblemShape

WORDS = ["Haus", "Häuser", "a", "日本語の本", "слово", "aaaa", "x😀y", "ngram", "programmieren"]


def as_texts(words, contexts=None):
    encoded = [word.encode() for word in words]
    return Texts(
        bytes_=np.frombuffer(b"".join(encoded), np.uint8),
        offsets=np.concatenate([[0], np.cumsum([len(word) for word in encoded])]).astype(np.int64),
        contexts=np.array(contexts if contexts is not None else [0] * len(words), np.uint32),
    )


def build(*, dim=16, seed=0, is_trainable=False, **settings_):
    return NgramEncoder(NgramConfig(**settings_), dim=dim, seed=seed, is_trainable=is_trainable)


def plain_ngrams(word, min_n, max_n):
    word = f"<{word}>"
    return [word[i : i + n] for i in range(len(word)) for n in range(min_n, max_n + 1) if i + n <= len(word)]


words_strategy = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=8
)


@given(words=words_strategy, min_n=st.integers(1, 3), extra=st.integers(0, 4))
@settings(deadline=None, max_examples=60)
def test_buckets_are_those_of_the_plain_ngrams(words, min_n, extra):
    config = NgramConfig(min_n=min_n, max_n=min_n + extra, num_buckets=1 << 26)
    buckets, row_starts = hash_ngrams(as_texts(words), config)
    bucket_of, ngrams_in = {}, defaultdict(set)
    for i, word in enumerate(words):
        ngrams = plain_ngrams(word, min_n, min_n + extra)
        row = buckets[row_starts[i] : row_starts[i + 1]].tolist()
        assert len(row) == len(ngrams)
        for ngram, bucket in zip(ngrams, row, strict=True):
            assert bucket_of.setdefault(ngram, bucket) == bucket, "one n-gram in two buckets"
            ngrams_in[bucket].add(ngram)
    # 2**26 buckets: among these few n-grams more than one collision by chance is next to impossible.
    assert len(bucket_of) - len(ngrams_in) <= 1


def test_buckets_are_evenly_filled():
    rng = np.random.default_rng(0)
    words = ["".join(chr(97 + c) for c in rng.integers(0, 26, 9)) for _ in range(20_000)]
    buckets, _ = hash_ngrams(as_texts(words), NgramConfig(min_n=3, max_n=5, num_buckets=1 << 8))
    distinct = len({ngram for word in words for ngram in plain_ngrams(word, 3, 5)})
    per_bucket = np.bincount(
        np.unique(hash_ngrams(as_texts(words), NgramConfig(num_buckets=1 << 26))[0]) >> 18
    )
    assert distinct > 100_000
    assert np.bincount(buckets, minlength=256).min() > 0
    assert per_bucket.std() < 3 * np.sqrt(per_bucket.mean())


def test_a_batch_is_its_texts_one_by_one():
    encoder = build()
    contexts = list(range(len(WORDS)))
    whole = encoder.encode(encoder.features(as_texts(WORDS, contexts)))
    for i, word in enumerate(WORDS):
        alone = encoder.encode(encoder.features(as_texts([word], [i])))
        np.testing.assert_allclose(whole[i], alone[0], rtol=1e-6)


def test_texts_may_begin_inside_the_buffer():
    encoder, texts = build(), as_texts(WORDS)
    part = Texts(bytes_=texts.bytes_, offsets=texts.offsets[2:5], contexts=texts.contexts[2:4])
    expected = encoder.features(as_texts(WORDS[2:4]))
    assert (encoder.features(part) != expected).nnz == 0


def test_no_texts_give_no_vectors():
    encoder = build(is_trainable=True)
    features = encoder.features(as_texts([]))
    assert encoder.encode(features).shape == (0, 16)
    encoder.apply_gradient(features, np.zeros((0, 16), np.float32))


def test_empty_text_is_finite():
    encoder = build(min_n=3)
    vectors = encoder.encode(encoder.features(as_texts(["", "word"])))
    assert not vectors[0].any()
    assert np.isfinite(vectors).all()


def test_contexts_share_no_ngram_unless_asked():
    texts = as_texts(["programmieren"] * 2, [1, 2])
    for use_context, shared in ((True, 0), (False, len(set(plain_ngrams("programmieren", 2, 5))))):
        buckets, starts = hash_ngrams(
            texts, NgramConfig(max_n=5, use_context=use_context, num_buckets=1 << 26)
        )
        assert len(set(buckets[: starts[1]]) & set(buckets[starts[1] :])) == shared


def test_untrained_vectors_have_norm_about_one_and_keep_similarity():
    encoder = build(dim=1024)
    features = encoder.features(as_texts(["programmieren", "programmierte", "Wasserfall"]))
    assert features.dtype == np.float32
    x = encoder.encode(features)
    assert x.dtype == np.float32
    # "programmieren" holds some n-grams twice ("m" no, "r" alone no), hence the margin.
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=0.15)
    bags = (features @ features.T).toarray()
    np.testing.assert_allclose(x @ x.T, bags, atol=0.15)
    assert x[0] @ x[1] > 0.4 > 0.2 > x[0] @ x[2]


def test_table_is_random_signs_determined_by_the_seed():
    table = random_signs(5000, 24, seed=7)
    np.testing.assert_allclose(np.abs(table), 1 / np.sqrt(24), rtol=1e-6)
    assert abs(table.mean()) < 0.002
    np.testing.assert_array_equal(table, random_signs(5000, 24, seed=7))
    assert (table != random_signs(5000, 24, seed=8)).mean() > 0.4


def test_gradient_is_the_numeric_one():
    encoder = build(dim=4, is_trainable=True, num_buckets=256)
    features = encoder.features(as_texts(WORDS))
    rng = np.random.default_rng(1)
    gradient_BD = rng.standard_normal((len(WORDS), 4)).astype(np.float32)
    rows_U, gradient_UD = encoder.table_gradient(features, gradient_BD)
    assert len(np.unique(rows_U)) == len(rows_U) == len(np.unique(features.indices))
    dense = features.toarray().astype(np.float64)
    table = encoder._table_MD.astype(np.float64)
    for row, column in ((0, 0), (len(rows_U) // 2, 3), (len(rows_U) - 1, 2)):
        moved = table.copy()
        moved[rows_U[row], column] += 1e-3
        numeric = np.sum((dense @ moved - dense @ table) * gradient_BD) / 1e-3
        assert gradient_UD[row, column] == pytest.approx(numeric, rel=1e-4, abs=1e-6)


def test_step_is_rowwise_adagrad_on_touched_rows_only():
    encoder = build(dim=4, is_trainable=True, num_buckets=1024, learning_rate=0.3)
    table = encoder._table_MD.astype(np.float64)
    accumulator = np.zeros(1024)
    rng = np.random.default_rng(2)
    for words in (WORDS, WORDS[:3]):
        features = encoder.features(as_texts(words))
        before = encoder._table_MD.copy()
        gradient_BD = rng.standard_normal((len(words), 4)).astype(np.float32)
        copy = gradient_BD.copy()
        encoder.apply_gradient(features, gradient_BD)
        gradient_MD = features.toarray().astype(np.float64).T @ gradient_BD
        accumulator += np.mean(gradient_MD**2, axis=1)
        table -= 0.3 * gradient_MD / (np.sqrt(accumulator) + 1e-8)[:, None]
        np.testing.assert_allclose(encoder._table_MD, table, atol=1e-5)
        untouched = np.setdiff1d(np.arange(1024), features.indices)
        np.testing.assert_array_equal(encoder._table_MD[untouched], before[untouched])
        np.testing.assert_array_equal(gradient_BD, copy)


def test_frozen_encoder_does_not_move():
    encoder = build()
    before = encoder._table_MD.copy()
    features = encoder.features(as_texts(WORDS))
    encoder.apply_gradient(features, np.ones((len(WORDS), 16), np.float32))
    np.testing.assert_array_equal(encoder._table_MD, before)


def test_trained_encoder_is_served_equal_from_a_mapped_file(tmp_path):
    encoder = build(is_trainable=True, use_context=False, max_n=4)
    features = encoder.features(as_texts(WORDS))
    encoder.apply_gradient(features, np.ones((len(WORDS), 16), np.float32))
    encoder.save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert isinstance(loaded, NgramEncoder)
    assert (loaded.config, loaded.dim, loaded.is_trainable) == (encoder.config, 16, False)
    np.testing.assert_array_equal(
        loaded.encode(loaded.features(as_texts(WORDS))), encoder.encode(encoder.features(as_texts(WORDS)))
    )
    tracemalloc.start()
    load_encoder(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < encoder.held_bytes()["n-gram table"] / 20
    with np.load(tmp_path / "encoder_table.npy", mmap_mode="r", allow_pickle=False)._mmap:
        pass


def test_identity_is_saved_too(tmp_path):
    build_encoder(EncoderKind.identity, dim=5).save(tmp_path)
    loaded = load_encoder(tmp_path)
    assert isinstance(loaded, IdentityEncoder)
    assert loaded.dim == 5


def test_identity_never_loads_scipy(tmp_path):
    build_encoder(EncoderKind.identity, dim=5).save(tmp_path)
    script = (
        "import sys; from pathlib import Path; from xclass.encoders.factory import load_encoder\n"
        "load_encoder(Path(sys.argv[1])); sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 0


def test_damaged_folders_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"encoder\.json: missing"):
        load_encoder(tmp_path)
    build().save(tmp_path)
    path = tmp_path / "encoder.json"
    document = json.loads(path.read_text())
    for change, message in (
        ({"format_version": 2}, "format_version=2"),
        ({"kind": "magic"}, "kind=magic"),
        ({"dim": 8}, "not float32 of"),
        ({"config": {"min_n": 9}}, "encoder.min_n=9"),
        ({"config": 3}, "not a saved encoder"),
    ):
        path.write_text(json.dumps({**document, **change}))
        with pytest.raises(ModelError, match=message):
            load_encoder(tmp_path)
    path.write_text(json.dumps(document))
    table = tmp_path / "encoder_table.npy"
    table.write_bytes(table.read_bytes()[:1000])
    with pytest.raises(ModelError, match="not a saved encoder"):
        load_encoder(tmp_path)
    table.unlink()
    with pytest.raises(ModelError, match=r"encoder_table\.npy: missing"):
        load_encoder(tmp_path)


def test_threads_encode_what_one_thread_encodes():
    encoder = build()
    batches = [as_texts([f"{word}{i}" for word in WORDS], range(len(WORDS))) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda texts: encoder.encode(encoder.features(texts)), batches))
    for texts, vectors in zip(batches, got, strict=True):
        np.testing.assert_array_equal(vectors, encoder.encode(encoder.features(texts)))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("min_n", bad) for bad in (0, 4)),
        *(("max_n", bad) for bad in (1, 9)),
        *(("num_buckets", bad) for bad in (0, -256, 128, 1000, 1 << 27)),
        *(("learning_rate", bad) for bad in (0.0, float("nan"), float("inf"))),
    ],
)
def test_bad_settings_are_refused_by_name(key, value):
    with pytest.raises(ConfigError, match=rf"encoder\.{key}={value}: allowed is"):
        NgramConfig(**{key: value})


@pytest.mark.parametrize("is_trainable", [True, False])
def test_memory_stays_within_the_closed_form(is_trainable):
    batch = 2048
    shape = ProblemShape(
        num_classes=2,
        dim=64,
        batch_size=batch,
        scan_batch_size=batch,
        num_queries=1,
        query_batch_size=1,
        top_k=1,
        threads=1,
    )
    encoder = build(dim=64, is_trainable=is_trainable, num_buckets=1 << 14)
    terms = encoder.config.memory_terms(shape, is_trainable=is_trainable)
    held = encoder.held_bytes()
    assert held["n-gram table"] == encoder._table_MD.nbytes == terms["n-gram table"]
    assert held.get("n-gram optimiser", 0) == terms["n-gram optimiser"]
    rng = np.random.default_rng(0)
    words = ["".join(chr(97 + c) for c in rng.integers(0, 26, rng.integers(6, 20))) for _ in range(batch)]
    texts = as_texts(words, rng.integers(0, 54, batch))
    gradient_BD = np.ones((batch, 64), np.float32)
    waiting = [encoder.features(texts) for _ in range(2)] if is_trainable else []
    tracemalloc.start()
    features = encoder.features(texts)
    vectors = encoder.encode(features)
    encoder.apply_gradient(features, gradient_BD)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    peak += sum(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes for x in waiting)
    # One of the three vectors per text that a scan by one thread has alive.
    peak += 0 if is_trainable else 2 * vectors.nbytes
    assert 0.7 * terms["n-gram batches"] < peak < 1.1 * terms["n-gram batches"]
