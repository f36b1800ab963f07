"""A logarithmic axis of a figure: round numbers, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xclass.units import KIB

_ALMOST = 1 + 1e-9
"""What a power of ten is off by in floating point is no distance."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LogAxis:
    """From ``low`` to ``high`` over the pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Pixels of a value, which may lie beyond the ends."""
        share = math.log(max(value, 1e-12) / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)


def count_axis(values: Iterable[float], start: float, end: float) -> LogAxis:
    """Powers of ten around the values."""
    found = list(values)
    first, last = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    last = max(last, first + 1)
    ticks = tuple(10.0**power for power in range(first, last + 1))
    return LogAxis(low=ticks[0], high=ticks[-1], start=start, end=end, ticks=ticks)


def byte_axis(values: Iterable[float], start: float, end: float) -> LogAxis:
    """Powers of two of a KiB around the values; fewer ticks where they are many, more where they are few."""
    # A record may say 0 bytes, which no logarithm has.
    found = [max(value, 1.0) for value in values]
    first = math.floor(math.log2(min(found) / KIB))
    last = max(math.ceil(math.log2(max(found) / KIB)), first + 1)
    step = 1 if last - first <= 6 else 2
    # From an even power on, so that the labels read 64 MiB, 256 MiB, 1 GiB.
    powers = [2.0**power for power in range(first + first % step, last + 1, step)]
    if last - first <= 2:
        powers = [part * power for power in powers[:-1] for part in (1, 1.25, 1.5, 1.75)] + powers[-1:]
    ticks = tuple(KIB * power for power in powers)
    return LogAxis(low=KIB * 2.0**first, high=KIB * 2.0**last, start=start, end=end, ticks=ticks)


def value_axis(
    values: Iterable[float], start: float, end: float, *, digits: Sequence[int] = (1, 2, 5)
) -> LogAxis:
    """Some digits times powers of ten around the values; beyond three decades powers of ten alone."""
    found = list(values)
    low, high = min(found), max(found)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 2)
    steps = [digit * 10.0**power for power in powers for digit in digits]
    low = max(step for step in steps if step <= low * _ALMOST)
    high = min(step for step in steps if step * _ALMOST >= high and step > low * 1.5)
    shown = [1] if high / low > 1000 else digits
    ticks = [digit * 10.0**power for power in powers for digit in shown]
    within = tuple(tick for tick in ticks if low <= tick * _ALMOST and tick <= high * _ALMOST)
    return LogAxis(low=low, high=high, start=start, end=end, ticks=within)


def count_label(number: float) -> str:
    """Of a power of ten: ``10k``, ``5M``."""
    for scale, suffix in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if number >= scale:
            return f"{number / scale:g}{suffix}"
    return f"{number:g}"
