"""How memory is measured: the section ``measure`` of a run's configuration. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from xclass.errors import ConfigError, check_range


class Allocator(StrEnum):
    """How the child's malloc behaves."""

    pinned = "pinned"
    """Thresholds and arenas fixed, so that peaks are comparable across sizes."""
    system = "system"
    """As the user's environment has it."""


@dataclass(kw_only=True, slots=True)
class MeasureConfig:
    """How memory is measured."""

    allocator: Allocator = Allocator.pinned
    """pinned or system."""
    heap_pass: bool = True
    """Run every phase a second time, shortened, under memray: heap peak and flamegraph."""
    native_stacks: bool = False
    """Note C and C++ frames in that pass too: slower, and some MB more."""
    repeats: int = 1
    """How often every phase is measured, 1 to 100: the report gives median and spread."""
    sample_seconds: float = 0.02
    """Interval of the timeline, 0.005 to 10; the peak does not depend on it."""
    timeout_minutes: float = 240.0
    """A child that runs longer is killed and recorded as failed."""
    rank_timeout_minutes: float = 10.0
    """How long the ranks of a head wait for one that hangs; longer than its slowest step or checkpoint."""
    wait_minutes: float = 60.0
    """How long a child waits that would fit but for others measured on this machine; 0 refuses at once."""
    reserve_share: float = 0.05
    """Share of the available memory that the plan leaves alone, 0 to 0.5."""

    def __post_init__(self) -> None:
        """Refuse settings that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        check_range("measure.repeats", self.repeats, 1, 100, remedy="3 shows how far bytes and times spread")
        if self.native_stacks and not self.heap_pass:
            raise ConfigError(
                "measure.native_stacks",
                "true",
                allowed="false with measure.heap_pass=false",
                remedy="native stacks are noted in the heap pass: leave measure.heap_pass=true",
            )
        check_range("measure.sample_seconds", self.sample_seconds, 0.005, 10.0, remedy="0.02 is the default")
        check_range(
            "measure.timeout_minutes", self.timeout_minutes, 0.01, 60.0 * 24 * 30, remedy="240 is the default"
        )
        check_range(
            "measure.rank_timeout_minutes", self.rank_timeout_minutes, 0.1, 60.0 * 24 * 30,
            remedy="10 is the default; more where one step or checkpoint takes longer",
        )  # fmt: skip
        check_range(
            "measure.wait_minutes", self.wait_minutes, 0.0, 60.0 * 24 * 30,
            remedy="60 is the default; 0 refuses at once what does not fit beside others",
        )  # fmt: skip
        check_range("measure.reserve_share", self.reserve_share, 0.0, 0.5, remedy="0.05 is the default")
