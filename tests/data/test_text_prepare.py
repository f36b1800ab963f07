"""Reading tables of texts: what comes out is what the file says, whatever its format."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from xclass.data.split import hash_texts, is_held_out
from xclass.data.text.config import TextConfig
from xclass.data.text.prepare import prepare
from xclass.data.text.source import TextSource

SHARE = 0.3
rng = np.random.default_rng(1)
WORDS = ["Größe", "bolt", "  M8 ", 'a "quoted" word', "x,y", "ﬁne", "emoji 🎉", "plain"]
ROWS = [
    (
        f"{WORDS[int(rng.integers(8))]} {int(rng.integers(400))}",
        [f"class {c}" for c in {int(40 * rng.random() ** 3) for _ in range(int(rng.integers(1, 4)))}],
    )
    for _ in range(900)
]
SINGLE = [(text, classes[:1]) for text, classes in ROWS]


def write_tsv(path, rows, joint="|"):
    lines = ["number\ttext\tclass"] + [f"{i}\t{t}\t{joint.join(c)}" for i, (t, c) in enumerate(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def config_of(tmp_path, path, **settings):
    return TextConfig(path=str(path), cache=str(tmp_path / "cache"), test_share=SHARE, **settings)


def open_text(config, num_classes=None, seed=3):
    return TextSource(prepare(config), num_classes=num_classes, seed=seed)


def rows_of(source, batch):
    """(text, its class, names of all of its classes) of each example."""
    texts, sets = batch.inputs, batch.sets
    return [
        (
            texts.bytes_[texts.offsets[i] : texts.offsets[i + 1]].tobytes().decode(),
            source.class_name(int(batch.classes_B[i])),
            tuple(source.class_name(int(c)) for c in sets.classes[sets.starts[i] : sets.starts[i + 1]]),
        )
        for i in range(len(batch))
    ]


def expected_sides(rows):
    """The rule of the split, written once more and plainly."""
    hashes = dict(zip([t for t, _ in rows], hash_texts([t for t, _ in rows]).tolist(), strict=True))
    is_test = [bool(is_held_out(np.array([hashes[t]], np.uint64), SHARE)[0]) for t, _ in rows]
    trained = {c for (_, classes), held in zip(rows, is_test, strict=True) if not held for c in classes}
    most = defaultdict(int)
    for (text, classes), held in zip(rows, is_test, strict=True):
        for c in classes if held else []:
            most[c] = max(most[c], hashes[text])
    back = [
        held and any(c not in trained and most[c] == hashes[text] for c in classes)
        for (text, classes), held in zip(rows, is_test, strict=True)
    ]
    test = [row for row, held, b in zip(rows, is_test, back, strict=True) if held and not b]
    train = [row for row, held, b in zip(rows, is_test, back, strict=True) if not held or b]
    return train, test


def as_sets(rows):
    return sorted((text, tuple(sorted(classes))) for text, classes in rows)


def read_sides(source):
    train = rows_of(source, source.example_batch(0, source.num_examples))
    test = rows_of(source, source.queries(source.num_test, seed=0))
    return ([(text, names) for text, _, names in side] for side in (train, test))


@pytest.mark.parametrize("rows", [ROWS, SINGLE], ids=["several classes", "one class"])
def test_every_row_lands_on_the_side_that_the_rule_says(tmp_path, rows):
    source = open_text(config_of(tmp_path, write_tsv(tmp_path / "t.tsv", rows), class_separator="|"))
    train, test = read_sides(source)
    expected_train, expected_test = expected_sides(rows)
    assert as_sets(train) == as_sets(expected_train)
    assert as_sets(test) == as_sets(expected_test)
    assert len(expected_test) > 100


@pytest.mark.parametrize("rows", [ROWS, SINGLE], ids=["several classes", "one class"])
@pytest.mark.parametrize("num_classes", [None, 2, 7])
def test_pairs_are_the_examples_of_the_kept_classes(tmp_path, rows, num_classes):
    source = open_text(
        config_of(tmp_path, write_tsv(tmp_path / "t.tsv", rows), class_separator="|"), num_classes
    )
    train, _ = expected_sides(rows)
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
