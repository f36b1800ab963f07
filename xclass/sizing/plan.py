"""Closed-form bytes of every phase against what this machine has, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.config import NGRAM_TABLE
from xclass.records.record import Phase
from xclass.shapes import DATA_BATCHES, FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime
from xclass.units import MIB, format_bytes, format_count

BASE_BYTES = {"torch": 245 * MIB, "faiss": 64 * MIB}
"""Resident bytes after an engine was imported and warmed up, encoder and data code included.

Source: benchmarks/records/synthetic_5e6 on Linux x86-64, CPython 3.11, torch 2.13 CPU, faiss-cpu 1.15. Other
builds differ by tens of MiB; the measured base stands beside it in every report.
"""
_CODE = f"program code{MAPPED}"
OPENING_CODE_BYTES, ANSWERING_CODE_BYTES = MIB, 2 * MIB
"""Pages of libraries that run first when a model is opened, and when it answers: the most that were seen."""
FITTING_CODE_BYTES = {"torch": 3 * MIB // 2, "faiss": 2 * MIB}
"""The same while fitting; warming up has run the rest.

Source: growth of RssFile in benchmarks/records/measure/ledger and benchmarks/records/projection: torch 1.5 to
1.6 MB, with bfloat16 up to 2.4 MB.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhasePlan:
    """What one phase of one method is expected to need."""

    method: str
    phase: Phase
    base_bytes: int
    regime: Regime
    """The moment of the peak."""
    disk_bytes: int
    """What the phase writes."""

    @property
    def mapped_bytes(self) -> int:
        """Part of the peak that is pages of files: reclaimable, so not needed to start."""
        return self.regime.mapped_bytes

    @property
    def over_base_bytes(self) -> int:
        """Closed-form peak over the base."""
        return self.regime.total_bytes

    @property
    def peak_bytes(self) -> int:
        """Closed-form peak, base included."""
        return self.base_bytes + self.over_base_bytes

    @property
    def required_bytes(self) -> int:
        """Memory without which the phase cannot run."""
        return self.peak_bytes - self.mapped_bytes

    def to_json(self) -> dict[str, Any]:
        """The ``predicted`` part of a record."""
        return {
            "base_bytes": self.base_bytes,
            "regime": self.regime.name,
            "components": dict(self.regime.components),
            "over_base_bytes": self.over_base_bytes,
            "peak_bytes": self.peak_bytes,
            "mapped_bytes": self.mapped_bytes,
            "disk_bytes": self.disk_bytes,
        }


def make_shape(config: RunConfig, num_classes: int) -> ProblemShape:
    """The numbers that closed forms depend on."""
    return ProblemShape(
        num_classes=num_classes,
        dim=config.dim,
        batch_size=config.batch_size,
        scan_batch_size=config.scan_batch_size,
        num_queries=config.evaluate.num_queries,
        query_batch_size=config.evaluate.batch_size,
        top_k=min(config.evaluate.top_k, num_classes),
        threads=config.num_threads,
    )


