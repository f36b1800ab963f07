"""Numbers as people write and read them: counts, bytes, durations.

Inside xclass bytes are integers in bytes; GiB (2**30) appears only through :func:`format_bytes`.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_COUNT_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_INT_CALL = re.compile(r"^int\((.*)\)$")


def parse_count(text: str) -> int:
    """Read a positive whole number in any common spelling.

    Args:
        text: ``5000000``, ``5_000_000``, ``5e6``, ``5.0``, ``5M``, ``2.5M``, ``500k`` or ``int(5e6)``.

    Returns:
        The number, exact: the arithmetic is decimal, never floating point.

    Raises:
        ValueError: if it is not a whole number of at least 1, with the reason.
    """
    body = text.strip()
    if match := _INT_CALL.match(body):
        body = match.group(1).strip()
    suffix = body[-1:].lower() if body[-1:].isalpha() else ""
    digits = body[: len(body) - len(suffix)]
    try:
        number = Decimal(digits.replace("_", "")) * _COUNT_SUFFIXES[suffix]
    except (InvalidOperation, KeyError):
        raise ValueError("not a number") from None
    if not number.is_finite():
        raise ValueError("not a finite number")
    if number < 1:
        raise ValueError("less than 1")
    if number > 10**15:
        raise ValueError("more than 1e15")
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def format_bytes(num_bytes: int | float | None) -> str:
    """Render bytes in binary units with three significant digits, ``-`` for None."""
    if num_bytes is None:
        return "-"
    size = abs(num_bytes)
    for unit, scale in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if size >= scale:
            value = num_bytes / scale
            return f"{value:.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"
    return f"{num_bytes:.0f} B"


def format_count(number: int | None) -> str:
    """Render a count with thousands separators, ``-`` for None."""
    return "-" if number is None else f"{number:,}"


def format_seconds(seconds: float | None) -> str:
    """Render a duration: ``1.3 ms``, ``4.2 s``, ``3 min 05 s``; ``-`` for None."""
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"
