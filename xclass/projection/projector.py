"""The one door to projections: measured points in, any size of any variant out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median_low

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS
from xclass.errors import ConfigError, RecordError
from xclass.projection.byte_fit import ByteFit
from xclass.projection.byte_series import UNKNOWN_ERROR, ByteSeries, byte_range, measured_range
from xclass.projection.hold_outs import Miss
from xclass.projection.points import Point, axes_of, points_of, read_runs, shape_of
from xclass.projection.result import REFUSED_BEYOND, Basis, HeldOut, ProjectedPhase
from xclass.projection.variants import variant_of
from xclass.records.record import Phase, Record
from xclass.shapes import FLOAT32_BYTES, MAPPED, ProblemShape
from xclass.sizing.plan import PhasePlan, plan_method
from xclass.units import format_count


class Projector:
    """Fits of all variants of some runs."""

    def __init__(self, runs: Sequence[Path]) -> None:
        """Read the records below the folders; of runs and sweeps.

        Raises:
            RecordError: no readable record below one of them.
        """
        self._take(read_runs(runs), " ".join(str(run) for run in runs))

    @classmethod
    def of_records(cls, records: Iterable[Record]) -> Projector:
        """The same for records that were read already.

        Raises:
            RecordError: none of them was measured.
        """
        made = cls.__new__(cls)
        made._take(records, "records")
        return made

    @classmethod
    def without_runs(cls) -> Projector:
        """One that has seen nothing: closed forms with the bases of the plan."""
        made = cls.__new__(cls)
        made._group([])
        return made

    def _take(self, records: Iterable[Record], source: str) -> None:
        points = points_of(records)
        if not points:
            raise RecordError(
                f"{source}: no phase but prepare was measured there; give runs that were measured"
            )
        self._group(points)

    def _group(self, points: list[Point]) -> None:
        self.points = points
        grouped: dict[tuple[str, Phase], list[Point]] = {}
        for point in self.points:
            grouped.setdefault((point.variant, point.phase), []).append(point)
        self._series = {key: ByteSeries(points) for key, points in grouped.items()}

    @property
    def configs(self) -> dict[str, tuple[RunConfig, str]]:
        """Variant -> (config of its largest measured run, method), in the order of the records."""
        largest: dict[str, Point] = {}
        for point in self.points:
            earlier = largest.get(point.variant)
            if earlier is None or point.axes[:2] > earlier.axes[:2]:
                largest[point.variant] = point
        return {variant: (point.config, point.method) for variant, point in largest.items()}

    def project(
        self, config: RunConfig, method: str, *, is_far_allowed: bool = False
    ) -> list[ProjectedPhase]:
        """Fit, load and serve of one method at the size of ``config``; measured there or not.

        Raises:
            ConfigError: beyond REFUSED_BEYOND and not ``is_far_allowed``; names the largest measured size.
        """
        shape, variant = shape_of(config), variant_of(config, method)
        plans = plan_method(config, method, shape)
        return [self._phase(config, variant, plan, shape, is_far_allowed=is_far_allowed) for plan in plans]

    def held_out(self) -> list[HeldOut]:
        """Every rolling-origin hold-out of every variant, phase and quantity."""
        return [
            one
            for (variant, phase), series in self._series.items()
            for one in series.held_out(self._others(variant, phase))
        ]

    def _others(self, variant: str, phase: Phase) -> list[Miss]:
        """Hold-outs of the same phase of the other variants."""
        return [
            miss
            for (other, its_phase), series in self._series.items()
            if other != variant and its_phase is phase
            for miss in series.misses
        ]

    def _phase(
        self, config: RunConfig, variant: str, plan: PhasePlan, shape: ProblemShape, *, is_far_allowed: bool
    ) -> ProjectedPhase:
        series, axes = self._series.get((variant, plan.phase)), axes_of(shape, plan.phase)
        others = self._others(variant, plan.phase)
        extrapolation = series.extrapolation_to(axes) if series else float("inf")
        fit = series.fit if series else ByteFit(base_bytes=self._base_bytes(config, plan))
        point = series.measured_at(plan, axes) if series else None
        basis = Basis.MEASURED if point else Basis.PROJECTED if series else Basis.PREDICTED
        if series and extrapolation > REFUSED_BEYOND and not is_far_allowed:
            raise _too_far(series, extrapolation, shape)
        components, base = fit.components(plan), fit.base_bytes
        if point:
            components, base = _scaled(components, point.over_base_bytes), point.base_bytes
            peak, words = measured_range(point)
        else:
            error = series.error_at(extrapolation, others) if series else UNKNOWN_ERROR
            peak, words = byte_range(base + sum(components.values()), error)
        return ProjectedPhase(
            variant=variant, method=plan.method, phase=plan.phase, classes=shape.num_classes, dim=shape.dim,
            basis=basis, base_bytes=base, components=components,
            factors={name: fit.factors.get(name, 1.0) for name in components}, peak=peak,
            mapped_bytes=sum(size for name, size in components.items() if name.endswith(MAPPED)),
            disk_bytes=plan.disk_bytes or _model_bytes(config, plan.method, shape), times=(),
            extrapolation=extrapolation, error_words=words, held_out=self._largest_held_out(series, others),
            caveats=(),
        )  # fmt: skip

    def _largest_held_out(self, series: ByteSeries | None, others: Sequence[Miss]) -> HeldOut | None:
        """The largest size, predicted from all smaller ones."""
        held = series.held_out(others) if series else []
        return held[-1] if held else None

    def _base_bytes(self, config: RunConfig, plan: PhasePlan) -> int:
        """Of a variant that was not measured: the median of its engine's in these runs, or the plan's."""
        engine = _engine(plan.method, plan.phase)
        alike = [point for point in self.points if _engine(point.method, point.phase) == engine]
        same_data = [point for point in alike if point.config.data.name == config.data.name]
        bases = [point.base_bytes for point in same_data or alike]
        return median_low(bases) if bases else plan.base_bytes


def _engine(method: str, phase: Phase) -> str:
    """What a phase imports: models are opened and served without torch."""
    return METHOD_CONFIGS[method].engine if phase in (Phase.TRAIN, Phase.BUILD) else "faiss"


def _scaled(components: dict[str, int], over_base_bytes: int) -> dict[str, int]:
    """The same shares of what was measured; their sum is exact."""
    total = sum(components.values())
    if not total:
        return components
    scaled = {name: size * over_base_bytes // total for name, size in components.items()}
    largest = max(scaled, key=lambda name: scaled[name])
    scaled[largest] += over_base_bytes - sum(scaled.values())
    return scaled


def _model_bytes(config: RunConfig, method: str, shape: ProblemShape) -> int:
    """What must lie on the disk to be opened and served."""
    is_text = DATA_CONFIGS[config.data.name].encoder == "ngrams"
    table = FLOAT32_BYTES * config.encoder.num_buckets * shape.dim if is_text else 0
    model: int = getattr(config.method, method).model_bytes(shape, **config.sections_of(method))
    return model + table


def _too_far(series: ByteSeries, extrapolation: float, shape: ProblemShape) -> ConfigError:
    classes, dim, batch = (max(axis) for axis in zip(*(p.axes for p in series.points), strict=True))
    variant, phase = series.largest.variant, series.largest.phase
    return ConfigError(
        "classes",
        f"{shape.num_classes}, dim={shape.dim}",
        allowed=f"up to {REFUSED_BEYOND:g}x beyond what was measured, and this is {extrapolation:.3g}x: "
        f"{phase} of {variant} was measured up to {format_count(classes)} classes, dim {dim}, batch {batch}",
        remedy="measure a larger size, or add far=true for a figure that is marked as a guess",
    )
