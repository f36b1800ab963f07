"""The memory and disk that the children of a run may count on, here and now."""

from __future__ import annotations

import shutil
from pathlib import Path

from xclass.measure.limits import AvailableMemory, available_memory
from xclass.run.neighbours import company_words
from xclass.sizing.capacity import Room
from xclass.sizing.place import Place
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


def place_here(folder: Path, reserve_share: float) -> Place:
    """This machine as it is now, as a run in this folder would find it.

    Args:
        folder: where models will be saved; must exist.
        reserve_share: ``measure.reserve_share``.

    Raises:
        MeasurementError: the available memory cannot be read.
    """
    memory = available_memory()
    return Place(
        name="this machine",
        ram_bytes=memory.total_bytes,
        available_bytes=memory.available_bytes,
        available_words=memory.limit_source + company_words(),
        reserve_share=reserve_share,
        disk_words=f"free in {folder}",
        room=room_here(folder, memory, reserve_share),
    )
