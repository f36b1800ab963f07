"""Rows of whole numbers in few characters: what a straight line through the last two does not say.

Closed forms are straight lines in classes between their kinks, so that most of a row is zeros. A browser
reads it back exactly, with BigInt: templates/calculator.js, ``readRow``. Made for the calculator, whose
table has a few hundred thousand numbers and travels by e-mail.
"""

from __future__ import annotations

from collections.abc import Sequence

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ZEROS = "*"


def write_row(stops: Sequence[int], values: Sequence[int]) -> str:
    """One row.

    Args:
        stops: where the values stand, rising; the reader must have them.
        values: as many.

    Returns:
        Differences from the line through the two values before, in base 36, between commas; ``*7`` stands
        for seven zeros.
    """
    tokens: list[str] = []
    num_zeros = 0
    for at, value in enumerate(values):
        rest = value - _expected(stops, values, at)
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


def _expected(stops: Sequence[int], values: Sequence[int], at: int) -> int:
    """On the line through the two values before; nothing before the first."""
    if at == 0:
        return 0
    if at == 1:
        return values[0]
    rise = (values[at - 1] - values[at - 2]) * (stops[at] - stops[at - 1])
    run = stops[at - 1] - stops[at - 2]
    # Towards zero, as BigInt divides.
    return values[at - 1] + (rise // run if rise >= 0 else -(-rise // run))
