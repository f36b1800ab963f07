"""How wrong a projection is: points that a fit did not see, and what their errors allow to say of others.

Points of one variant and phase are ordered by size. From every size on, the fit sees what is no larger and
predicts each point that is (rolling origin). The interval of a projection is the worst relative error of the
hold-outs that lay as far beyond their fit as it does: no probability, for that would need hundreds of them.

Source: a 95 % split-conformal interval needs 19 hold-outs at least; intervals from a fitted curve alone hide
the error of the curve (arXiv 2404.10102 finds such ones "implausibly narrow").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xclass.projection.points import Point, extrapolation_of
from xclass.projection.result import HeldOut

FEWEST_HOLD_OUTS = 3
"""With fewer of its own, a variant borrows those of the other variants of the same runs and phase."""

PEAK = "peak_bytes"
"""The quantity of a hold-out that is not a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One quantity of one measured point."""

    point: Point
    quantity: str
    measured: float
    work: float = 0.0
    """Of a time, what it is fitted against."""

    @property
    def size(self) -> tuple[int, int]:
        """What is ordered by."""
        return self.point.size


@dataclass(frozen=True, kw_only=True, slots=True)
class Miss:
    """A hold-out: what a fit said of a point that it did not see."""

    observed: Observed
    extrapolation: float
    predicted: float
    num_points: int
    """That the fit saw."""
    seen_size: tuple[int, int]
    """Of the largest of them."""

    @property
    def error_share(self) -> float:
        """``predicted / measured - 1``."""
        return self.predicted / self.observed.measured - 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowedError:
    """Half the width of an interval, and why."""

    share: float
    words: str

    def range_of(self, value: float, *, least: float) -> tuple[float, float]:
        """Low and high end around a value, never closer than ``least`` on either side."""
        half = max(self.share * value, least)
        return max(0.0, value - half), value + half

    def words_of(self, value: float, *, least: float, least_words: str) -> str:
        """Where the interval comes from, the least width too where that decides."""
        return self.words if self.share * value >= least else f"{self.words}; {least_words}"


def roll(
    observed: Sequence[Observed], predict: Callable[[Sequence[Observed], Observed], float]
) -> list[Miss]:
    """Every hold-out of one variant, phase and quantity.

    Args:
        observed: in any order.
        predict: fits the first argument and gives its value for the second.
    """
    misses = []
    for seen_size in sorted({one.size for one in observed})[:-1]:
        seen = [one for one in observed if one.size <= seen_size]
        for unseen in observed:
            if unseen.size > seen_size:
                misses.append(
                    Miss(
                        observed=unseen,
                        extrapolation=extrapolation_of(unseen.point.axes, [one.point.axes for one in seen]),
                        predicted=predict(seen, unseen),
                        num_points=len(seen),
                        seen_size=seen_size,
                    )
                )
    return misses


def allowed_error(
    extrapolation: float, own: Sequence[Miss], others: Sequence[Miss], *, unknown: AllowedError
) -> AllowedError:
    """The worst relative error at the same extrapolation or more; scaled up where no hold-out reaches as far.

    Args:
        extrapolation: of what is projected.
        own: hold-outs of its variant and phase.
        others: of the same phase of other variants, taken in where ``own`` has fewer than FEWEST_HOLD_OUTS.
        unknown: where there are none at all.
    """
    is_pooled = len(own) < FEWEST_HOLD_OUTS and bool(others)
    misses = [*own, *others] if is_pooled else list(own)
    if not misses:
        return unknown
    whose = " of all variants" if is_pooled else ""
    reaching = [miss for miss in misses if miss.extrapolation >= extrapolation]
    worst = _worst(reaching or misses)
    if reaching:
        where = f" at {_times(extrapolation)} or more" if extrapolation > 1.0 else ""
        return AllowedError(
            share=worst, words=f"{_the_worst_of(reaching)}{whose}{where} was {_percent(worst)}"
        )
    reach = max(miss.extrapolation for miss in misses)
    share = worst * extrapolation / reach
    return AllowedError(
        share=share,
        words=f"no hold-out reaches {_times(extrapolation)}: {_the_worst_of(misses)}{whose} at up to "
        f"{_times(reach)} was {_percent(worst)}, times {extrapolation / reach:.3g} is {_percent(share)}",
    )


def as_held_out(miss: Miss, error: AllowedError, *, least: float) -> HeldOut:
    """A hold-out with the interval that would have been printed."""
    point = miss.observed.point
    low, high = error.range_of(miss.predicted, least=least)
    return HeldOut(
        variant=point.variant, phase=point.phase, quantity=miss.observed.quantity, dim=point.shape.dim,
        classes=point.shape.num_classes, extrapolation=miss.extrapolation, predicted=miss.predicted,
        low=low, high=high, measured=miss.observed.measured, num_points=miss.num_points,
    )  # fmt: skip


def within(misses: Iterable[Miss], size: tuple[int, int]) -> list[Miss]:
    """Hold-outs that a fit on points up to a size could know of."""
    return [miss for miss in misses if miss.observed.size <= size]


def _worst(misses: Sequence[Miss]) -> float:
    return max(abs(miss.error_share) for miss in misses)


def _the_worst_of(misses: Sequence[Miss]) -> str:
    return "the only hold-out" if len(misses) == 1 else f"the worst of {len(misses)} hold-outs"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}x" if ratio < 1e4 else f"{ratio:,.0f}x"


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"
