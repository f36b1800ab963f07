"""The one door to projections: measured points in, any size of any variant out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from statistics import median_low

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.config import RunConfig
from xclass.errors import RecordError
from xclass.projection.accuracy import AccuracyTrend, MeasuredAccuracy, accuracies_of, trend_of
from xclass.projection.byte_fit import ByteFit
from xclass.projection.byte_series import ESTIMATE_ERROR, PEAK, byte_series, measured_interval
from xclass.projection.hold_outs import Miss
from xclass.projection.phase_fit import PhaseFit
from xclass.projection.points import Point, axes_of, points_of, read_runs, shape_of
from xclass.projection.reference import Reference
from xclass.projection.refusals import refuse_misfit, too_far
from xclass.projection.result import REFUSED_BEYOND, Basis, ByteRange, HeldOut, ProjectedPhase, ProjectedTime
from xclass.projection.time_forms import time_terms
from xclass.projection.time_series import Place, project_time
from xclass.projection.variants import variant_of
from xclass.records.record import Phase, Record
from xclass.shapes import MAPPED, ProblemShape
from xclass.sizing.engines import GLOO_BYTES, IMPORTED_BYTES
from xclass.sizing.plan import PhasePlan, plan_method, refusal_of, saved_bytes


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
        self._fits = {key: PhaseFit(points) for key, points in grouped.items()}
        self._pooled: dict[tuple[str, Phase, str], list[Miss]] = {}
        self._bases: dict[tuple[str, str], int] = {}

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
        self, config: RunConfig, method: str, *, is_far_allowed: bool = False, num_machines: int = 1
    ) -> list[ProjectedPhase]:
        """Fit, load and serve of one method at the size of ``config``; measured there or not.

        With several ranks the bytes of fitting are of one, on as many machines (of one, all on it).

        Raises:
            ConfigError: beyond REFUSED_BEYOND and not ``is_far_allowed``, naming the largest measured size;
                or an index that cannot be built over so many classes or dimensions.
        """
        shape, variant = shape_of(config), variant_of(config, method)
        # A rank with its slice is a process with so many classes.
        alone = variant if config.ranks == 1 else variant_of(replace(config, ranks=1), method)
        refuse_misfit(config, method, shape)
        phases = []
        # Asked once for all phases: the calculator projects ten thousand sizes while a page is made.
        plans = plan_method(config, method, shape, num_machines=num_machines)
        known = self._fits.get
        fits = [known((variant, plan.phase)) or known((alone, plan.phase)) for plan in plans]
        times = {} if all(fits) else self.reference.times(config, method)
        for plan, fit in zip(plans, fits, strict=True):
            if fit is None:
                phases.append(self._predicted(config, variant, plan, shape, times.get(plan.phase, ())))
                continue
            extrapolation = fit.extrapolation_to(axes_of(shape, plan))
            if extrapolation > REFUSED_BEYOND and not is_far_allowed:
                raise too_far(fit, extrapolation, shape)
            phases.append(self._projected(config, fit, plan, shape, extrapolation))
        return _refused(phases, refusal_of(config, method, shape))

    def held_out(self) -> list[HeldOut]:
        """Every rolling-origin hold-out of every variant, phase and quantity."""
        return [
            one
            for (variant, phase), fit in self._fits.items()
            for quantity, series in fit.series.items()
            for one in series.held_out(self._others(variant, phase, quantity))
        ]

    def accuracies(self, variant: str) -> list[MeasuredAccuracy]:
        """As measured, fewest classes first; empty where no query was asked."""
        fit = self._fits.get((variant, Phase.SERVE))
        return accuracies_of(fit.points) if fit else []

    def accuracy_trend(self, variant: str) -> AccuracyTrend | None:
        """How it changes with the classes, a guess; None where it was measured at one number of them."""
        return trend_of(self.accuracies(variant))

    def _projected(
        self, config: RunConfig, fit: PhaseFit, plan: PhasePlan, shape: ProblemShape, extrapolation: float
    ) -> ProjectedPhase:
        """A phase of a variant that was measured, here or at other sizes."""
        variant, phase, peaks = fit.largest.variant, plan.phase, fit.peaks
        point = fit.measured_at(plan, axes_of(shape, plan))
        components, base = fit.bytes_fit.components(plan), fit.bytes_fit.base_bytes
        base += GLOO_BYTES if plan.layout.num_ranks > fit.largest.plan.layout.num_ranks == 1 else 0
        others = self._others(variant, phase, PEAK)
        if point:
            components, base = _scaled(components, point.over_base_bytes), point.base_bytes
            low, high, words = measured_interval(point)
        else:
            error = peaks.error_at(extrapolation, others)
            low, high, words = peaks.interval(base + sum(components.values()), error)
        return ProjectedPhase(
            variant=variant, method=plan.method, phase=phase, classes=shape.num_classes, dim=shape.dim,
            basis=Basis.MEASURED if point else Basis.PROJECTED, base_bytes=base, components=components,
            factors=fit.bytes_fit.factors_of(plan), peak=_range(base, components, low, high),
            mapped_bytes=_mapped(components), disk_bytes=_disk_bytes(config, plan, shape),
            times=self._times(config, fit, shape, phase, extrapolation, point), extrapolation=extrapolation,
            error_words=words, held_out=peaks.largest_held_out(others),
            caveats=fit.caveats_at(shape), layout=plan.layout,
        )  # fmt: skip

    def _predicted(
        self,
        config: RunConfig,
        variant: str,
        plan: PhasePlan,
        shape: ProblemShape,
        times: tuple[ProjectedTime, ...],
    ) -> ProjectedPhase:
        """A phase that was not measured: its closed form as it stands."""
        fit = ByteFit(base_bytes=self._base_bytes(config, plan))
        components = fit.components(plan)
        unmeasured = byte_series([])
        is_estimate = METHOD_CONFIGS[plan.method].is_estimate
        error = ESTIMATE_ERROR if is_estimate else unmeasured.kind.unknown
        low, high, words = unmeasured.interval(fit.peak_bytes(plan), error)
        return ProjectedPhase(
            variant=variant, method=plan.method, phase=plan.phase, classes=shape.num_classes, dim=shape.dim,
            basis=Basis.PREDICTED, base_bytes=fit.base_bytes, components=components,
            factors=fit.factors_of(plan), peak=_range(fit.base_bytes, components, low, high),
            mapped_bytes=_mapped(components), disk_bytes=_disk_bytes(config, plan, shape),
            times=times, extrapolation=float("inf"), error_words=words, layout=plan.layout,
        )  # fmt: skip

    def _times(
        self, config: RunConfig, fit: PhaseFit, shape: ProblemShape, phase: Phase, extrapolation: float,
        point: Point | None,
    ) -> tuple[ProjectedTime, ...]:  # fmt: skip
        facts = point.records[0].data_facts if point else {}
        place = Place(extrapolation=extrapolation, class_vectors_bytes=shape.class_vectors_bytes)
        return tuple(
            project_time(
                term, fit.times[term.quantity], place, point,
                self._others(fit.largest.variant, phase, term.quantity),
            )
            for term in time_terms(config, fit.largest.method, shape, facts)[phase]
            if term.quantity in fit.times
        )  # fmt: skip

    def _others(self, variant: str, phase: Phase, quantity: str) -> list[Miss]:
        """Hold-outs of the same phase and quantity of the other variants."""
        key = (variant, phase, quantity)
        if key not in self._pooled:
            self._pooled[key] = [
                miss
                for (other, its_phase), fit in self._fits.items()
                if other != variant and its_phase is phase and quantity in fit.series
                for miss in fit.series[quantity].misses
            ]
        return self._pooled[key]

    def _base_bytes(self, config: RunConfig, plan: PhasePlan) -> int:
        """Of a variant that was not measured: the median of its engine's in these runs, or the plan's."""
        key = engine, data = _engine(plan.method, plan.phase), config.data.name
        if key not in self._bases:
            self._bases[key] = self._median_base(engine, data)
        found = self._bases[key]
        return found + _imported_bytes(plan.method, plan.phase) if found else plan.base_bytes

    def _median_base(self, engine: str, data: str) -> int:
        """Of the engine alone, in runs on the same data where there are any; 0 where there is no point."""
        alike = [point for point in self.points if _engine(point.method, point.phase) == engine]
        same_data = [point for point in alike if point.config.data.name == data]
        bases = [one.base_bytes - _imported_bytes(one.method, one.phase) for one in same_data or alike]
        return median_low(bases or [0])

    @cached_property
    def reference(self) -> Reference:
        """Times of the machine that the package was measured on."""
        return Reference.load()


def _refused(phases: list[ProjectedPhase], refusal: str | None) -> list[ProjectedPhase]:
    """The same with what the method says of fitting at this size."""
    if refusal is None:
        return phases
    fit, *others = phases
    return [replace(fit, refusal=refusal, caveats=(*fit.caveats, f"refused: it {refusal}")), *others]


def _engine(method: str, phase: Phase) -> str:
    """What a phase imports: models are opened and served without torch."""
    config = METHOD_CONFIGS[method]
    return config.engine if phase in (Phase.TRAIN, Phase.BUILD) else config.server_engine


def _imported_bytes(method: str, phase: Phase) -> int:
    """Of the base, what only this method imports; models are opened and served without it."""
    return IMPORTED_BYTES.get(method, 0) if phase in (Phase.TRAIN, Phase.BUILD) else 0


def _range(base_bytes: int, components: dict[str, int], low: float, high: float) -> ByteRange:
    return ByteRange(value=base_bytes + sum(components.values()), low=int(low), high=round(high))


def _mapped(components: dict[str, int]) -> int:
    return sum(size for name, size in components.items() if name.endswith(MAPPED))


def _scaled(components: dict[str, int], over_base_bytes: int) -> dict[str, int]:
    """The same shares of what was measured; their sum is exact."""
    total = sum(components.values())
    if not total:
        return components
    scaled = {name: size * over_base_bytes // total for name, size in components.items()}
    largest = max(scaled, key=lambda name: scaled[name])
    scaled[largest] += over_base_bytes - sum(scaled.values())
    return scaled


def _disk_bytes(config: RunConfig, plan: PhasePlan, shape: ProblemShape) -> int:
    """What fitting writes, and what must lie on the disk to be opened and served."""
    return plan.disk_bytes or saved_bytes(config, plan.method, shape)
