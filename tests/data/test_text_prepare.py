"""Reading a table of texts: every row lands on one side, and what is kept of fewer classes is right."""

import tracemalloc
from collections import Counter, defaultdict

import numpy as np
import pytest
from text_tables import SHARE, open_text, rows_of, write_tsv

from xclass.data.split import hash_texts, is_held_out, normalised
from xclass.data.text.config import TextConfig
from xclass.data.text.prepare import prepare
from xclass.shapes import ProblemShape

rng = np.random.default_rng(1)
WORDS = ["Größe", "bolt", "  M8 ", 'a "quoted" word', "x,y", "ﬁne", "emoji 🎉", "plain"]
ROWS = [
    (
        f"{WORDS[int(rng.integers(8))]} {int(rng.integers(200))}",
        [f"class {c}" for c in {int(40 * rng.random() ** 3) for _ in range(int(rng.integers(1, 4)))}],
    )
    for _ in range(500)
]
SINGLE = [(text, classes[:1]) for text, classes in ROWS]
BOTH = pytest.mark.parametrize("rows", [ROWS, SINGLE], ids=["several classes", "one class"])


def expected_sides(rows):
    """The rule of the split, written once more and plainly."""
    hashes = hash_texts([text for text, _ in rows])
    is_test = is_held_out(hashes, SHARE).tolist()
    trained = {c for (_, classes), held in zip(rows, is_test, strict=True) if not held for c in classes}
    most = defaultdict(int)
    for (_, classes), hash_ in zip(rows, hashes.tolist(), strict=True):
        for c in classes:
            most[c] = max(most[c], hash_)
    train, test = [], []
    for row, hash_, held in zip(rows, hashes.tolist(), is_test, strict=True):
        goes_back = any(c not in trained and most[c] == hash_ for c in row[1])
        (test if held and not goes_back else train).append(row)
    return train, test


def as_sets(rows):
    return sorted((text, tuple(sorted(classes))) for text, classes in rows)


def read_sides(source):
    train = rows_of(source, source.example_batch(0, source.num_examples))
    test = rows_of(source, source.queries(source.num_test, seed=0))
    return ([(text, names) for text, _, names in side] for side in (train, test))


