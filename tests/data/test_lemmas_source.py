"""Reading lemmas: prefix of classes, order of an epoch, queries, threads, bounded memory."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_lemmas_prepare import FakeDictionaries

from xclass.data.base import batch_ranges
from xclass.data.lemmas.config import LemmasConfig
from xclass.data.lemmas.prepare import prepare
from xclass.data.lemmas.source import LemmasSource
from xclass.errors import ConfigError, DataError
from xclass.shapes import ProblemShape

rng = np.random.default_rng(0)
WORDS = {
    language: [
        (f"{language}ü{i}" * int(rng.integers(1, 5)), f"lemma{int(60 * rng.random() ** 2)}")
        for i in range(700)
    ]
    for language in ("aa", "bb", "cc")
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("cache"), dictionaries=FakeDictionaries(WORDS))


@pytest.fixture
def source(folder):
    return LemmasSource(folder, num_classes=None, seed=3)


def rows(batch):
    """(text, context, class) of each example."""
    offsets = batch.inputs.offsets
    return [
        (batch.inputs.bytes_[offsets[i] : offsets[i + 1]].tobytes(), int(batch.inputs.contexts[i]), int(c))
        for i, c in enumerate(batch.classes_B)
    ]


def test_batches_have_the_types_of_the_contract(source):
    for batch in (source.scan_batch(5, 70), source.train_batch(0, 5, 70), source.queries(65, seed=1)):
        assert len(batch) == len(batch.inputs) == 65
        assert batch.inputs.bytes_.dtype == np.uint8
        assert batch.inputs.offsets.dtype == batch.classes_B.dtype == np.int64
        assert batch.inputs.contexts.dtype == np.uint32
        assert batch.inputs.offsets[0] == 0
        assert batch.inputs.offsets[-1] == len(batch.inputs.bytes_)


def test_all_passes_see_every_pair_once(source):
    known = {
        (form.encode(), number, lemma)
        for number, language in enumerate(WORDS)
        for form, lemma in WORDS[language]
    }
    seen = rows(source.scan_batch(0, source.num_train)) + rows(source.queries(source.num_test, seed=0))
    named = [(text, context, source.class_name(c).split(":")[1]) for text, context, c in seen]
    assert len(named) == len(known)
    assert set(named) == known


@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000])
def test_ranges_join_to_the_whole(source, size):
    whole = rows(source.scan_batch(0, source.num_train))
    parts = [row for a, b in batch_ranges(source.num_train, size) for row in rows(source.scan_batch(a, b))]
    assert parts == whole
    epoch = [
        row for a, b in batch_ranges(source.num_train, size) for row in rows(source.train_batch(2, a, b))
    ]
    assert epoch == rows(source.train_batch(2, 0, source.num_train))
    assert epoch != whole
    assert sorted(epoch) == sorted(whole)


def test_epochs_and_seeds_differ(folder, source):
    first = rows(source.train_batch(0, 0, 50))
    assert first == rows(LemmasSource(folder, num_classes=None, seed=3).train_batch(0, 0, 50))
    assert first != rows(source.train_batch(1, 0, 50))
    assert first != rows(LemmasSource(folder, num_classes=None, seed=4).train_batch(0, 0, 50))


@pytest.mark.parametrize("num_classes", [2, 17, 100])
def test_fewer_classes_are_a_prefix(folder, source, num_classes):
    part = LemmasSource(folder, num_classes=num_classes, seed=3)
    counts = source.class_counts()
    np.testing.assert_array_equal(part.class_counts(), counts[:num_classes])
    assert (np.diff(counts) <= 0).all()
    assert counts.dtype == np.int64
    assert part.num_train == counts[:num_classes].sum()
    assert rows(part.scan_batch(0, part.num_train)) == rows(source.scan_batch(0, part.num_train))
    in_epoch = rows(part.train_batch(0, 0, part.num_train))
    assert sorted(in_epoch) == sorted(rows(part.scan_batch(0, part.num_train)))
    held_out = rows(part.queries(part.num_test, seed=0))
    expected = [row for row in rows(source.queries(source.num_test, seed=0)) if row[2] < num_classes]
    assert sorted(held_out) == sorted(expected)


def test_queries_are_a_sample_and_not_a_prefix(source):
    sample = source.queries(40, seed=1)
    assert len(np.unique(sample.classes_B)) == 40
    assert np.median(sample.classes_B) > source.num_classes / 4
    assert rows(sample) == rows(source.queries(40, seed=1))
    assert rows(sample) != rows(source.queries(40, seed=2))
    assert len(source.queries(10**9, seed=1)) == source.num_test
    assert len(source.queries(0, seed=1)) == 0


def test_too_many_classes_names_what_exists(folder, source):
    for num_classes in (source.num_classes + 1, 1):
        with pytest.raises(
            ConfigError, match=f"classes={num_classes}: allowed is 2 to {source.num_classes} "
        ):
            LemmasSource(folder, num_classes=num_classes, seed=0)


def test_facts_are_json_values_and_count_what_is_kept(source):
    facts = source.facts()
    train, test = source.scan_batch(0, source.num_train), source.queries(source.num_test, seed=0)
    assert facts["num_texts_bytes"] == len(train.inputs.bytes_) + len(test.inputs.bytes_)
    assert facts["languages"] == ["aa", "bb", "cc"]
    assert (facts["name"], facts["source"]) == ("lemmas", "fake 1")
    assert facts["num_classes"] == source.num_classes


def test_threads_read_what_one_thread_reads(source):
    ranges = list(batch_ranges(source.num_train, 37)) * 3
    with ThreadPoolExecutor(8) as pool:
        got = list(
            pool.map(lambda r: rows(source.train_batch(r[0] % 2, *r)) + rows(source.scan_batch(*r)), ranges)
        )
    assert got == [rows(source.train_batch(a % 2, a, b)) + rows(source.scan_batch(a, b)) for a, b in ranges]


def test_file_cut_while_open_is_reported(tmp_path):
    folder = prepare(tmp_path, dictionaries=FakeDictionaries(WORDS))
    source = LemmasSource(folder, num_classes=None, seed=0)
    (folder / "train.bytes").write_bytes(b"x")
    for read in (lambda: source.scan_batch(0, 100), lambda: source.train_batch(0, 0, 100)):
        with pytest.raises(DataError, match=r"train\.bytes: ends early"):
            read()


def test_data_without_a_held_out_form_has_no_queries(tmp_path):
    words = {"aa": [("a", "A"), ("b", "B")]}
    source = LemmasSource(prepare(tmp_path, dictionaries=FakeDictionaries(words)), num_classes=None, seed=0)
    assert (source.num_train, source.num_test) == (2, 0)
    assert len(source.queries(5, seed=0)) == 0


def test_batches_stay_within_the_closed_form(source):
    batch = 1024
    shape = ProblemShape(
        num_classes=source.num_classes,
        dim=8,
        batch_size=batch,
        scan_batch_size=batch,
        num_queries=1,
        query_batch_size=1,
        top_k=1,
        threads=1,
    )
    source.train_batch(0, 0, batch)
    tracemalloc.start()
    held = source.train_batch(0, 0, batch), source.scan_batch(0, batch)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(held) == 2
    # The forms made up here are twice as long as real ones.
    assert peak < 1.2 * LemmasConfig().memory_terms(shape, has_steps=True)["data batches"]
