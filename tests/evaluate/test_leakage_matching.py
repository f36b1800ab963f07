"""The matchers against all pairs counted by hand."""

from itertools import product

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_data import make_texts

from xclass.data.base import SparseRows
from xclass.evaluate.leakage_texts import NEAR_JACCARD, TextMatcher, fold
from xclass.evaluate.leakage_vectors import VectorMatcher

LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=8)


def grams(line):
    padded = f"<{line}>"
    return {padded[at : at + n] for n in (3, 4) for at in range(len(padded) - n + 1)}


def pairs_of(matches):
    return {
        (int(query), int(example), bool(exact))
        for query, example, exact in zip(matches.queries, matches.examples, matches.is_exact, strict=True)
    }


def test_pairs_of_texts_are_those_that_share_enough_ngrams():
    draw = np.random.default_rng(3)
    base = ["".join(draw.choice(list("abcdefghij"), 60)) for _ in range(40)]
    changed = []
    for line in base:
        letters = list(line)
        for at in draw.choice(60, draw.integers(0, 5), replace=False):
            letters[at] = "z"
        changed.append("".join(letters))
    expected = {
        (query, example)
        for (query, one), (example, other) in product(enumerate(base), enumerate(changed))
        if len(grams(one) & grams(other)) / len(grams(one) | grams(other)) >= NEAR_JACCARD
    }
    found = pairs_of(TextMatcher(make_texts(base)).look(make_texts(changed)))
    assert {(query, example) for query, example, _ in found} == expected
    assert {(query, example) for query, example, exact in found if exact} == {
        (at, at) for at in range(40) if base[at] == changed[at]
    }
    assert 5 < len(expected) < 40


def test_a_context_is_part_of_a_text():
    lines = ["the very same words"]
    found = TextMatcher(make_texts(lines, [1])).look(make_texts(lines * 2, [2, 1]))
    assert {example for _, example, _ in pairs_of(found)} == {1}


def test_one_text_in_many_contexts_does_not_hide_its_own():
    lines = ["same"] * 50
    found = TextMatcher(make_texts(["same"], [49])).look(make_texts(lines, range(50)))
    assert (0, 49, True) in pairs_of(found)


def test_data_of_one_text_a_thousand_times_is_no_trouble():
    texts = make_texts(["always the same"] * 1000)
    found = TextMatcher(texts).look(texts)
    assert set(found.queries) == set(range(1000))
    assert len(found.queries) < 150_000


@settings(max_examples=60, deadline=None)
@given(LINES)
def test_folding_keeps_one_line_per_text(lines):
    folded, strings = fold(make_texts(lines))
    assert len(strings) == len(folded) == len(lines)
    for at, line in enumerate(strings):
        inside = folded.bytes_[folded.offsets[at] : folded.offsets[at + 1]].tobytes().decode()
        assert inside == line == line.strip(" ")
    assert fold(folded)[1] == strings or any(not line.isascii() for line in lines)


def test_nothing_matches_an_empty_text():
    assert len(TextMatcher(make_texts(["", " ", "a"])).look(make_texts(["", "  ", "b"])).queries) == 0


def test_copies_of_sparse_rows():
    def rows(*entries):
        starts = np.cumsum([0, *map(len, entries)], dtype=np.int64)
        flat = [pair for one in entries for pair in one]
        return SparseRows(
            starts=starts,
            columns=np.array([column for column, _ in flat], np.int32),
            values=np.array([value for _, value in flat], np.float32),
            num_columns=100,
        )

    queries = rows([(1, 0.5), (2, 3.0)], [(7, 1.0), (8, 4.0)], [(50, 1.0)])
    found = VectorMatcher(queries).look(
        rows([(1, 0.5), (2, 3.0)], [(7, 1.0), (8, 4.1)], [(60, 2.0)], [(61, 2.0)], [(62, 2.0)])
    )
    assert pairs_of(found) == {(0, 0, True), (1, 1, False)}