@pytest.fixture(scope="module", params=[ROWS, SINGLE], ids=["several classes", "one class"])
def table(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("table")
    config = TextConfig(
        path=str(write_tsv(folder / "t.tsv", request.param)),
        cache=str(folder / "cache"),
        test_share=SHARE,
        class_separator="|",
    )
    prepare(config)
    return config, *expected_sides(request.param)


def test_every_row_lands_on_the_side_that_the_rule_says(table):
    config, expected_train, expected_test = table
    train, test = read_sides(open_text(config))
    assert as_sets(train) == as_sets(expected_train)
    assert as_sets(test) == as_sets(expected_test)
    assert len(expected_test) > 100


@pytest.mark.parametrize("num_classes", [None, 2, 7])
def test_pairs_are_the_examples_of_the_kept_classes(table, num_classes):
    config, train, _ = table
    source = open_text(config, num_classes)
    counts = Counter(c for _, classes in train for c in classes)
    names = [source.class_name(c) for c in range(source.num_classes)]
    assert [counts[name] for name in names] == source.class_counts().tolist()
    assert (np.diff(source.class_counts()) <= 0).all()
    kept = set(names)
    pairs = sorted((text, c) for text, classes in train for c in classes if c in kept)
    scan = rows_of(source, source.scan_batch(0, source.num_train))
    assert sorted((text, name) for text, name, _ in scan) == pairs
    steps = [
        row
        for start in range(0, source.num_train, 50)
        for row in rows_of(source, source.train_batch(1, start, min(source.num_train, start + 50)))
    ]
    assert sorted((text, name) for text, name, _ in steps) == pairs
    assert steps != scan
    whole = [(text, kept & set(classes)) for text, classes in train if kept & set(classes)]
    assert as_sets(next(read_sides(source))) == as_sets(whole)


def test_every_class_keeps_a_training_row(tmp_path):
    rows = [(f"only text {i}", [f"class {i}"]) for i in range(200)]
    rows += [(f"more {i}", ["class 0"]) for i in range(100)]
    config = TextConfig(path=str(write_tsv(tmp_path / "t.tsv", rows)), cache=str(tmp_path / "cache"))
    source = open_text(config)
    assert source.class_counts()[1:].tolist() == [1] * 199
    # A tenth of the 199 would have been held out, as of the others a tenth is.
    assert 8 < source.facts()["num_brought_back"] < 35
    assert source.num_test + source.num_train == 300
    assert 3 <= source.num_test < 25
    assert config.num_train(600) == 3 * source.num_train, "what a projection takes of classes beyond the file"


def test_rows_keep_their_side_when_rows_are_added(tmp_path):
    rows = [(f"text {i}", [f"class {i % 5}"]) for i in range(300)]
    added = [(f"more {i}", [f"class {i % 7}"]) for i in range(300)]
    sides = []
    for name, table in (("a.tsv", rows), ("b.tsv", [*added, *rows])):
        config = TextConfig(path=str(write_tsv(tmp_path / name, table)), cache=str(tmp_path / "cache"))
        _, test = read_sides(open_text(config))
        sides.append({row[0] for row in test if row[0].startswith("text")})
    assert sides[0] == sides[1]
    assert 10 < len(sides[0]) < 60


def test_duplicates_fall_on_one_side_whatever_their_class_and_case(tmp_path):
    rows = [(text, [f"class {i % 3}"]) for i in range(300) for text in (f"Éclair {i}", f"  éclair  {i}")]
    config = TextConfig(path=str(write_tsv(tmp_path / "t.tsv", rows)), cache=str(tmp_path / "cache"))
    train, test = read_sides(open_text(config))
    assert {normalised(text) for text, _ in train}.isdisjoint({normalised(text) for text, _ in test})
    assert test


def test_the_hash_of_a_text_does_not_depend_on_its_neighbours():
    texts = ["a", "", "Ünï", "a\0b", "  a ", "e\u0301", "\u00e9", "\u0301x"]
    alone = [int(hash_texts([text])[0]) for text in texts]
    assert hash_texts(texts).tolist() == alone
    no_zero = [text for text in texts if "\0" not in text]
    assert hash_texts(no_zero).tolist() == [int(hash_texts([text])[0]) for text in no_zero]
    assert alone[0] == alone[4]
    assert alone[5] == alone[6]


def test_the_share_held_out_is_the_share_asked_for():
    hashes = hash_texts([f"item {i}" for i in range(20_000)])
    for share in (0.01, 0.1, 0.5):
        assert is_held_out(hashes, share).mean() == pytest.approx(share, abs=4 * (share / 20_000) ** 0.5)


@pytest.mark.parametrize("num_classes", [None, 20])
def test_batches_stay_within_the_closed_form(table, num_classes):
    config, batch = table[0], 256
    source = open_text(config, num_classes)
    batch = min(batch, source.num_examples)
    shape = ProblemShape(
        num_classes=source.num_classes,
        dim=8,
        batch_size=batch,
        scan_batch_size=batch,
        num_queries=1,
        query_batch_size=1,
        top_k=1,
        threads=1,
        num_examples=source.num_examples,
    )
    reads = {
        False: (lambda: source.scan_batch(0, batch), lambda: source.example_batch(0, batch)),
        True: (lambda: source.train_batch(0, 0, batch),),
    }
    for has_steps, ways in reads.items():
        closed_form = config.memory_terms(shape, has_steps=has_steps)["data batches"]
        for read in ways:
            read()
            tracemalloc.start()
            held = read()
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert len(held) == batch
            # numpy sums in a buffer of 8192 numbers, which counts where a batch is this small.
            assert peak < 1.2 * closed_form + 72_000
