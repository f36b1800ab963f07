"""Numbers as people write and read them: counts, bytes, durations.

Inside xclass bytes are integers in bytes; GiB (2**30) appears only through :func:`format_bytes`.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from math import ceil, floor, log10

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

_HOURS_FROM_SECONDS, _DAYS_FROM_SECONDS = 3 * 3600, 3 * 86400
_COUNT_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9}
_SIZE = re.compile(r"([0-9][0-9_.]*(?:e[+]?[0-9]+)?) *([a-z]*)", re.IGNORECASE)
_SIZE_UNITS = {
    "": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": KIB, "mib": MIB, "gib": GIB, "tib": 1 << 40,
}  # fmt: skip
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


def parse_bytes(text: str) -> int:
    """Read a size in bytes.

    Args:
        text: ``2GB`` (10**9 each), ``2GiB`` (2**30 each), ``1500MB``, ``512 MiB``, ``1.5e9`` (bytes).

    Returns:
        Whole bytes, rounded down.

    Raises:
        ValueError: with the reason: not a number, no such unit, or below 1 MB.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a size")
    number, unit = match[1], match[2].lower()
    if unit not in _SIZE_UNITS:
        # "2G" means 10**9 to some and 2**30 to others.
        hint = f"; write {unit.upper()}B or {unit.upper()}iB" if unit in ("k", "m", "g", "t") else ""
        raise ValueError(f"{match[2]} is no unit{hint}")
    try:
        size = Decimal(number.replace("_", "")) * _SIZE_UNITS[unit]
        is_possible = 10**6 <= size <= 10**15
    except (InvalidOperation, ArithmeticError):
        raise ValueError("not a size") from None
    if not is_possible:
        small = "less than 1 MB" + ("" if unit else ": the unit is missing")
        raise ValueError(small if size < 10**6 else "more than a petabyte")
    return int(size)


def format_decimal_bytes(num_bytes: int | float | None) -> str:
    """Render bytes in units of 1000 with three significant digits, ``-`` for None."""
    if num_bytes is None:
        return "-"
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(num_bytes) >= scale:
            value = num_bytes / scale
            digits = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
            return f"{value:,.{digits}f} {unit}"
    return f"{num_bytes:.0f} B"


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


def percent_decimals(half_width: float) -> int:
    """Decimals that a share in percent carries.

    Args:
        half_width: half of its 95 % interval, a share; its first significant digit is the last that is shown.
    """
    return max(0, -floor(log10(max(half_width * 100, 1e-4))))


def share_with_interval(share: float, low: float, high: float) -> tuple[str, str, str]:
    """A share and its interval in percent, with no digit that the interval makes meaningless.

    The last digit shown is that of the first significant digit of the interval's half width; the ends
    are rounded outwards, so that what is printed covers at least what was computed.

    Returns:
        (share, low, high) without the percent sign, e.g. ``("37.3", "37.1", "37.5")``.
    """
    digits = percent_decimals((high - low) / 2)
    # The inner round keeps 35.00000000001 from becoming 35.1.
    low_steps = floor(round(low * 100 * 10**digits, 6))
    high_steps = ceil(round(high * 100 * 10**digits, 6))
    return tuple(f"{x:.{digits}f}" for x in (share * 100, low_steps / 10**digits, high_steps / 10**digits))  # type: ignore[return-value]


def format_count(number: int | None) -> str:
    """Render a count with thousands separators, ``-`` for None."""
    return "-" if number is None else f"{number:,}"


def format_seconds(seconds: float | None) -> str:
    """Render a duration: ``1.3 ms``, ``4.2 s``, ``3 min 05 s``, ``7 h 02 min``, ``12.5 days``; or ``-``."""
    if seconds is None:
        return "-"
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} us"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    if seconds < _HOURS_FROM_SECONDS:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    if seconds < _DAYS_FROM_SECONDS:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02d} min"
    return f"{seconds / 86400:,.3g} days" if seconds < 8.64e7 else f"{seconds / 86400:,.0f} days"
