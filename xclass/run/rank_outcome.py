"""From what is known of several ranks to the one that stands for them in the record, and a line for each."""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from xclass.errors import MeasurementError
from xclass.measure.session import PhaseMemory, combine
from xclass.measure.timeline import TimelineSampler
from xclass.records.ranks import RankReading
from xclass.records.record import Pass, Record
from xclass.run.launcher import ChildResult
from xclass.run.rank_watch import RankEnd

_ENDED_BY_AGENT = -signal.SIGTERM
"""torchrun ends the others when one has failed."""
_OF_OTHERS = ("lost_rank", "rank_hangs")
"""Errors of a rank that are another's doing."""
_STEP_TRAFFIC = "predicted_step_traffic_bytes"
_OF_ITS_OWN = ("memory", "heap", "held", "conditions")
"""What a rank reports of itself; all else of a phase - facts, marks - is the same on all of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """Several ranks of which one stands for all now."""

    ends: list[RankEnd]
    """Of every rank, in order."""
    agent: TimelineSampler
    """Of the process that started them."""
    environment: dict[str, str]
    """What they had on top of the run's variables."""


def settle_ranks(phase: str, result: ChildResult) -> Settled | None:
    """Put one rank in the place of the child: that which failed first, or that with the largest peak.

    Args:
        phase: of the child.
        result: its ``error``, ``outcomes`` and ``sampler`` become those of that rank.

    Returns:
        None where the child was alone.
    """
    if result.ranks is None:
        return None
    first = RankEnd(rank=0, sampler=None, outcome=result.outcomes.get(phase), error=result.error)
    ends = result.ranks.ends(phase, first)
    if not ends:
        return None
    settled = Settled(ends=ends, agent=result.sampler, environment=result.ranks.environment)
    if result.exit_code == 0 and all(end.outcome for end in ends):
        leader = max(ends, key=lambda end: _peak_bytes(end.outcome or {}))
        assert leader.outcome is not None
        result.outcomes[phase] |= {key: leader.outcome[key] for key in _OF_ITS_OWN if key in leader.outcome}
        result.sampler = leader.sampler or result.sampler
        return settled
    result.outcomes.pop(phase, None)
    culprit = _culprit(ends, result.rank_exits)
    if culprit is not None and result.ended_by is None:
        result.sampler = culprit.sampler or result.sampler
        kind, cause = _explain(culprit, result, _hanging(ends, result.rank_exits))
        name = f"rank {culprit.rank} of {len(ends)}: "  # which some errors begin with already
        result.error = {"kind": kind, "message": name + cause.removeprefix(name)}
    return settled


def add_ranks(record: Record, settled: Settled, result: ChildResult) -> None:
    """Keep what each rank measured, and what all of them and their agent held together."""
    begin = result.phase_begins.get(str(record.phase), 0.0)
    agent = settled.agent.between(begin).maxima
    record.environment = record.environment | settled.environment
    record.details["rank_agent_peak_bytes"] = agent.rss_bytes
    if (first := settled.ends[0].outcome) is not None:
        record.details[_STEP_TRAFFIC] = first["rank"][_STEP_TRAFFIC]
    if record.pass_ is Pass.HEAP:
        return
    record.ranks = [_reading(end, result, _hanging(settled.ends, result.rank_exits)) for end in settled.ends]
    if record.memory is not None:
        record.memory = replace(
            record.memory, num_processes=agent.num_processes, peak_tree_bytes=agent.tree_bytes or None
        )


def _explain(end: RankEnd, result: ChildResult, hanging: RankEnd | None) -> tuple[str, str]:
    """Kind of error, and how a rank ended, in words."""
    if end.error is not None:
        return str(end.error["kind"]), str(end.error["message"])
    if end is hanging:
        return "failed", (
            "hung until it was ended: the others heard nothing from it for measure.rank_timeout_minutes; "
            "raise that where one of its steps or checkpoints takes longer"
        )
    code = result.rank_exits.get(end.rank)
    if code is None:
        return "failed", "ended without a result"
    if code >= 0:
        return "failed", f"ended with exit code {code} without a result"
    if code == -signal.SIGKILL and result.was_oom_killed:
        return "out_of_memory", "killed by the kernel's out-of-memory killer"
    note = "; the kernel's count of out-of-memory kills did not rise" if code == -signal.SIGKILL else ""
    return "failed", f"killed by {signal.Signals(-code).name}{note}"


def _reading(end: RankEnd, result: ChildResult, hanging: RankEnd | None) -> RankReading:
    if end.outcome is None:
        return RankReading(rank=end.rank, end=_explain(end, result, hanging)[1])
    facts = end.outcome["rank"]
    reading = RankReading(
        rank=end.rank,
        num_classes=facts["num_classes"],
        num_threads=facts["num_threads"],
        seconds=end.outcome["seconds"],
        held=end.outcome["held"],
    )
    if "memory" in end.outcome and end.sampler is not None:
        memory = PhaseMemory.from_json(end.outcome["memory"])
        try:
            reading.memory = combine(memory, end.sampler.between(memory.begin_seconds, memory.end_seconds))
        except MeasurementError as error:
            reading.end = f"the reading was refused: {error}"
    return reading


def _peak_bytes(outcome: Mapping[str, Any]) -> int:
    """Of what this pass measures."""
    if "memory" in outcome:
        return int(outcome["memory"]["peak_rss_bytes"])
    return int(outcome.get("heap", {}).get("peak_heap_bytes", 0))


def _culprit(ends: Sequence[RankEnd], exits: Mapping[int, int]) -> RankEnd | None:
    """The rank whose end was no other rank's doing; None where none is known to have failed."""
    hanging = _hanging(ends, exits)

    def order(end: RankEnd) -> tuple[int, float]:
        if end is hanging:
            return 0, math.inf
        at = math.inf if end.error is None else float(end.error["seconds"])
        if end.error is not None:
            return (1 if end.error["kind"] in _OF_OTHERS else 0), at
        return (2 if exits[end.rank] == _ENDED_BY_AGENT else 0), at

    failed = [end for end in ends if end.error is not None or end.rank in exits]
    return min(failed, key=order, default=None)


def _hanging(ends: Sequence[RankEnd], exits: Mapping[int, int]) -> RankEnd | None:
    """The rank that the others waited for until their time was over; None where it cannot be known.

    A rank that is stopped is killed by torchrun when half a minute of SIGTERM has not ended it; any other
    ends by SIGTERM, as do those that had no time to say that they waited too.
    """
    if not any(end.error is not None and end.error["kind"] == "rank_hangs" for end in ends):
        return None
    silent = [end for end in ends if end.error is None and end.outcome is None]
    stopped = [end for end in silent if exits.get(end.rank) == -signal.SIGKILL]
    found = stopped if len(stopped) == 1 else silent
    return found[0] if len(found) == 1 else None
