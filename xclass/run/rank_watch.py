"""The launcher's eyes on the ranks of a child: one sampler each, and what each of them wrote down.

Rank 0 speaks to the launcher on the pipe, as every child does. The others write their events into files
beside the spec (``<name>.rank-1.jsonl``), which are read when all have ended.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from xclass.errors import MeasurementError
from xclass.measure.timeline import TimelineSampler
from xclass.measure.tree import children_of
from xclass.run.events import parse_event, rank_events_path
from xclass.run.spec import ChildSpec

_LOOK_SECONDS = 0.05
"""Between two looks for ranks that were not there yet: torchrun takes about a second to start them."""


@dataclass(kw_only=True, slots=True)
class RankEnd:
    """All that is known of one rank after the child ended."""

    rank: int
    sampler: TimelineSampler | None
    """None where it was never seen."""
    outcome: dict[str, Any] | None = None
    """What it reported of the phase."""
    error: dict[str, Any] | None = None
    """Its own ``error`` event."""


class RankWatch:
    """Finds the ranks among the children of an agent as they are started; with one rank it does nothing.

    Memory:
        about 4 MB per rank, see :mod:`xclass.measure.rows`.
    """

    def __init__(self, agent_pid: int, spec: ChildSpec, spec_path: Path, sample_seconds: float) -> None:
        """Prepare.

        Args:
            agent_pid: the child that starts the ranks.
            spec: of the child; with one rank the child itself is the only one.
            spec_path: where it was written.
            sample_seconds: interval of the timeline of each.
        """
        num_ranks = spec.num_ranks
        self.environment = spec.environment()
        """What the ranks have on top of the run's variables."""
        self._agent_pid = agent_pid
        self._paths = {rank: rank_events_path(spec_path, rank) for rank in range(1, num_ranks)}
        self._num_ranks = num_ranks
        # As many samples a second as of one process: the launcher takes no more of the processor from them.
        self._sample_seconds = sample_seconds * num_ranks
        self._samplers: dict[int, TimelineSampler] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"ranks-{agent_pid}", daemon=True)

    def __enter__(self) -> RankWatch:
        """Begin to look."""
        for path in self._paths.values():
            path.unlink(missing_ok=True)  # of an earlier start of the same child
        if self._num_ranks > 1:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End looking and sampling."""
        self._stop.set()
        if self._num_ranks > 1:
            self._thread.join()
        for sampler in self._samplers.values():
            sampler.stop()

    def ends(self, phase: str, first: RankEnd) -> list[RankEnd]:
        """What is known of each rank, in order; empty where there is one alone.

        Args:
            phase: that they carried out.
            first: what rank 0 said; its sampler is not known to the caller.
        """
        if self._num_ranks == 1:
            return []
        first.sampler = self._samplers.get(0)
        return [first, *(self._read(rank, path, phase) for rank, path in self._paths.items())]

    def _read(self, rank: int, path: Path, phase: str) -> RankEnd:
        end = RankEnd(rank=rank, sampler=self._samplers.get(rank))
        if not path.exists():
            return end
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                event = parse_event(line)
                if event["event"] == "phase_end" and event.get("phase") == phase:
                    end.outcome = event["outcome"]
                elif event["event"] == "error":
                    end.error = event
        return end

    def _look(self) -> None:
        while len(self._samplers) < self._num_ranks and not self._stop.wait(_LOOK_SECONDS):
            for pid in children_of(self._agent_pid):
                rank = _rank_of(pid)
                if rank is None or rank in self._samplers:
                    continue
                sampler = TimelineSampler(pid, self._sample_seconds)
                try:
                    sampler.start()
                except MeasurementError:
                    continue  # it ended between the two looks
                self._samplers[rank] = sampler


def _rank_of(pid: int) -> int | None:
    """Rank of a process as torchrun tells it, in its environment; None of one that is none, or gone."""
    try:
        variables = (Path("/proc") / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [word for word in variables if word.startswith(b"RANK=")]
    return int(found[0].removeprefix(b"RANK=")) if found else None
