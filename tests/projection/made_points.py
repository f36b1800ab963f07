"""Made-up measurements whose truth is known: the closed form of a real configuration, with our factors."""

import json
from dataclasses import asdict, replace

from xclass.config import RunConfig
from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.record import Accuracy, Pass, Phase, Record, Verdict
from xclass.sizing.plan import make_shape, plan_method

BASE_BYTES = {"train": 250_000_000, "build": 66_000_000, "load": 66_000_000, "serve": 66_000_000}
COUNTER_ERROR_BYTES = 786_432
PINNED = {"OMP_NUM_THREADS": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_ARENA_MAX": "1"}


def make_config(classes, **changes):
    """A run of two threads at so many classes."""
    return replace(RunConfig(), **{"classes": classes, "threads": 2, **changes})


def split(rss_bytes, swap_bytes=0):
    return MemorySplit(
        rss_bytes=rss_bytes, anon_bytes=rss_bytes, file_bytes=0, shmem_bytes=0, swap_bytes=swap_bytes
    )


def reading(base_bytes, over_base_bytes, swap_bytes=0):
    peak = base_bytes + over_base_bytes
    return MemoryReading(
        interpreter=split(15_000_000), base=split(base_bytes), end=split(peak, swap_bytes),
        peak_rss_bytes=peak, peak_anon_bytes=peak, peak_file_bytes=0, peak_shmem_bytes=0,
        sampled_peak_rss_bytes=peak, num_samples=9,
    )  # fmt: skip


def measured(config, method, *, law=None, extra_bytes=0, base_bytes=None, **changes):
    """Records of the three phases, whose peak is base + sum of factor * component + extra_bytes.

    Args:
        law: phase -> component -> factor, 1.0 where it is not named; a number for every component.
        extra_bytes: what no component explains.
        base_bytes: of every phase; by default BASE_BYTES.
        changes: of every record.
    """
    shape = make_shape(config, config.classes)
    records = []
    for plan in plan_method(config, method, shape):
        factors = (law or {}).get(plan.phase, 1.0)
        over = extra_bytes + sum(
            round(size * (factors if isinstance(factors, float) else factors.get(name, 1.0)))
            for name, size in plan.regime.components.items()
        )
        base = base_bytes or BASE_BYTES[plan.phase]
        values = {
            "method": method, "phase": plan.phase, "pass_": Pass.RSS, "verdict": Verdict.MEASURED,
            "classes": config.classes, "dim": config.dim, "data": config.data.name, "seed": 0, "seconds": 1.0,
            "memory": reading(base, over), "environment": PINNED,
            "config": json.loads(json.dumps(asdict(config))),
            "machine": {"rss_counter_error_bytes": COUNTER_ERROR_BYTES, "packages": {"torch": "2.13"}},
        }  # fmt: skip
        records.append(Record(**{**values, **changes}))
    return records


def phase_of(records, phase):
    return [record for record in records if record.phase is Phase(phase)]


def answered(record, at_1):
    """The serve record with an accuracy."""
    accuracy = Accuracy(
        num_queries=2000, at_1=at_1, at_1_low=at_1 - 0.02, at_1_high=at_1 + 0.02, at_5=at_1, at_5_low=at_1,
        at_5_high=at_1,
    )  # fmt: skip
    return replace(record, accuracy=accuracy)
