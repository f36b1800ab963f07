"""Held-out configurations against what a Projector says of them that saw the small ones only."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import mean, median

from projection_arms import ARMS, FITTED, FITTED_SMALL, VARIANTS

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.projection.projector import Projector
from xclass.projection.recorded_config import recorded_config
from xclass.projection.reference import Reference, ReferenceTime, time_kind, worst_ratio
from xclass.projection.result import HeldOut
from xclass.projection.time_fit import fit_time
from xclass.projection.time_forms import measured_times, time_terms
from xclass.records.record import Phase, Record
from xclass.sizing.plan import make_shape

PEAK = "peak_bytes"
FITS = {"8x": FITTED, "30x": FITTED_SMALL}
"""Name of a fit -> sizes that it sees; all held-out sizes are so far beyond the largest of them."""
TIMED_PHASES = (Phase.TRAIN, Phase.BUILD, Phase.LOAD, Phase.SERVE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One quantity of one held-out configuration, as a fit predicted it."""

    arm: str
    fit: str
    held_out: HeldOut
    method: str

    @property
    def is_peak(self) -> bool:
        """Bytes, not seconds."""
        return self.held_out.quantity == PEAK


def read_arm(folder: Path, name: str) -> list[Record]:
    """Records of one arm; none where it was not run."""
    path = folder / f"{name}.json"
    documents = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [Record.from_json(document, source=str(path)) for document in documents]


def judge(arms: dict[str, list[Record]]) -> list[Judged]:
    """Every held-out quantity, by both fits."""
    return [one for fit, sizes in FITS.items() for one in _judge(arms, fit, sizes)]


def _judge(arms: dict[str, list[Record]], fit: str, sizes: tuple[str, ...]) -> list[Judged]:
    seen = [record for name, records in arms.items() if ARMS[name][1] in sizes for record in records]
    projector = Projector.of_records(seen)
    found = []
    for name, records in arms.items():
        variant, size = ARMS[name]
        if size in FITTED or not records:
            continue
        method = VARIANTS[variant].method
        by_phase = {record.phase: record for record in records}
        config = recorded_config(by_phase[Phase.SERVE])
        for phase in projector.project(config, method, is_far_allowed=True):
            record = by_phase[phase.phase]
            assert record.memory is not None
            ranges = {PEAK: (phase.peak, float(record.memory.peak_rss_bytes))}
            measured = measured_times(record)
            ranges |= {
                t.quantity: (t.seconds, measured[t.quantity]) for t in phase.times if t.quantity in measured
            }
            for quantity, (predicted, truth) in ranges.items():
                held_out = HeldOut(
                    variant=phase.variant, phase=phase.phase, quantity=quantity, classes=phase.classes,
                    dim=phase.dim, extrapolation=phase.extrapolation, predicted=predicted.value,
                    low=predicted.low, high=predicted.high, measured=truth, num_points=len(sizes),
                )  # fmt: skip
                found.append(Judged(arm=name, fit=fit, held_out=held_out, method=method))
    return found


def make_reference(arms: dict[str, list[Record]]) -> Reference:
    """Laws from all sizes, and the worst error of laws from the small ones at the held-out ones."""
    records = [record for found in arms.values() for record in found]
    starts = {engine: _start_seconds(arms, engine) for engine in ("torch", "faiss")}
    prepared = [record.seconds for record in records if record.phase is Phase.PREPARE and record.seconds]
    machine = records[0].machine
    return Reference(
        processor=machine["processor"],
        num_cpus=machine["num_cpus_allowed"],
        start_seconds={engine: round(seconds, 2) for engine, seconds in starts.items()},
        prepare_seconds={records[0].data: round(median(prepared), 2)},
        laws=tuple(law for variant in VARIANTS for law in _laws(arms, variant)),
    )


def _start_seconds(arms: dict[str, list[Record]], engine: str) -> float:
    """Mean over the arms of what lies between the starts of two children less what the first one measured.

    Starts are noted to the second, so that only a mean over many arms says something.
    """
    found = []
    for records in arms.values():
        by_phase = {record.phase: record for record in records}
        fit = by_phase.get(Phase.TRAIN) or by_phase.get(Phase.BUILD)
        if fit and fit.seconds and METHOD_CONFIGS[fit.method].engine == engine:
            begun, ended = (datetime.fromisoformat(by_phase[p].started_at) for p in (fit.phase, Phase.SERVE))
            found.append((ended - begun).total_seconds() - fit.seconds)
    return mean(found) if found else 0.0


def _laws(arms: dict[str, list[Record]], variant: str) -> list[ReferenceTime]:
    points: dict[str, dict[str, tuple[float, float]]] = {}
    kind = ""
    for name, (its_variant, size) in ARMS.items():
        for record in arms.get(name, []) if its_variant == variant else []:
            if record.phase not in TIMED_PHASES:
                continue
            config = recorded_config(record)
            kind = time_kind(config, record.method, record.classes)
            terms = time_terms(config, record.method, make_shape(config, record.classes), record.data_facts)
            works = {term.quantity: term.work for term in terms[record.phase]}
            for quantity, seconds in measured_times(record).items():
                if quantity in works:
                    points.setdefault(quantity, {})[size] = (works[quantity], seconds)
    return [_law(VARIANTS[variant].method, kind, quantity, found) for quantity, found in points.items()]


def _law(method: str, kind: str, quantity: str, points: dict[str, tuple[float, float]]) -> ReferenceTime:
    fit = fit_time(list(points.values()))
    small = fit_time([point for size, point in points.items() if size in FITTED])
    held = [point for size, point in points.items() if size not in FITTED]
    ratio = worst_ratio((small.seconds(work), seconds) for work, seconds in held)
    return ReferenceTime(
        method=method, kind=kind, quantity=quantity, fixed_seconds=float(f"{fit.fixed_seconds:.4g}"),
        seconds_per_work=float(f"{fit.seconds_per_work:.4g}"), worst_ratio=float(f"{ratio:.4g}"),
        num_held_out=len(held), largest_extrapolation=8.0,
    )  # fmt: skip
