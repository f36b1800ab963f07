"""Servers that can be rented, and which of them holds how many bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

from xclass.units import GIB

HOURS_PER_MONTH = 730
"""365 days of 24 hours over 12 months: what cloud vendors bill a month of a running server at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """One machine of a catalogue."""

    vendor: str
    """Of the cloud; ``bare`` for a machine of so many GB without a price."""
    instance: str
    """The vendor's name for it."""
    vcpus: int
    ram_bytes: int
    gpu_memory_bytes: int = 0
    usd_per_hour: float | None = None
    """On demand, Linux, without tax; None where no price is known. Never 0."""
    region: str = ""
    source: str = ""
    """Where RAM and price were read."""
    date: str = ""
    """Of the price, ISO 8601."""

    @property
    def usd_per_month(self) -> float | None:
        """Price of HOURS_PER_MONTH; None where no price is known."""
        return None if self.usd_per_hour is None else self.usd_per_hour * HOURS_PER_MONTH


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """A catalogue and how much of each machine may be counted on. The Hydra group ``hardware``."""

    name: str
    date: str
    reserve_share: float = 0.04
    """Of the RAM, for kernel, agents and firmware; with reserve_bytes what is not usable."""
    reserve_bytes: int = GIB // 2
    headroom_share: float = 0.2
    """Of the usable RAM that stays free."""
    servers: tuple[Server, ...] = field(default=())

    def usable_bytes(self, server: Server) -> int:
        """RAM that processes can have."""
        return max(0, int(server.ram_bytes * (1.0 - self.reserve_share)) - self.reserve_bytes)

    def offered_bytes(self, server: Server) -> int:
        """RAM that may be promised: usable less headroom."""
        return int(self.usable_bytes(server) * (1.0 - self.headroom_share))
