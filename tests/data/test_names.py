"""Names of classes get the numbers that a dictionary would give them, in bounded memory."""

import tracemalloc

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xclass.data import names
from xclass.data.names import NameTable


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.binary(max_size=3), unique=True, max_size=40), max_size=12))
def test_it_numbers_as_a_dictionary_does(calls):
    table, known = NameTable(), {}
    for call in calls:
        expected = [known.setdefault(name, len(known)) for name in call]
        assert table.add(call).tolist() == expected
        assert table.find([*call, b"never there"]).tolist() == [*expected, -1]
    assert table.num_names == len(known)


def test_it_grows_and_forgets_nothing(monkeypatch):
    monkeypatch.setattr(names, "_FIRST_SLOTS", 4)
    monkeypatch.setattr(names, "_REHASH_SLOTS", 8)
    table = NameTable()
    all_names = [f"class {i}".encode() for i in range(3000)]
    for start in range(0, 3000, 37):
        table.add(all_names[start : start + 37])
    assert table.find(all_names).tolist() == list(range(3000))


def test_names_that_meet_in_the_table_stay_apart(monkeypatch):
    """All keys equal but for the check: every look-up walks over every name before it."""
    full_hash = names._hash

    def crowded(given_names):
        keys, checks = full_hash(given_names)
        return np.full_like(keys, 7), checks

    monkeypatch.setattr(names, "_hash", crowded)
    table = NameTable()
    assert table.add([b"a", b"b", b"c"]).tolist() == [0, 1, 2]
    assert table.add([b"d", b"b", b"a"]).tolist() == [3, 1, 0]
    assert table.find([b"c", b"x"]).tolist() == [2, -1]


def test_a_name_takes_what_the_closed_form_says():
    num = 100_000
    tracemalloc.start()
    table = NameTable()
    for start in range(0, num, 10_000):
        table.add([b"product line %d" % i for i in range(start, start + 10_000)])
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 27 * num < held < 54 * num
    assert peak < 1.5 * 54 * num
