"""How wrong a projection is: points that a fit did not see, and what their errors allow to say of others.

Points of one variant and phase are ordered by size. From every size on, the fit sees what is no larger and
predicts each point that is (rolling origin). The interval of a projection is the worst relative error of the
hold-outs that lay as far beyond their fit as it does: no probability, for that would need hundreds of them.

Source: a 95 % split-conformal interval needs 19 hold-outs at least; intervals from a fitted curve alone hide
the error of the curve (arXiv 2404.10102 finds such ones "implausibly narrow").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from xclass.projection.points import Point, extrapolation_of
from xclass.projection.result import HeldOut

_FEWEST_HOLD_OUTS = 3
"""With fewer of its own, a variant borrows those of the same phase and quantity of the others."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """One quantity of one measured point."""

    point: Point
    measured: float
    work: float = 0.0
    """Of a time, what it is fitted against."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AllowedError:
    """How far the truth may lie from a figure, as a factor of ``1 + share`` either way, and why."""

    share: float
    words: str

    def around(self, value: float, least: float) -> tuple[float, float]:
        """Both ends of the interval, neither closer than ``least``."""
        low, high = value / (1.0 + self.share), value * (1.0 + self.share)
        return max(0.0, min(low, value - least)), max(high, value + least)


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How a quantity is fitted and judged."""

    quantity: str
    """As in :class:`~xclass.projection.result.HeldOut`."""
    predict: Callable[[Sequence[Observed], Observed], float]
    """Fits its first argument and gives the value of the second, whose measured one it does not look at."""
    least: Callable[[float], float]
    """Value -> distance below which no interval ends: equal runs differ by as much."""
    least_words: str
    fewest_sizes: int
    """That a fit must see to be held to what it says: as many as it has free numbers."""
    unknown: AllowedError
    """Where there is no hold-out at all."""


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
    least_share: float
    """By which equal runs of this size differ: no error of the fit, however far it reaches."""

    @property
    def error_share(self) -> float:
        """Of predicted and measured the larger over the smaller, less 1."""
        ratio = self.predicted / self.observed.measured if self.predicted > 0.0 else 1e9
        return max(ratio, 1.0 / ratio) - 1.0


class Series:
    """One quantity of one phase of one variant, at all sizes at which it was measured."""

    def __init__(self, kind: Kind, observed: Sequence[Observed]) -> None:
        """Take the measurements, of which there is at least one."""
        self.kind = kind
        self.observed = sorted(observed, key=lambda one: one.point.size)

    @cached_property
    def misses(self) -> list[Miss]:
        """Every hold-out, those of the largest size last, that with the most points seen last of all."""
        found = []
        sizes = sorted({one.point.size for one in self.observed})
        for seen_size in sizes[self.kind.fewest_sizes - 1 : -1]:
            seen = [one for one in self.observed if one.point.size <= seen_size]
            axes = [one.point.axes for one in seen]
            found += [
                Miss(
                    observed=unseen,
                    extrapolation=extrapolation_of(unseen.point.axes, axes),
                    predicted=self.kind.predict(seen, unseen),
                    num_points=len(seen),
                    seen_size=seen_size,
                    least_share=self.kind.least(unseen.measured) / unseen.measured,
                )
                for unseen in self.observed
                if unseen.point.size > seen_size
            ]
        return found

    def error_at(self, extrapolation: float, others: Sequence[Miss]) -> AllowedError:
        """Of a projection from all points; ``others`` are hold-outs of other variants."""
        return allowed_error(extrapolation, self.misses, others, self.kind.unknown)

    def interval(self, value: float, error: AllowedError) -> tuple[float, float, str]:
        """Both ends and where they come from."""
        least = self.kind.least(value)
        low, high = error.around(value, least)
        is_least = error.share * value < least
        return low, high, f"{error.words}; {self.kind.least_words}" if is_least else error.words

    def held_out(self, others: Sequence[Miss]) -> list[HeldOut]:
        """Every hold-out, with the interval that would have been printed from what the fit saw."""
        return [self._held_out(miss, others) for miss in self.misses]

    def largest_held_out(self, others: Sequence[Miss]) -> HeldOut | None:
        """The largest size, predicted from all smaller ones."""
        return self._held_out(self.misses[-1], others) if self.misses else None

    def _held_out(self, miss: Miss, others: Sequence[Miss]) -> HeldOut:
        own, pooled = (
            [one for one in misses if one.observed.point.size <= miss.seen_size]
            for misses in (self.misses, others)
        )
        error = allowed_error(miss.extrapolation, own, pooled, self.kind.unknown)
        low, high, _ = self.interval(miss.predicted, error)
        point = miss.observed.point
        return HeldOut(
            variant=point.variant, phase=point.phase, quantity=self.kind.quantity, dim=point.shape.dim,
            classes=point.shape.num_classes, extrapolation=miss.extrapolation, predicted=miss.predicted,
            low=low, high=high, measured=miss.observed.measured, num_points=miss.num_points,
        )  # fmt: skip


def allowed_error(
    extrapolation: float, own: Sequence[Miss], others: Sequence[Miss], unknown: AllowedError
) -> AllowedError:
    """The worst relative error at the same extrapolation or more; scaled up where no hold-out reaches as far.

    Args:
        extrapolation: of what is projected.
        own: hold-outs of its variant, phase and quantity.
        others: of the same phase and quantity of other variants, taken in where ``own`` are few.
        unknown: where there are none at all.
    """
    is_pooled = len(own) < _FEWEST_HOLD_OUTS and bool(others)
    misses = [*own, *others] if is_pooled else own
    if not misses:
        return unknown
    reaching = [miss for miss in misses if miss.extrapolation >= extrapolation]
    worst = max(miss.error_share for miss in reaching or misses)
    whose = f"{_the_worst_of(reaching or misses)}{' of all variants' if is_pooled else ''}"
    if reaching:
        where = f" at {_times(extrapolation)} or more" if extrapolation > 1.0 else ""
        return AllowedError(share=worst, words=f"{whose}{where} was {_percent(worst)}")
    reach = max(miss.extrapolation for miss in misses)
    factor = extrapolation / reach
    share = max(_scaled(miss, factor) for miss in misses)
    return AllowedError(
        share=share,
        words=f"no hold-out reaches {_times(extrapolation)}: {whose} at up to {_times(reach)} was "
        f"{_percent(worst)}; the part beyond what equal runs differ by, {_times(factor)}, "
        f"makes {_percent(share)}",
    )


def _scaled(miss: Miss, factor: float) -> float:
    """The error as it would be further out: the spread of equal runs does not grow with the distance."""
    spread = min(miss.error_share, miss.least_share)
    return spread + (miss.error_share - spread) * factor


def _the_worst_of(misses: Sequence[Miss]) -> str:
    return "the only hold-out" if len(misses) == 1 else f"the worst of {len(misses)} hold-outs"


def _times(ratio: float) -> str:
    return f"{ratio:.3g}x" if ratio < 1000 else f"{ratio:,.0f}x"


def _percent(share: float) -> str:
    return f"{share * 100:.2g} %" if share < 0.1 else f"{share * 100:.0f} %"
