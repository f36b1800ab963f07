"""The advice is the cheapest method that comes close enough, in words that need no knowledge of methods."""

from types import SimpleNamespace

import pytest
from made_records import answered, make_record, predicted, reading

from xclass.records.record import Phase
from xclass.report.advice import advice_line, advice_text, within_points
from xclass.report.rows import rows


def method(name, peak, right, half=0.005, fit=Phase.TRAIN, **changes):
    changes["predicted"] = predicted(20, 50)
    accuracy = answered(right, right - half, right + half)
    return [
        make_record(name, fit, memory=reading(50, 2 * peak), seconds=3.2, **changes),
        make_record(name, Phase.SERVE, memory=reading(50, peak), accuracy=accuracy, **changes),
    ]


def advice(*methods, points=1.0, choices=None):
    found = rows(record for records in methods for record in records)
    return advice_text(found, within_points=points, choices=choices)


HEAD = method("dense_softmax", 900, 0.95)
MEANS = method("nearest_neighbour", 200, 0.94, fit=Phase.BUILD)
PRIOR = method("prior", 60, 0.10, fit=Phase.BUILD)


def test_the_cheapest_that_reaches_close_enough_is_taken_and_needs_no_training():
    text = advice(HEAD, MEANS, PRIOR)
    assert text.startswith(
        "**Advice: `nearest_neighbour`**, the cheapest to serve of those that reach within 1 point"
    )
    assert "94.0 % right (93.5 to 94.5), for 200 MiB of RAM (measured); the best, `dense_softmax`" in text
    assert "You do not need to train a neural network for this: the model is built" in text
    assert "in 3.2 s with 400 MiB of RAM" in text


@pytest.mark.parametrize(
    ("points", "taken"), [(0.0, "dense_softmax"), (0.4, "dense_softmax"), (0.6, "nearest_neighbour"),
                          (90.0, "prior")],
)  # fmt: skip
def test_how_close_is_close_enough_can_be_set(points, taken):
    assert advice(HEAD, MEANS, PRIOR, points=points).startswith(f"**Advice: `{taken}`**")


def test_the_best_alone_says_why():
    assert "no other method comes within 0.1 points of it" in advice(HEAD, MEANS, points=0.1)
    cheap = method("sampled_softmax", 1800, 0.949)
    assert "it answers best, and no other within 1 point of it costs noticeably less" in advice(HEAD, cheap)


def test_the_best_needs_no_training_either_where_it_is_built():
    text = advice(method("sparse_means", 200, 0.97, fit=Phase.BUILD), HEAD)
    assert text.startswith("**Advice: `sparse_means`**: no other method comes within")
    assert "You do not need to train a neural network" in text


def test_what_was_stopped_before_it_saw_all_examples_is_named():
    short = method("sampled_softmax", 1800, 0.90, data_facts={"num_examples": 1000}, examples_seen=190)
    assert "Of the training examples `sampled_softmax` saw 19 % in its time" in advice(HEAD, short)
    assert "in its time" not in advice(HEAD, MEANS)


def test_of_those_that_cost_the_same_the_more_accurate_is_taken():
    same = method("sampled_softmax", 898, 0.945)
    assert advice(HEAD, same).startswith("**Advice: `dense_softmax`**"), "2 MiB are what equal runs differ by"
    choice = SimpleNamespace(usd_per_month=30.0, server=SimpleNamespace(instance="small"))
    both = dict.fromkeys(("dense_softmax", "nearest_neighbour"), choice)
    assert advice(HEAD, MEANS, choices=both).startswith("**Advice: `dense_softmax`**"), (
        "one server holds either"
    )


def test_where_prices_are_known_the_month_decides():
    def server(usd, name):
        return SimpleNamespace(usd_per_month=usd, server=SimpleNamespace(instance=name))

    text = advice(
        HEAD, MEANS, choices={"dense_softmax": server(30.0, "t.a"), "nearest_neighbour": server(9.5, "t.b")}
    )
    assert "for 9.5 USD a month (t.b; 200 MiB of RAM (measured))" in text
    assert "for 30 USD a month (t.a; " in text


def test_intervals_that_overlap_are_said_not_to_tell_apart():
    assert "these queries do not tell them apart" in advice(
        HEAD, method("nearest_neighbour", 200, 0.945, 0.01)
    )
    assert "(1.0 points less)" in advice(HEAD, method("nearest_neighbour", 200, 0.94, 0.004), points=2.0)


def test_what_borrows_from_a_trained_method_is_not_called_untrained():
    config = {"index": {"vectors": "dense_softmax", "model": None}}
    borrower = method("nearest_neighbour", 200, 0.94, fit=Phase.BUILD, config=config)
    assert "neural network" not in advice(HEAD, borrower)
    assert "neural network" in advice(HEAD, MEANS)


def test_one_method_gets_no_advice_and_a_terminal_no_marks():
    assert advice(HEAD) == ""
    line = advice_line(rows([*HEAD, *MEANS]), within_points=1.0)
    assert line.startswith("Advice: nearest_neighbour, the cheapest")
    assert "*" not in line


def test_points_are_those_that_the_run_was_told():
    told = make_record("dense_softmax", Phase.SERVE, config={"evaluate": {"advice_points": 3}})
    assert within_points([make_record("dense_softmax", Phase.TRAIN), told]) == 3.0
    assert within_points([make_record("x", Phase.TRAIN, config={"evaluate": []})]) == 1.0
