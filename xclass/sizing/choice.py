"""Which server a need asks for, what it costs, and how far the next smaller one is.

Training and serving are different needs: choose for each on its own. A server *offers* what is left of
its RAM after the reserve for the system and the headroom, see
:class:`~xclass.sizing.hardware.Hardware`.
"""

from __future__ import annotations

from dataclasses import dataclass

from xclass.sizing.hardware import Hardware, Server
from xclass.units import format_bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The cheapest server of a catalogue that offers what is needed."""

    needed_bytes: int
    gpu_bytes: int
    """Needed on one GPU; 0 where none is needed."""
    server: Server | None
    """None where no server of the catalogue offers as much."""
    offered_bytes: int
    """By the server; where there is none, by the largest."""
    smaller: Server | None
    """The one that offers most of those that would be rented before it; None where the cheapest one
    fits."""
    smaller_offered_bytes: int
    largest: Server | None
    """The one that offers most of all; None for a catalogue without a server that has such a GPU."""

    @property
    def missing_bytes(self) -> int:
        """By how much the need must shrink to fit the smaller server, or the largest where none fits."""
        if self.server is None:
            return max(0, self.needed_bytes - self.offered_bytes)
        return 0 if self.smaller is None else self.needed_bytes - self.smaller_offered_bytes

    @property
    def usd_per_month(self) -> float | None:
        """Of one server; None where none fits or its price is not known."""
        return None if self.server is None else self.server.usd_per_month

    @property
    def words(self) -> str:
        """The verdict in one line, without a full stop."""
        need = f"{format_bytes(self.needed_bytes)} of RAM"
        if self.gpu_bytes:
            need += f" and {format_bytes(self.gpu_bytes)} on a GPU"
        if self.server is not None:
            return describe(self.server)
        if self.largest is None:
            return f"no server of the catalogue offers {need}: none has such a GPU"
        offer = f"the largest, {self.largest.instance}, offers {format_bytes(self.offered_bytes)}"
        return f"no server of the catalogue offers {need}; {offer}"


def choose(hardware: Hardware, needed_bytes: int, *, gpu_bytes: int = 0) -> Choice:
    """The first server, by price, that offers as much.

    Args:
        hardware: the catalogue.
        needed_bytes: peak of all processes on the machine, bases included.
        gpu_bytes: peak on one GPU; 0 for a need of the CPU alone.
    """
    ranked = [server for server in hardware.ranked() if hardware.offered_gpu_bytes(server) >= gpu_bytes]
    offers = [hardware.offered_bytes(server) for server in ranked]
    place = next((i for i, offered in enumerate(offers) if offered >= needed_bytes), None)
    largest = max(range(len(offers)), key=offers.__getitem__, default=None)
    before = range(len(offers) if place is None else place)
    smaller = None if place is None else max(before, key=offers.__getitem__, default=None)
    shown = largest if place is None else place
    return Choice(
        needed_bytes=needed_bytes,
        gpu_bytes=gpu_bytes,
        server=None if place is None else ranked[place],
        offered_bytes=0 if shown is None else offers[shown],
        smaller=None if smaller is None else ranked[smaller],
        smaller_offered_bytes=0 if smaller is None else offers[smaller],
        largest=None if largest is None else ranked[largest],
    )


def describe(server: Server) -> str:
    """In one line.

    ``aws r7i.2xlarge (64 GiB, 8 vCPU): 386 USD a month (price of 2025-03-02)``
    """
    parts = [format_bytes(server.ram_bytes)]
    if server.vcpus:
        parts.append(f"{server.vcpus} vCPU")
    if server.num_gpus:
        parts.append(f"{server.num_gpus} GPU of {format_bytes(server.gpu_memory_bytes)}")
    month = server.usd_per_month
    price = "no price known" if month is None else f"{format_usd(month)} a month"
    if month is not None and server.date:
        price += f" (price of {server.date})"
    return f"{server.vendor} {server.instance} ({', '.join(parts)}): {price}"


def format_usd(amount: float | None) -> str:
    """Render dollars with three significant digits or more: ``12,300 USD``; ``-`` for None."""
    if amount is None:
        return "-"
    return f"{amount:,.0f} USD" if amount >= 100 else f"{amount:.3g} USD"
