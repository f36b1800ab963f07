"""The store of texts and sets: items of every length come back, by range, by position and by block."""

import numpy as np
import pytest

from xclass.data import text_store
from xclass.data.set_store import SetStore
from xclass.data.text_store import BLOCK, TextStore, TextWriter, store_files


def write(folder, items, dtype=np.uint8, part=50):
    writer = TextWriter(folder, "s", dtype=dtype)
    for start in range(0, len(items), part):
        chunk = items[start : start + part]
        elements = np.concatenate([np.zeros(0, dtype), *chunk])
        writer.append(elements, np.array([len(item) for item in chunk], np.int64))
    writer.finish()
    return TextStore(folder, "s", num_texts=len(items), dtype=dtype)


@pytest.mark.parametrize(
    ("longest", "width"), [(255, 1), (256, 2), (65_535, 2), (65_536, 4)], ids=lambda value: str(value)
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint32])
def test_lengths_are_as_wide_as_the_longest_item_needs(tmp_path, monkeypatch, longest, width, dtype):
    monkeypatch.setattr(text_store, "_COPY_BYTES", 16)
    rng = np.random.default_rng(0)
    sizes = [*rng.integers(0, 9, 150), longest, *rng.integers(0, 9, 33), 300, 7][
        : 150 + 1 + 33 + 2 * (width > 1)
    ]
    items = [rng.integers(0, 250, size).astype(dtype) for size in sizes]
    store = write(tmp_path, items, dtype)
    assert (tmp_path / "s.lengths").stat().st_size == -(-len(items) // BLOCK) * BLOCK * width
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(store_files("s", dtype))
    order = rng.permutation(len(items))
    for got, offsets, expected in (
        (*store.slice(3, len(items)), items[3:]),
        (*store.gather(order), [items[i] for i in order]),
    ):
        assert got.dtype == dtype
        np.testing.assert_array_equal(np.diff(offsets), [len(item) for item in expected])
        np.testing.assert_array_equal(got, np.concatenate(expected))
    elements, lengths = store.read_blocks(np.array([0, 2]))
    np.testing.assert_array_equal(elements, np.concatenate([*items[:BLOCK], *items[2 * BLOCK :]]))
    assert lengths.sum(axis=1).tolist() == [
        sum(map(len, part)) for part in (items[:BLOCK], items[2 * BLOCK :])
    ]
    assert store.bytes_before(len(items)) == sum(map(len, items)) * np.dtype(dtype).itemsize


def test_sets_of_few_classes_are_read_in_parts(tmp_path, monkeypatch):
    """A batch of kept examples may lie in many blocks: they are not in memory at once."""
    rng = np.random.default_rng(0)
    sets = [np.unique(rng.integers(0, 1000, 3)).astype(np.uint32) for _ in range(2000)]
    write(tmp_path, sets, np.uint32)
    monkeypatch.setattr("xclass.data.set_store._PART_BLOCKS", 3)
    for kept in (None, 1, 40, 999):
        store = SetStore(tmp_path, "s", num_examples=len(sets), num_classes=kept)
        pairs = [(i, int(c)) for i, one in enumerate(sets) for c in one if kept is None or c < kept]
        assert store.num_pairs == len(pairs)
        places = rng.permutation(len(pairs))[:500]
        positions, classes = store.pairs_at(places)
        assert list(zip(positions.tolist(), classes.tolist(), strict=True)) == [pairs[i] for i in places]
        examples = sorted({i for i, _ in pairs})
        assert store.num_examples == len(examples)
        places = rng.permutation(len(examples))[:300]
        positions, found = store.sets_at(places)
        assert positions.tolist() == [examples[i] for i in places]
        for number, place in enumerate(places):
            whole = [c for i, c in pairs if i == examples[place]] if number < 20 else None
            got = found.classes[found.starts[number] : found.starts[number + 1]].tolist()
            assert whole is None or got == whole


def test_a_store_without_items_is_read(tmp_path):
    store = write(tmp_path, [])
    assert store.slice(0, 0)[0].tolist() == []
    assert SetStoreOfNothing(tmp_path).num_pairs == 0


def SetStoreOfNothing(folder):  # noqa: N802
    (folder / "t").mkdir()
    write(folder / "t", [], np.uint32)
    return SetStore(folder / "t", "s", num_examples=0, num_classes=5)
