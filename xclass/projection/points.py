"""Measured points: one untraced record, or the median of its repeats, beside the closed form of its size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import median_low

from xclass.classifiers.class_slices import largest_slice
from xclass.config import RunConfig
from xclass.errors import ConfigError, RecordError
from xclass.projection.recorded_config import recorded_config
from xclass.projection.variants import variant_of
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import RECORDS_FOLDER, read_records, run_folders
from xclass.shapes import ProblemShape
from xclass.sizing.plan import PhasePlan, make_shape, plan_method
from xclass.units import MIB

COUNTER_ERROR_BYTES = MIB
"""Of a kernel's count of resident pages where the record does not say: it is kept per processor and added up
now and then."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One phase of one variant at one size, as it was measured."""

    variant: str
    method: str
    phase: Phase
    config: RunConfig
    """With the classes and threads of the measurement."""
    shape: ProblemShape
    plan: PhasePlan
    """Today's closed form of this size."""
    records: tuple[Record, ...]
    """The repeats, all measured."""

    @cached_property
    def base_bytes(self) -> int:
        """Resident before any data; the median of the repeats."""
        return median_low(record.memory.base.rss_bytes for record in self.records if record.memory)

    @cached_property
    def over_base_bytes(self) -> int:
        """Peak less base, at least 0; the median of the repeats."""
        return max(0, median_low(r.memory.over_base_bytes for r in self.records if r.memory))

    @property
    def peak_bytes(self) -> int:
        """The two together."""
        return self.base_bytes + self.over_base_bytes

    @property
    def peaks(self) -> list[int]:
        """Of every repeat, in bytes."""
        return [record.memory.peak_rss_bytes for record in self.records if record.memory]

    @property
    def counter_error_bytes(self) -> int:
        """How far the kernel's count may be off."""
        return int(self.records[0].machine.get("rss_counter_error_bytes") or COUNTER_ERROR_BYTES)

    @cached_property
    def size(self) -> tuple[int, int]:
        """What points of a variant are ordered by: values of the table, and the batch."""
        classes, dim, batch = axes_of(self.shape, self.plan)
        return classes * dim, batch

    @cached_property
    def axes(self) -> tuple[int, int, int]:
        """See :func:`axes_of`."""
        return axes_of(self.shape, self.plan)


def axes_of(shape: ProblemShape, plan: PhasePlan) -> tuple[int, int, int]:
    """Classes, dim, and the batch that matters in a phase: of a step, of a chunk of the data, of queries.

    Of a rank its classes.
    """
    batches = {
        Phase.TRAIN: shape.batch_size,
        Phase.BUILD: shape.scan_batch_size,
        Phase.SERVE: shape.query_batch_size,
    }
    classes = largest_slice(shape.num_classes, plan.layout.num_ranks)
    return classes, shape.dim, batches.get(plan.phase, 1)


def extrapolation_of(asked: tuple[int, ...], seen: Iterable[tuple[int, ...]]) -> float:
    """How far a size lies beyond others: the product over its axes of ``max(1, asked / largest seen)``."""
    factor = 1.0
    for wanted, known in zip(asked, zip(*seen, strict=True), strict=True):
        factor *= max(1.0, wanted / max(known))
    return factor


def shape_of(config: RunConfig) -> ProblemShape:
    """The size that a configuration asks for.

    Raises:
        ConfigError: it leaves the number of classes to data that nobody has counted yet.
    """
    classes = config.classes or getattr(config.data, "default_classes", None)
    if classes is None:
        raise ConfigError(
            "classes", "null", allowed=f"a number with data={config.data.name}", remedy="add +classes=1e6"
        )
    return make_shape(config, classes)


def read_runs(runs: Sequence[Path]) -> list[Record]:
    """Every record of some runs and sweeps, in their order; the same folder counts once.

    Raises:
        RecordError: a folder without records, or a record that is damaged or of another schema version.
    """
    folders: dict[Path, None] = {}
    for path in runs:
        below = run_folders(path)
        if not any(any((folder / RECORDS_FOLDER).glob("*.json")) for folder in below):
            reason = "no records in it" if path.is_dir() else "no such folder"
            raise RecordError(f"{path}: {reason}; give the folder of a run, or of a sweep")
        folders |= dict.fromkeys(folder.resolve() for folder in below)
    return [record for folder in folders for record in read_records(folder)]


def points_of(records: Iterable[Record]) -> list[Point]:
    """What was measured of each variant, phase and size, in the order of the records.

    Args:
        records: of any pass and phase; only untraced ones that were measured become points, and none of the
            prepare phase, which has no closed form.

    Raises:
        RecordError: a setting, method or data source without a closed form in this xclass.
    """
    found: dict[tuple[object, ...], Point] = {}
    for record in records:
        if record.phase is Phase.PREPARE or record.pass_ is not Pass.RSS:
            continue
        if record.verdict is not Verdict.MEASURED or record.memory is None:
            continue
        point = _point(record)
        key = (point.variant, point.phase, point.axes, tuple(point.plan.regime.components.items()))
        earlier = found.get(key)
        found[key] = replace(earlier, records=(*earlier.records, record)) if earlier else point
    return list(found.values())


def _point(record: Record) -> Point:
    config = recorded_config(record)
    shape = make_shape(config, record.classes, record.data_facts)
    plan = next(
        (plan for plan in plan_method(config, record.method, shape) if plan.phase is record.phase), None
    )
    if plan is None:
        raise RecordError(
            f"record of {record.method} {record.phase}: it has no such phase today; leave that run out"
        )
    return Point(
        variant=variant_of(config, record.method), method=record.method, phase=record.phase, config=config,
        shape=shape, plan=plan, records=(record,),
    )  # fmt: skip
