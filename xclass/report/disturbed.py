"""Times that were taken while other measured children ran: they are marked wherever they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xclass.records.neighbours import name_neighbours, read_neighbours
from xclass.records.record import Record
from xclass.units import format_seconds

MARK = "disturbed"
_TELLING_SHARE = 0.01
"""Of a phase's time: in a sweep on several processes the ends of two children always touch."""


def disturbed_by(records: Iterable[Record]) -> str | None:
    """Who ran beside one of these measurements, in words; None where all were alone as far as is known."""
    for record in records:
        found = [one for one in read_neighbours(record.conditions) if one.share >= _TELLING_SHARE]
        if found:
            return name_neighbours(found, with_share=True)
    return None


def time_text(row: Mapping[str, Any], key: str) -> str:
    """Seconds of a summary row, marked where they were disturbed."""
    return marked(format_seconds(row[key]), is_disturbed=bool(row.get("disturbed_by")))


def marked(text: str, *, is_disturbed: bool) -> str:
    """A time with its mark; what is no time stays as it is."""
    return f"{text} ({MARK})" if is_disturbed and text != "-" else text
