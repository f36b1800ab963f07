"""Servers that can be rented, and how much of each may be counted on."""

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
    """Hardware threads; 0 where nothing is said of them."""
    ram_bytes: int
    gpu_memory_bytes: int = 0
    """Of one GPU, since one is what a run uses; 0 for a machine without."""
    num_gpus: int = 0
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
    """Of the prices, ISO 8601; empty where there are none."""
    reserve_share: float = 0.075
    """Of the RAM, what hypervisor, firmware and kernel keep: a "64 GiB" machine shows less to its
    processes.

    Source: github.com/aws/karpenter-provider-aws issue 7929: 7.5 % is chosen there so that no known
    pair of EC2 type and system image has less than is counted on; most have some percent more.
    """
    reserve_bytes: int = GIB // 2
    """Besides, for the operator's own processes (ssh, logs, monitoring). An assumption; set it to what
    yours take."""
    headroom_share: float = 0.2
    """Of the usable RAM that stays free: for the error of a projection (its bar is 4 % at 30 times the
    measured size), for page cache, and for the classes that come later."""
    servers: tuple[Server, ...] = field(default=())

    @property
    def price_dates(self) -> str:
        """``2020-06-30 to 2025-03-02``: of the oldest and the newest price; empty where there are none."""
        dates = sorted({server.date for server in self.servers if server.usd_per_hour and server.date})
        return " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else ""

    def usable_bytes(self, server: Server) -> int:
        """RAM that processes can have."""
        return max(0, int(server.ram_bytes * (1.0 - self.reserve_share)) - self.reserve_bytes)

    def offered_bytes(self, server: Server) -> int:
        """RAM that may be promised: usable less headroom."""
        return int(self.usable_bytes(server) * (1.0 - self.headroom_share))

    def offered_gpu_bytes(self, server: Server) -> int:
        """Memory of one GPU that may be promised: all of it less the same headroom."""
        return int(server.gpu_memory_bytes * (1.0 - self.headroom_share))

    def ranked(self) -> list[Server]:
        """In the order in which they would be rented: by price, of equal prices the larger one first.

        Those without a price come last, the smaller ones first. The server for a need is the first of
        them that offers it: whoever chooses elsewhere (the calculator of the page) has to know no other
        rule.
        """
        return sorted(self.servers, key=_rank)


def _rank(server: Server) -> tuple[bool, float, int, str, str]:
    if server.usd_per_hour is None:
        return True, 0.0, server.ram_bytes, server.vendor, server.instance
    return False, server.usd_per_hour, -server.ram_bytes, server.vendor, server.instance
