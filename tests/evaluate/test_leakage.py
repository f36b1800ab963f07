"""Planted copies are found, told apart by class, and stated with how far was looked."""

import numpy as np
import pytest
from made_data import ListSource

from xclass.evaluate.config import EvaluateConfig
from xclass.evaluate.leakage import find_cautions
from xclass.records.cautions import CautionKind

SENTENCE = "a rather long description of the {} that people of the catalogue department have written"
TRAIN = [(f"product number {place * 7919}", place % 10) for place in range(60)]


def look(train, test, *, num_classes=10, facts=None, **changes):
    config = EvaluateConfig(**{"num_queries": 10_000, **changes})
    source = ListSource(train, test, num_classes)
    found, leakage = find_cautions(
        source, config, facts={"num_test": len(test)} if facts is None else facts, seed=0
    )
    return {caution.kind: caution for caution in found}, leakage


def test_copies_are_counted_by_class_whatever_their_letter_case_and_spaces():
    test = [("  PRODUCT number\t0 ", 0), ("Product Number 7919", 5), ("ﬁne new thing", 3)]
    found, leakage = look([*TRAIN, ("fine  new thing", 3)], test)
    copies = found[CautionKind.COPIES]
    assert (copies.num_found, copies.num_checked) == (3, 3)
    assert "2 under the same class" in copies.words
    assert "1 under other classes only" in copies.words
    assert "“PRODUCT number 0” and “product number 0”, both of class 0" in copies.examples
    assert "“Product Number 7919” and “product number 7919”, of class 5 and of class 1" in copies.examples
    assert (leakage.num_examples_seen, leakage.num_examples, leakage.left_out) == (61, 61, None)
    assert "At least" not in copies.words


def test_a_near_copy_is_no_copy_and_a_copy_is_no_near_copy():
    long = SENTENCE.format("chair")
    found, _ = look(
        [(long, 1), ("short", 2)], [(long.replace("written", "writtem"), 1), ("short", 2), ("shirt", 2)]
    )
    near, copies = found[CautionKind.NEAR_COPIES], found[CautionKind.COPIES]
    assert (near.num_found, copies.num_found) == (1, 1)
    assert near.examples[0].startswith("“a rather long")
    assert near.examples[0].endswith("both of class 1")


def test_of_a_query_with_several_classes_one_in_common_is_enough():
    found, _ = look([("alpha beta", (1, 2)), ("gamma delta", (3, 4))],
                    [("alpha beta", (2, 5)), ("gamma delta", (5, 6))])  # fmt: skip
    assert "1 under the same class" in found[CautionKind.COPIES].words
    assert "1 under other classes only" in found[CautionKind.COPIES].words


def test_clean_data_has_no_copies():
    found, leakage = look(
        TRAIN, [(f"wholly other words {place * 104729}", place % 10) for place in range(50)]
    )
    assert not {CautionKind.COPIES, CautionKind.NEAR_COPIES} & set(found)
    assert leakage.num_examples_seen == 60


def test_what_ran_out_of_time_says_how_far_it_looked():
    """One block of texts of 8 kB each is all that a nanosecond allows."""
    train = [(f"{place} " + "word " * 1600, 0) for place in range(200)]
    found, leakage = look(train, [(train[place][0], 0) for place in range(200)], leakage_seconds=1e-9)
    assert 0 < leakage.num_examples_seen < 200
    assert f"At least so many: {leakage.num_examples_seen} of 200" in found[CautionKind.COPIES].words


def test_nothing_is_searched_where_examples_are_drawn_afresh_or_nobody_wants_it():
    for facts, changes, reason in (
        ({"num_test": None}, {}, "drawn afresh"),
        ({"num_test": 1}, {"leakage_seconds": 0.0}, "leakage_seconds=0"),
    ):
        found, leakage = look(TRAIN, [("product number 0", 0)], facts=facts, **changes)
        assert CautionKind.COPIES not in found
        assert reason in leakage.left_out
        assert leakage.num_examples_seen == 0


def test_classes_without_queries_are_named_the_most_frequent_first():
    found, _ = look(TRAIN, [("new", (0, 3)), ("newer", 4)])
    unasked = found[CautionKind.CLASSES_WITHOUT_QUERIES]
    assert (unasked.num_found, unasked.num_checked) == (7, 10)
    assert unasked.examples == ["“class 1”", "“class 2”", "“class 5”"]


def test_classes_that_the_source_has_counted_are_not_counted_again():
    found, _ = look(TRAIN, [("new", 0)], facts={"num_test": 1, "num_test_classes": 9})
    assert found[CautionKind.CLASSES_WITHOUT_QUERIES].num_found == 1


@pytest.mark.parametrize(("num_test", "is_few"), [(1500, True), (1600, False)])
def test_few_queries_are_those_whose_interval_is_wider_than_five_points(num_test, is_few):
    found, _ = look(TRAIN, [(f"{place * 7927} words", place % 10) for place in range(num_test)])
    assert (CautionKind.FEW_QUERIES in found) == is_few


def test_few_queries_say_whether_more_can_be_asked():
    test = [(f"{place} words", 0) for place in range(50)]
    assert "no more held-out" in look(TRAIN, test)[0][CautionKind.FEW_QUERIES].words
    assert "evaluate.num_queries" in look(TRAIN, test, num_queries=20)[0][CautionKind.FEW_QUERIES].words


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_copies_of_vectors_are_found_by_their_distance(scale):
    draw = np.random.default_rng(0)
    train_ND = (draw.normal(size=(3000, 16)) * scale).astype(np.float32)
    test_QD = (draw.normal(size=(20, 16)) * scale).astype(np.float32)
    test_QD[0] = train_ND[2999]
    test_QD[1] = train_ND[5] * np.float32(1.01)
    found, _ = look(
        list(zip(train_ND, [0] * 3000, strict=True)), list(zip(test_QD, [0] * 10 + [1] * 10, strict=True))
    )
    assert found[CautionKind.COPIES].num_found == found[CautionKind.NEAR_COPIES].num_found == 1
    assert found[CautionKind.COPIES].examples == ["query 0 and training example 2999, both of class 0"]
    assert found[CautionKind.NEAR_COPIES].examples == ["query 1 and training example 5, both of class 0"]


def test_of_very_long_queries_only_some_are_searched_for():
    test = [(f"{place} {'word ' * 20_000}", 0) for place in range(30)]
    _, leakage = look(TRAIN, test)
    assert leakage.num_queries == 20, "of 100 kB each, in 2 MiB"
