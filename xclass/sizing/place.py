"""Where a plan is to fit: this machine as it is now, or one that somebody might rent."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xclass.sizing.capacity import Room
from xclass.sizing.hardware import Hardware, Server
from xclass.units import format_bytes, format_decimal_bytes

ANY_DISK_BYTES = 1 << 60
"""Of a disk that nobody has spoken of: it limits nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A machine, what of its RAM may be planned with, and why."""

    name: str
    """``this machine`` or ``a machine of 64.0 GB``."""
    ram_bytes: int
    available_bytes: int
    """Of it, for the processes of a run."""
    available_words: str
    """Which limit says so."""
    reserve_share: float
    """Of what is available, left alone (``measure.reserve_share``)."""
    disk_words: str
    """Which disk."""
    room: Room

    @property
    def is_disk_known(self) -> bool:
        """Whether a disk limits anything."""
        return self.room.free_disk_bytes < ANY_DISK_BYTES

    @property
    def as_hardware(self) -> Hardware:
        """A catalogue of this machine alone, which offers all that may be planned with."""
        server = Server(vendor="", instance=self.name, vcpus=0, ram_bytes=self.room.usable_bytes)
        return Hardware(
            name=self.name, date="", reserve_share=0.0, reserve_bytes=0, headroom_share=0.0, servers=(server,)
        )

    def with_disk(self, free_disk_bytes: int) -> Place:
        """The same with a disk that was asked for."""
        room = replace(self.room, free_disk_bytes=free_disk_bytes)
        return replace(self, room=room, disk_words="asked for (disk=)")


def rented_place(ram_bytes: int, hardware: Hardware, reserve_share: float, *, num_machines: int = 1) -> Place:
    """A machine of so much RAM, its system running and nothing else, or several of them.

    Args:
        ram_bytes: as it is sold.
        hardware: catalogue whose reserve for kernel and agents is taken off.
        reserve_share: of what is then available, left alone as a run there would.
        num_machines: equal ones.
    """
    server = Server(vendor="bare", instance="", vcpus=0, ram_bytes=ram_bytes)
    available_bytes = hardware.usable_bytes(server)
    size = format_decimal_bytes(ram_bytes)
    return Place(
        name=f"{'a machine' if num_machines == 1 else f'{num_machines} machines'} of {size}",
        ram_bytes=ram_bytes,
        available_bytes=available_bytes,
        available_words=(
            f"the system keeps {hardware.reserve_share:.1%} and {format_bytes(hardware.reserve_bytes)}"
        ),
        reserve_share=reserve_share,
        disk_words="no disk was asked for: add disk=200GB",
        room=Room(
            usable_bytes=int(available_bytes * (1.0 - reserve_share)),
            free_disk_bytes=ANY_DISK_BYTES,
            num_machines=num_machines,
        ),
    )
