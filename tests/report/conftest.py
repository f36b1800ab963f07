"""Hand-made records of one run: every number is known, and every verdict occurs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from made_records import MIB, answered, make_record, measured_method, predicted, reading

from xclass.records.record import Pass, Phase, Record, Verdict


@pytest.fixture
def record() -> Callable[..., Record]:
    return make_record


@pytest.fixture
def run_records() -> list[Record]:
    """Three measured methods, one refused, one out of memory, one failed heap pass, data preparation."""
    return [
        make_record("synthetic", Phase.PREPARE, memory=reading(60, 64), seconds=0.4),
        *measured_method("dense_softmax", 300, 31, answered(0.7312, 0.7224, 0.7398), 0.0021),
        *measured_method("sampled_softmax", 310, 57, answered(0.7290, 0.7202, 0.7376), 0.0020),
        *measured_method("nearest_neighbour", 120, 33, answered(0.6101, 0.6005, 0.6196), 0.00031),
        make_record(
            "nearest_neighbour",
            Phase.BUILD,
            memory=reading(120, 180),
            predicted=predicted(55, 120, "add"),
            held={"index": 50 * MIB},
            seconds=3.25,
        ),
        make_record(
            "nearest_neighbour",
            Phase.BUILD,
            Pass.HEAP,
            verdict=Verdict.FAILED,
            cause="memray could not write its capture",
            seconds=None,
        ),
        make_record(
            "dense_softmax_autograd",
            Phase.TRAIN,
            verdict=Verdict.DOES_NOT_FIT,
            cause="needs 41.2 GiB, 22.1 GiB available; classes=2500000 or dim=32 would fit",
            predicted=predicted(42_188, 300, "optimiser step"),
            seconds=None,
            available_bytes=23_730_000_000,
        ),
        make_record(
            "dense_softmax_autograd",
            Phase.SERVE,
            verdict=Verdict.OUT_OF_MEMORY,
            cause="killed by the kernel (SIGKILL) at 21.9 GiB",
            seconds=None,
        ),
    ]
