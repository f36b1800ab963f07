"""What a projection says: numbers with an interval, where it comes from, and how far it reaches.

Every reader of projections - the command, the plan, the page and its calculator - takes these and computes
no bytes or seconds of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from xclass.records.record import Phase
from xclass.sizing.ranks import ONE_PROCESS, RankLayout

MARKED_BEYOND, REFUSED_BEYOND = 10.0, 100.0
"""Extrapolation (see :class:`ProjectedPhase`) from which a figure is marked, and refused unless asked for."""


class Basis(StrEnum):
    """Where a number comes from."""

    MEASURED = "measured"
    """This very size was measured; the interval is how far repeats and other sizes spread."""
    PROJECTED = "projected"
    """From fits on measured sizes of the same variant."""
    PREDICTED = "predicted"
    """From the closed form alone: this variant was not measured in these runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ByteRange:
    """Bytes, whole numbers, ``low <= value <= high``."""

    value: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeRange:
    """Seconds, ``low <= value <= high``."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectedTime:
    """One time of a phase."""

    quantity: str
    """Key, e.g. ``step``, ``class_means``, ``index``, ``save``, ``query``, ``batch_query``."""
    meaning: str
    """In words, with what it is of: ``a gradient step of 512 examples``."""
    seconds: TimeRange
    """Of one."""
    count: float
    """How often the phase does it: steps of one epoch, queries of the evaluation, else once."""
    form: str
    """The cost that was fitted, in words: ``linear in classes x dim x batch``."""
    basis: Basis
    error_words: str
    """Where the interval comes from, in words."""

    @property
    def whole_seconds(self) -> TimeRange:
        """Of as many as the phase does: for steps, of one epoch."""
        one = self.seconds
        return TimeRange(value=one.value * self.count, low=one.low * self.count, high=one.high * self.count)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut:
    """A measured point that a fit did not see, predicted by it."""

    variant: str
    """Key of the variant."""
    phase: Phase
    quantity: str
    """``peak_bytes``, or the quantity of a time."""
    classes: int
    dim: int
    extrapolation: float
    """Of this point over the largest that the fit saw."""
    predicted: float
    low: float
    high: float
    """Ends of the interval that would have been printed: made of hold-outs within what the fit saw."""
    measured: float
    num_points: int
    """That the fit saw."""

    @property
    def error_share(self) -> float:
        """``predicted / measured - 1``; positive where too much was promised."""
        return self.predicted / self.measured - 1.0

    @property
    def is_inside(self) -> bool:
        """The interval held the truth."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectedPhase:
    """One phase of one variant at one size."""

    variant: str
    """Key: the method and what changes its closed form, e.g. ``nearest_neighbour, IVF{lists},SQ8``."""
    method: str
    phase: Phase
    classes: int
    dim: int
    basis: Basis
    base_bytes: int
    """Resident before any data, part of the peak."""
    components: dict[str, int]
    """Over the base, at the moment of the peak, each with its fitted factor; sum + base = ``peak.value``."""
    factors: dict[str, float]
    """Component -> fitted factor, expected 1.00."""
    peak: ByteRange
    mapped_bytes: int
    """Part of the peak that is pages of files: the kernel may drop them, processes share them."""
    disk_bytes: int
    """What the phase writes; for load and serve what must lie there."""
    times: tuple[ProjectedTime, ...]
    extrapolation: float
    """How far this size lies beyond the measured ones of the variant: the product over classes, dim, batch of
    ``max(1, asked / largest measured)``; 1.0 within them. Infinite where the variant was not measured."""
    error_words: str
    """Where the interval of the peak comes from: ``the worst of 6 hold-outs at 8x or more was 0.7 %``."""
    held_out: HeldOut | None = None
    """The largest measured size, predicted from the smaller ones."""
    caveats: tuple[str, ...] = field(default=())
    """Kinks that were found, each by name, and whatever else a reader must know."""

    refusal: str | None = None
    """Why the method would not be started at this size although the memory is there; also a caveat."""
    layout: RankLayout = ONE_PROCESS
    """Over how many processes and machines it is spread: bytes but those of the disk are of one process."""

    @property
    def is_marked(self) -> bool:
        """So far beyond what was measured that every figure carries a mark."""
        return self.extrapolation > MARKED_BEYOND
