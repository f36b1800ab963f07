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
    tokens: list[str] = []
    num_zeros = 0
    for at, value in enumerate(values):
        rest = value - _on_line(stops, values, at) - (_bend(stops, values, guide, at) if guide else 0)
        if rest == 0:
            num_zeros += 1
            continue
        tokens += _run(num_zeros)
        num_zeros = 0
        tokens.append(base36(rest))
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


def _on_line(stops: Sequence[int], values: Sequence[int], at: int) -> int:
    """On the line through the two values before; nothing before the first."""
    if at == 0:
        return 0
    if at == 1:
        return values[0]
    rise = (values[at - 1] - values[at - 2]) * (stops[at] - stops[at - 1])
    return values[at - 1] + _divide(rise, stops[at - 1] - stops[at - 2])


def _bend(stops: Sequence[int], values: Sequence[int], guide: Sequence[int], at: int) -> int:
    off = guide[at] - _on_line(stops, guide, at)
    return _divide(off * values[at - 1], guide[at - 1]) if at and guide[at - 1] else off


def _divide(number: int, divisor: int) -> int:
    """Towards zero, as BigInt divides."""
    whole = abs(number) // abs(divisor)
    return whole if (number >= 0) == (divisor > 0) else -whole
