"""Hand-made records and their parts: every number is known."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from xclass.records.memory import MemoryReading, MemorySplit
from xclass.records.record import Accuracy, HeapReading, Latency, Pass, Phase, Record, Verdict
from xclass.report.markdown import run_sections
from xclass.report.page.document import Document

MIB = 1 << 20


def render_markdown(records: Iterable[Record], **options: Any) -> str:
    """The report of one run."""
    return Document(title="xclass report", sections=tuple(run_sections(records, **options))).to_markdown()


def split(rss: int, file: int = 40) -> MemorySplit:
    return MemorySplit(
        rss_bytes=rss * MIB, anon_bytes=(rss - file) * MIB, file_bytes=file * MIB, shmem_bytes=0, swap_bytes=0
    )


def reading(base: int, peak: int, file: int = 40) -> MemoryReading:
    return MemoryReading(
        interpreter=split(20, 10),
        base=split(base),
        end=split(peak - 1),
        peak_rss_bytes=peak * MIB,
        peak_anon_bytes=(peak - file) * MIB,
        peak_file_bytes=file * MIB,
        peak_shmem_bytes=0,
        sampled_peak_rss_bytes=(peak - 2) * MIB,
        num_samples=50,
    )


def predicted(over_base: int, base: int, regime: str = "class block") -> dict[str, Any]:
    return {
        "base_bytes": base * MIB,
        "regime": regime,
        "components": {"weights": (over_base - 4) * MIB, "class block": 4 * MIB},
        "over_base_bytes": over_base * MIB,
        "peak_bytes": (over_base + base) * MIB,
    }


def make_record(method: str, phase: Phase, pass_: Pass = Pass.RSS, **changes: Any) -> Record:
    values: dict[str, Any] = {
        "method": method,
        "phase": phase,
        "pass_": pass_,
        "verdict": Verdict.MEASURED,
        "classes": 100_000,
        "dim": 64,
        "data": "synthetic",
        "seed": 0,
        "seconds": 12.5,
        "data_facts": {"bayes_accuracy": 0.8123, "split": {"train": 1_000_000, "test": 100_000}},
        "config": {"classes": 100_000, "dim": 64, "budget": {"minutes": 2.0}},
        "machine": {"cpu": "Testor 9000", "memory_bytes": 25_000_000_000, "versions": {"numpy": "2.4.6"}},
        "environment": {"MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "2"},
        "command": ["python", "-m", "xclass.run.worker", f"specs/{method}-{phase}-{pass_}.json"],
        "started_at": "2026-01-02T03:04:05+00:00",
    }
    return Record(**{**values, **changes})


def answered(right: float, low: float, high: float) -> Accuracy:
    return Accuracy(
        num_queries=10_000,
        at_1=right,
        at_1_low=low,
        at_1_high=high,
        at_5=min(1.0, right + 0.2),
        at_5_low=min(1.0, right + 0.19),
        at_5_high=min(1.0, right + 0.21),
    )


def latencies(p50: float) -> list[Latency]:
    return [
        Latency(
            batch_size=size,
            num_batches=200,
            p50_seconds=p50 * scale,
            p95_seconds=p50 * scale * 1.5,
            p99_seconds=p50 * scale * 3,
            queries_per_second=size / (p50 * scale),
        )
        for size, scale in ((256, 20.0), (1, 1.0))
    ]


def heap(method: str, phase: Phase, peak: int) -> Record:
    stem = f"heap/{method}-{phase}"
    found = HeapReading(
        peak_heap_bytes=peak * MIB, num_allocations=1234, capture=f"{stem}.bin", flamegraph=f"{stem}.html"
    )
    return make_record(method, phase, Pass.HEAP, heap=found, config={"budget": {"minutes": 0.1}})


def measured_method(method: str, base: int, over: int, accuracy: Accuracy, p50: float) -> list[Record]:
    return [
        make_record(
            method,
            Phase.TRAIN,
            memory=reading(base, base + over),
            predicted=predicted(over - 1, base),
            held={"weights": (over - 5) * MIB},
            examples_seen=640_000,
            seconds=125.0,
        ),
        heap(method, Phase.TRAIN, over + 3),
        make_record(
            method,
            Phase.SERVE,
            memory=reading(base - 50, base - 50 + 30, file=60),
            predicted=predicted(29, base - 50),
            held={"weights": 25 * MIB},
            accuracy=accuracy,
            latencies=latencies(p50),
            details={"index": "IVF256,Flat"} if method == "nearest_neighbour" else {},
        ),
        heap(method, Phase.SERVE, 6),
    ]
