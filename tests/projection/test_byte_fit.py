"""Factors of made-up laws: found where points can tell, 1.00 where they cannot."""

import random

import pytest
from made_points import make_config, measured, phase_of

from xclass.projection.byte_fit import fit_bytes
from xclass.projection.points import points_of

SIZES = (100_000, 1_000_000, 8_000_000)


def fit(
    law=None, *, sizes=SIZES, method="dense_softmax", phase="train", dims=(64, 64, 64), extra=lambda size: 0
):
    records = [
        record
        for size, dim in zip(sizes, dims, strict=True)
        for record in measured(make_config(size, dim=dim), method, law=law, extra_bytes=extra(size))
    ]
    return fit_bytes(points_of(phase_of(records, phase)))


def test_a_law_that_is_right_needs_no_factor():
    found = fit()
    assert found.base_bytes == 250_000_000
    assert found.factors == pytest.approx(dict.fromkeys(found.factors, 1.0), abs=1e-9)


def test_a_law_that_is_ten_percent_off_is_found():
    found = fit({"train": {"class vectors": 1.1}})
    assert found.factors["class vectors"] == pytest.approx(1.10, abs=0.005)
    known = ("class vectors", "program code (mapped)")
    others = {name: factor for name, factor in found.factors.items() if name not in known}
    assert others == pytest.approx(dict.fromkeys(others, 1.0), abs=0.01)


def test_what_does_not_grow_with_the_size_is_no_factor_of_what_does():
    found = fit(extra=lambda size: 1_500_000)
    assert found.factors["class vectors"] == pytest.approx(1.0, abs=1e-3)
    assert found.factors["program code (mapped)"] > 1.3


def test_noise_of_the_counter_moves_no_factor_by_a_percent():
    noise = random.Random(4)
    found = fit(extra=lambda size: noise.randint(-800_000, 800_000))
    assert found.factors["class vectors"] == pytest.approx(1.0, abs=0.002)


def test_components_that_the_points_cannot_tell_apart_share_one_correction():
    """At one size nothing tells one component from another: the large one takes it, small ones stay."""
    found = fit({"train": 1.04}, sizes=(4_000_000,), dims=(64,))
    assert found.factors["class vectors"] == pytest.approx(1.04, abs=0.003)
    assert found.factors["inputs and their gradient"] == pytest.approx(1.0, abs=0.001)


def test_no_factor_is_negative():
    found = fit({"train": {"class vectors": 1.0, "blocks of logits and gradient": -3.0}})
    assert min(found.factors.values()) >= 0.0