def plan_method(config: RunConfig, method: str, shape: ProblemShape) -> list[PhasePlan]:
    """The plan of each phase of one method, in order: fit, load, serve."""
    settings: MethodConfig = getattr(config.method, method)
    is_text = DATA_CONFIGS[config.data.name].encoder == "ngrams"
    fit_phase = Phase(settings.fit_phase)
    is_trainable = fit_phase is Phase.TRAIN
    data = config.data.memory_terms(shape, has_steps=is_trainable)
    encoder = config.encoder.memory_terms(shape, is_trainable=is_trainable) if is_text else {}
    table_bytes = FLOAT32_BYTES * config.encoder.num_buckets * shape.dim if is_text else 0
    sections = config.sections_of(method)
    model_bytes = settings.model_bytes(shape, **sections)
    law: MemoryLaw = settings.memory_law(shape, **sections)
    law = law.plus({name: size for name, size in data.items() if name == DATA_BATCHES}, only_fed=True)
    kept = {name: size for name, size in data.items() if name != DATA_BATCHES}
    law = law.plus(kept | encoder | {_CODE: FITTING_CODE_BYTES[settings.engine]})
    fit = PhasePlan(
        method=method,
        phase=fit_phase,
        base_bytes=BASE_BYTES[settings.engine],
        regime=law.peak,
        # The shortened heap pass saves a model of its own beside the first, and deletes it.
        disk_bytes=(model_bytes + table_bytes) * (2 if config.measure.heap_pass else 1),
    )
    if "index" in sections:
        index: IndexConfig = sections["index"]
        fit = replace(fit, disk_bytes=fit.disk_bytes + index.scratch_bytes(shape))
    table = {f"{NGRAM_TABLE}{MAPPED}": table_bytes} if is_text else {}
    opened = settings.opened_terms(shape, **sections) | dict.fromkeys(table, 0)
    served = settings.served_terms(shape, **sections) | table
    asked = settings.search_terms(shape, **sections) | config.data.query_terms(shape)
    return [fit, _load(method, opened), _serve(method, served | asked, shape)]


def _load(method: str, opened: dict[str, int]) -> PhasePlan:
    """The model is open, and nobody has asked yet."""
    return PhasePlan(
        method=method,
        phase=Phase.LOAD,
        base_bytes=BASE_BYTES["faiss"],
        regime=Regime(name="open", components=opened | {_CODE: OPENING_CODE_BYTES}),
        disk_bytes=0,
    )


def _serve(method: str, terms: dict[str, int], shape: ProblemShape) -> PhasePlan:
    """Every page of the model has been touched, and a batch is being answered."""
    asked = {
        "queries": FLOAT32_BYTES * shape.num_queries * shape.dim,
        "answers": (INT64_BYTES + FLOAT32_BYTES) * shape.num_queries * shape.top_k,
    }
    return PhasePlan(
        method=method,
        phase=Phase.SERVE,
        base_bytes=BASE_BYTES["faiss"],
        regime=Regime(name="answering", components=terms | asked | {_CODE: ANSWERING_CODE_BYTES}),
        disk_bytes=0,
    )


def explain_misfit(
    config: RunConfig, plan: PhasePlan, shape: ProblemShape, *, usable_bytes: int, free_disk_bytes: int
) -> str | None:
    """Why a phase cannot run here and what could instead; None where it fits.

    Args:
        config: the run.
        plan: of the phase in question.
        shape: of the problem.
        usable_bytes: memory the plan may count on, the reserve already taken off.
        free_disk_bytes: room where the model is saved.
    """
    if plan.required_bytes > usable_bytes:
        short = f"needs {format_bytes(plan.required_bytes)} of memory, {format_bytes(usable_bytes)} available"
    elif plan.disk_bytes > free_disk_bytes:
        short = f"needs {format_bytes(plan.disk_bytes)} of disk, {format_bytes(free_disk_bytes)} free"
    else:
        return None

    def fits(method: str, candidate: ProblemShape) -> bool:
        return all(
            other.required_bytes <= usable_bytes and other.disk_bytes <= free_disk_bytes
            for other in plan_method(config, method, candidate)
        )

    largest = largest_that_fits(lambda classes: fits(plan.method, replace(shape, num_classes=classes)))
    others = [name for name in METHOD_CONFIGS if name != plan.method and fits(name, shape)]
    advice = (
        f"this method fits up to {format_count(largest)} classes here" if largest else "no size fits here"
    )
    if others:
        advice += f"; at {format_count(shape.num_classes)} classes these fit: {', '.join(others)}"
    return f"does not fit: {short}; {advice}"


def largest_that_fits(fits: Callable[[int], bool], upper: int = 10**12) -> int:
    """The largest number of classes for which ``fits`` holds, to two digits; 0 where none does."""
    low, high = 0, upper
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    scale: int = 10 ** max(0, len(str(low)) - 2)
    return low // scale * scale
