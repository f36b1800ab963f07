"""Other measured children that ran on the machine while a phase did: part of that phase's conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

from xclass.units import format_bytes

NEIGHBOURS = "neighbours"
"""Key of the conditions: a list, empty where the phase ran alone, absent where nobody looked."""
NEIGHBOURS_FAILURE = "neighbours_failure"
"""Key of the conditions: why nobody could look."""
MOST_LISTED = 20
"""Of one phase: a day's training beside a sweep of hundreds keeps those that were there longest."""
_MOST_NAMED = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbour:
    """All children of one run and method, doing the same phases, that a phase had beside it."""

    run_dir: str
    method: str
    phases: str
    """``train``, or e.g. ``load, serve``: the phases of one child."""
    reserved_bytes: int
    """Largest plan of one of them; 0 for data preparation, which has no plan."""
    share: float
    """Of the phase's time, from 0 to 1."""

    def words(self) -> str:
        """Which it is, for a sentence; of its folder the last two parts."""
        folder = "/".join(PurePath(self.run_dir).parts[-2:])
        return f"{self.method} {self.phases} of {folder} ({format_bytes(self.reserved_bytes)} reserved)"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


def read_neighbours(conditions: Mapping[str, Any]) -> list[Neighbour]:
    """Those that the conditions of a record name, the longest first; none where nobody looked.

    Raises:
        TypeError: they are no list of neighbours, which no report can show.
    """
    found = conditions.get(NEIGHBOURS)
    if found is None:
        return []
    if not isinstance(found, list):
        raise TypeError(f"conditions.{NEIGHBOURS} is {type(found).__name__}, not a list")
    return sorted((_neighbour(one) for one in found), key=lambda one: -one.share)


def company(conditions: Mapping[str, Any]) -> str:
    """Who ran beside, in words; empty where nobody did or nobody looked."""
    return name_neighbours(read_neighbours(conditions), with_share=True)


def name_neighbours(neighbours: Sequence[Neighbour], *, with_share: bool = False) -> str:
    """The first few by name and the others as a number."""
    named = [
        one.words() + (f" for {one.share * 100:.0f} % of its time" if with_share else "")
        for one in neighbours[:_MOST_NAMED]
    ]
    others = len(neighbours) - len(named)
    return ", ".join(named) + (f" and {others} more" if others else "")


def _neighbour(document: Any) -> Neighbour:
    kinds = {"run_dir": str, "method": str, "phases": str, "reserved_bytes": int, "share": (int, float)}
    for key, kind in kinds.items():
        value = document.get(key) if isinstance(document, dict) else None
        if not isinstance(value, kind) or isinstance(value, bool):  # type: ignore[arg-type]
            raise TypeError(f"conditions.{NEIGHBOURS} has one whose {key} is {type(value).__name__}")
    return Neighbour(**{key: document[key] for key in kinds})
