"""data=xmc from file to batch: what is read back, the split made here, fewer classes, damaged files."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from xclass.data.base import batch_ranges
from xclass.data.xmc.config import XmcConfig
from xclass.data.xmc.entry import open_source, prepare
from xclass.errors import ConfigError, DataError

NUM_CLASSES, NUM_FEATURES = 40, 90


def made_examples(count, *, seed=0, least_classes=0):
    """(classes, {feature: value}) of each; frequent classes first, some examples without any."""
    rng = np.random.default_rng(seed)
    examples = []
    for _ in range(count):
        classes = np.unique((NUM_CLASSES * rng.random(rng.integers(least_classes, 4)) ** 2).astype(int))
        columns = np.unique(rng.integers(0, NUM_FEATURES, rng.integers(1, 9)))
        values = rng.random(len(columns)).astype(np.float32).tolist()
        examples.append((classes.tolist(), dict(zip(columns.tolist(), values, strict=True))))
    return examples


EXAMPLES, HELD_OUT = made_examples(400), made_examples(120, seed=1)


def written(examples, *, header=None, base=0):
    lines = [" ".join(map(str, header))] if header else []
    for classes, features in examples:
        words = [
            ",".join(str(c + base) for c in classes),
            *(f"{f + base}:{v!r}" for f, v in features.items()),
        ]
        lines.append(" ".join(words))
    return ("\n".join(lines) + "\n").encode()


def opened(config, *, num_classes=None, seed=0):
    facts = prepare(config, num_classes=num_classes, dim=64, seed=seed, progress=lambda *_: None)
    return open_source(config, num_classes=facts["num_classes"], dim=64, seed=seed, facts=facts), facts


def rows(source, batch, *, base=0):
    """Sorted (set of classes as numbered in the file, features) of whole examples."""
    inputs, sets = batch.inputs, batch.sets
    found = []
    for i in range(len(batch)):
        classes = sets.classes[sets.starts[i] : sets.starts[i + 1]].tolist()
        at = slice(inputs.starts[i], inputs.starts[i + 1])
        names = tuple(sorted(int(source.class_name(c).removeprefix("class ")) - base for c in classes))
        found.append(
            (names, tuple(zip((inputs.columns[at] - base).tolist(), inputs.values[at].tolist(), strict=True)))
        )
    return sorted(found)


def expected(examples):
    return sorted(
        (tuple(c), tuple((f, float(np.float32(v))) for f, v in x.items())) for c, x in examples if c
    )


@pytest.fixture
def config(tmp_path):
    (tmp_path / "train.txt").write_bytes(written(EXAMPLES, header=(400, NUM_FEATURES, NUM_CLASSES)))
    (tmp_path / "test.txt").write_bytes(written(HELD_OUT, header=(120, NUM_FEATURES, NUM_CLASSES)))
    return XmcConfig(
        path=str(tmp_path / "train.txt"), test_path=str(tmp_path / "test.txt"), cache=str(tmp_path / "cache")
    )


def test_every_example_with_a_class_is_read_back_whole(config):
    source, facts = opened(config)
    assert rows(source, source.example_batch(0, source.num_examples)) == expected(EXAMPLES)
    assert rows(source, source.queries(10**6, seed=3)) == expected(HELD_OUT)
    assert facts["num_rows_without_class"] == sum(not classes for classes, _ in EXAMPLES + HELD_OUT)
    assert facts["num_features"] == NUM_FEATURES
    entries = sum(len(features) for _, features in EXAMPLES + HELD_OUT)
    assert facts["features_per_example"] == pytest.approx(entries / 520)
    assert len(facts["files"]) == 2


@pytest.mark.parametrize(
    ("base", "header", "packed"),
    [(0, False, True), (1, False, False), (1, True, True)],
    ids=["gz without header", "from 1 without header", "gz from 1"],
)
def test_header_gz_and_numbers_from_1_change_nothing(config, tmp_path, base, header, packed):
    for name, examples in (("train", EXAMPLES), ("test", HELD_OUT)):
        text = written(
            examples, base=base, header=(len(examples), NUM_FEATURES, NUM_CLASSES) if header else None
        )
        (tmp_path / f"{name}.other").write_bytes(gzip.compress(text) if packed else text)
    other = XmcConfig(
        path=str(tmp_path / "train.other"), test_path=str(tmp_path / "test.other"), cache=config.cache
    )
    source, _ = opened(other)
    assert rows(source, source.example_batch(0, source.num_examples), base=base) == expected(EXAMPLES)
    assert rows(source, source.queries(1000, seed=0), base=base) == expected(HELD_OUT)


def test_pairs_hold_an_example_once_for_each_class(config):
    source, _ = opened(config)
    counts = Counter(c for classes, _ in EXAMPLES for c in classes)
    assert source.class_counts().tolist() == sorted(counts.values(), reverse=True)
    for batch in (source.scan_batch(0, source.num_train), source.train_batch(1, 0, source.num_train)):
        assert np.bincount(batch.classes_B).tolist() == source.class_counts().tolist()
        assert len(batch.inputs) == source.num_train == counts.total()
    parts = [source.train_batch(1, a, b) for a, b in batch_ranges(source.num_train, 37)]
    whole = source.train_batch(1, 0, source.num_train)
    np.testing.assert_array_equal(np.concatenate([part.classes_B for part in parts]), whole.classes_B)
    np.testing.assert_array_equal(np.concatenate([part.inputs.values for part in parts]), whole.inputs.values)
    assert whole.classes_B.tolist() != source.train_batch(2, 0, source.num_train).classes_B.tolist()
    assert whole.classes_B.tolist() != source.scan_batch(0, source.num_train).classes_B.tolist()


def test_fewer_classes_are_the_most_frequent_and_what_is_left_of_each_set(config):
    source, facts = opened(config, num_classes=5)
    whole, _ = opened(config)
    kept = {int(whole.class_name(c).removeprefix("class ")) for c in range(5)}
    left = [([c for c in classes if c in kept], features) for classes, features in EXAMPLES]
    assert rows(source, source.example_batch(0, source.num_examples)) == expected(left)
    assert source.class_counts().tolist() == whole.class_counts()[:5].tolist()
    assert (facts["num_classes"], facts["num_classes_existing"]) == (5, whole.num_classes)
    with pytest.raises(ConfigError, match=rf"classes=41: allowed is 2 to {whole.num_classes},"):
        opened(config, num_classes=41)


def test_the_split_made_here_keeps_equal_rows_together_and_a_row_for_every_class(tmp_path):
    alone = [([39], {80 + i: 1.0}) for i in range(3)]
    doubled = made_examples(300, seed=5, least_classes=1) * 2 + alone
    (tmp_path / "all.txt").write_bytes(written(doubled))
    config = XmcConfig(path=str(tmp_path / "all.txt"), test_share=0.3, cache=str(tmp_path / "cache"))
    source, facts = opened(config)
    train = rows(source, source.example_batch(0, source.num_examples))
    test = rows(source, source.queries(10**6, seed=0))
    assert sorted(train + test) == expected(doubled)
    assert not {features for _, features in train} & {features for _, features in test}
    assert 0.2 < len(test) / len(doubled) < 0.4
    classes = {c for classes, _ in train for c in classes}
    assert classes == {c for classes, _ in doubled for c in classes}
    assert "equal rows on one side" in facts["split"]


def test_rows_keep_their_side_when_others_are_added(tmp_path):
    def sides(examples):
        (tmp_path / "all.txt").write_bytes(written(examples))
        config = XmcConfig(path=str(tmp_path / "all.txt"), test_share=0.3, cache=str(tmp_path / "cache"))
        source, _ = opened(config)
        return set(rows(source, source.queries(10**6, seed=0)))

    frequent = [([i % 4], {i % 80: 1.0 + i}) for i in range(300)]
    before = sides(frequent)
    after = sides(frequent + [([i % 4], {i % 80: 9000.0 + i}) for i in range(100)])
    assert 0 < len(before) < len(after)
    assert before < after


def test_a_class_that_only_the_test_has_is_left_out_and_counted(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"1 2:3\n4 5:6\n1,4 7:8\n")
    (tmp_path / "test.txt").write_bytes(b"1,9 2:3\n9 5:6\n8,9 1:1\n4 2:2\n")
    config = XmcConfig(
        path=str(tmp_path / "train.txt"), test_path=str(tmp_path / "test.txt"), cache=str(tmp_path / "cache")
    )
    source, facts = opened(config)
    assert rows(source, source.queries(10, seed=0)) == [((1,), ((2, 3.0),)), ((4,), ((2, 2.0),))]
    assert (facts["num_untrained_classes"], facts["num_unseen_test_rows"]) == (2, 2)


def test_the_plan_knows_the_header_and_then_the_counts(config, tmp_path):
    assert config.known_facts()["num_features"] == NUM_FEATURES
    assert config.default_classes == NUM_CLASSES
    source, _ = opened(config)
    assert config.default_classes == source.num_classes
    assert config.num_train(source.num_classes) == source.num_train
    exact = int(source.class_counts()[:8].sum())
    assert config.num_train(8) == exact
    (tmp_path / "train.txt").unlink()
    assert config.known_facts() is None
    assert config.num_train(8) == 8


def test_a_second_run_reads_nothing_again_and_another_file_does(config, tmp_path):
    _, facts = opened(config)
    told = []
    prepare(config, num_classes=None, dim=4, seed=0, progress=lambda *words: told.append(words))
    assert told == []
    (tmp_path / "train.txt").write_bytes(written(EXAMPLES[:300]))
    assert opened(config)[1]["folder"] != facts["folder"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (written(EXAMPLES, header=(401, 90, 40)), "train.txt:1: the header promises 401 examples and 400 "),
        (b"2 5 3\n0 1:1\n1 6:1\n", "train.txt:3: feature 6, but the header promises 5 of them"),
        (b"2 5 3\n0 0:1\n1 5:1\n", "train.txt:3: feature 5, but "),
        (b"2 5 3\n4 0:1\n1 1:1\n", "train.txt:2: class 4, but the header promises 3 of them"),
        (b"1 2:3\n0 1:x\n", "train.txt:2: '1:x' has no number"),
        (b"1 2:3\n1 3:4\n", "train.txt: 1 classes with training examples; at least 2 are needed"),
        (b"\n", "train.txt: no examples"),
        (gzip.compress(written(EXAMPLES))[:-900], "train.txt: cannot be decompressed after "),
    ],
    ids=["too few rows", "feature", "both bases", "class", "no number", "one class", "empty", "cut gz"],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_name_and_nothing_is_left(tmp_path, text, message):
    (tmp_path / "train.txt").write_bytes(text)
    config = XmcConfig(path=str(tmp_path / "train.txt"), cache=str(tmp_path / "cache"))
    with pytest.raises(DataError) as caught:
        opened(config)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_cache_is_noticed(config):
    _, facts = opened(config)
    path = Path(facts["folder"]) / "rows.u8"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"rows\.u8: \d+ bytes instead of \d+; delete the folder"):
        opened(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": " "}, "data.path=' '"),
        ({"path": "a", "test_path": "a"}, "another file than data.path"),
        ({"path": "a", "test_share": 0.0}, "data.test_share=0.0: allowed is above 0, to 0.5"),
        ({"path": "a", "cache": ""}, "data.cache=''"),
    ],
)
def test_a_setting_that_no_file_can_have_is_refused(settings, message):
    with pytest.raises(ConfigError) as caught:
        XmcConfig(**settings)
    assert message in str(caught.value)
