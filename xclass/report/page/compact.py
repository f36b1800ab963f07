"""Rows of whole numbers in few characters: what a straight line through the last two does not say.

Closed forms are straight lines in classes between their kinks, so that most of a row is zeros. A browser
reads it back exactly, with BigInt: templates/calculator.js, ``readRow``. Made for the calculator, whose
table has a few hundred thousand numbers and travels by e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ZEROS = "*"


def write_row(stops: Sequence[int], values: Sequence[int], guide: Sequence[int] | None = None) -> str:
    """One row.

    Args:
        stops: where the values stand, rising; the reader must have them.
        values: as many.
        guide: a row that bends where this one does, as a peak does for the ends of its interval; the reader
            must have it.

    Returns:
        Differences from what is expected, in base 36, between commas; ``*7`` stands for seven zeros.
        Expected is the line through the two values before, plus what the guide is off from its own line, in
        proportion.
    """
    line = _line(stops, values)
    if guide is not None:
        bends = [value - on_line for value, on_line in zip(guide, _line(stops, guide), strict=True)]
        line = [on_line + _bend(bends, values, guide, at) for at, on_line in enumerate(line)]
    tokens: list[str] = []
    num_zeros = 0
    for value, expected in zip(values, line, strict=True):
        if value == expected:
            num_zeros += 1
            continue
        tokens += _run(num_zeros)
        num_zeros = 0
        tokens.append(base36(value - expected))
    return ",".join([*tokens, *_run(num_zeros)])


def base36(number: int) -> str:
    """A whole number in the digits 0 to z."""
    digits, rest = "", abs(number)
    while rest:
        rest, last = divmod(rest, 36)
        digits = _DIGITS[last] + digits
    return ("-" if number < 0 else "") + (digits or "0")


def _run(num_zeros: int) -> list[str]:
    return [f"{_ZEROS}{num_zeros if num_zeros > 1 else ''}"] if num_zeros else []


def _line(stops: Sequence[int], values: Sequence[int]) -> list[int]:
    """At every stop what the line through the two values before says; 0, and the value before, at first."""
    line = [0, *values[:1]][: len(values)]
    for at in range(2, len(values)):
        before, last = values[at - 2], values[at - 1]
        if before == last:
            line.append(last)
            continue
        rise = (last - before) * (stops[at] - stops[at - 1])
        line.append(last + _divide(rise, stops[at - 1] - stops[at - 2]))
    return line


def _bend(bends: Sequence[int], values: Sequence[int], guide: Sequence[int], at: int) -> int:
    if not at or not bends[at] or not guide[at - 1]:
        return bends[at]
    return _divide(bends[at] * values[at - 1], guide[at - 1])


def _divide(number: int, divisor: int) -> int:
    """Towards zero, as BigInt divides."""
    whole = abs(number) // abs(divisor)
    return whole if (number >= 0) == (divisor > 0) else -whole
