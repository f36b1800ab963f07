"""Counters of a service for Prometheus; with several workers whoever is asked gives the sums of all.

Source: prometheus_client's multiprocess mode: each process maps its own file in PROMETHEUS_MULTIPROC_DIR.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from xclass.serving.batches import BatchDone
from xclass.serving.memory import ProcessMemory
from xclass.serving.settings import SHARED_FOLDER

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_QUERIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Meters:
    """All counters; nothing that a request holds becomes a name or a value of a label."""

    def __init__(self) -> None:
        """Make them, in files where workers share a folder."""
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "xclass_request_seconds", "From the headers of /predict to its answer", ["status"],
            buckets=_SECONDS, registry=self._registry,
        )  # fmt: skip
        self._engine = Histogram(
            "xclass_engine_seconds", "Of one batch in the engine", buckets=_SECONDS, registry=self._registry
        )
        self._batches = Histogram(
            "xclass_batch_queries", "Queries answered at once", buckets=_QUERIES, registry=self._registry
        )
        self._queries = Counter("xclass_queries", "Queries answered", registry=self._registry)
        self._refusals = Counter(
            "xclass_refusals", "Requests refused, by status of HTTP", ["status"], registry=self._registry
        )
        self._swaps = Counter(
            "xclass_swaps", "New models, taken or refused", ["result"], registry=self._registry
        )
        self._queue = Gauge(
            "xclass_queue_queries", "Queries that wait", multiprocess_mode="livesum", registry=self._registry
        )

    def count_request(self, status: int, seconds: float) -> None:
        """One request of /predict, answered or refused."""
        self._seconds.labels(str(status)).observe(seconds)
        if status != 200:
            self._refusals.labels(str(status)).inc()

    def count_batch(self, batch: BatchDone) -> None:
        """One batch of the engine."""
        self._engine.observe(batch.seconds)
        self._batches.observe(batch.num_queries)
        self._queries.inc(batch.num_queries)

    def count_swap(self, is_taken: bool) -> None:
        """One new model."""
        self._swaps.labels("taken" if is_taken else "refused").inc()

    def set_queue(self, num_queries: int) -> None:
        """What waits now."""
        self._queue.set(num_queries)

    def text(self, processes: Sequence[ProcessMemory], promised_bytes: int | None) -> bytes:
        """Everything in Prometheus' text format."""
        registry = self._registry
        if SHARED_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        memory = CollectorRegistry()
        memory.register(_Memory(processes, promised_bytes))
        return generate_latest(registry) + generate_latest(memory)


def forget(dead_pids: Iterable[int]) -> None:
    """What was true only while these workers ran; what they counted stays."""
    for pid in dead_pids:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Memory:
    """Read when it is asked for, so that no file holds it."""

    def __init__(self, processes: Sequence[ProcessMemory], promised_bytes: int | None) -> None:
        self._processes = processes
        self._promised_bytes = promised_bytes

    def collect(self) -> Iterable[Metric]:
        """One family per kind of bytes."""
        for name, help_text in (
            ("rss", "Resident memory of each process, shared pages in each"),
            ("pss", "The same, pages that several processes map divided among them: these add up"),
            ("anon", "Memory of its own"),
        ):
            family = GaugeMetricFamily(f"xclass_{name}_bytes", help_text, labels=["pid"])
            for process in self._processes:
                family.add_metric([str(process.pid)], getattr(process, f"{name}_bytes"))
            yield family
        total_bytes = sum(process.pss_bytes for process in self._processes)
        yield GaugeMetricFamily("xclass_ram_bytes", "Of all processes together (sum of PSS)", total_bytes)
        if self._promised_bytes is not None:
            yield GaugeMetricFamily(
                "xclass_promised_bytes", "What the run's report and the service promise", self._promised_bytes
            )
