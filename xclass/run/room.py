"""The memory and disk that the children of a run may count on, here and now."""

from __future__ import annotations

import shutil
from pathlib import Path

from xclass.measure.limits import AvailableMemory
from xclass.sizing.capacity import Room
from xclass.units import MIB

_SPARE_DISK_BYTES = 256 * MIB
"""Left for records, reports and heap captures, which a full disk would cost."""


def room_here(folder: Path, memory: AvailableMemory, reserve_share: float) -> Room:
    """What may be planned with.

    Args:
        folder: where models will be saved; must exist.
        memory: the tightest limit of this process.
        reserve_share: of the available memory that stays free (``measure.reserve_share``).
    """
    return Room(
        usable_bytes=int(memory.available_bytes * (1.0 - reserve_share)),
        free_disk_bytes=max(0, shutil.disk_usage(folder).free - _SPARE_DISK_BYTES),
    )
