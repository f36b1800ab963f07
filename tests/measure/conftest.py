"""Runs a child of known bytes as the launcher does: exec'd, in the pinned environment, sampled."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from xclass.measure.environment import pinned_environment
from xclass.measure.session import PhaseMemory, combine
from xclass.measure.timeline import TimelineSampler
from xclass.records.memory import MemoryReading

CHILDREN = Path(__file__).parent / "children"


@dataclass
class ChildResult:
    readings: list[PhaseMemory]
    memories: list[MemoryReading]
    sampler: TimelineSampler

    @property
    def over_base_bytes(self) -> int:
        return self.memories[0].peak_rss_bytes - self.memories[0].base.rss_bytes


@pytest.fixture
def run_child():
    """Callable: (workload, *arguments, allocator=..., interval_seconds=...) -> ChildResult."""

    def run(*arguments, allocator="pinned", interval_seconds=0.02):
        process = subprocess.Popen(
            [sys.executable, str(CHILDREN / "workload.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **pinned_environment(1, allocator)},
        )
        with TimelineSampler(process.pid, interval_seconds) as sampler:
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        readings = [PhaseMemory.from_json(document) for document in json.loads(out)]
        memories = [combine(r, sampler.between(r.begin_seconds, r.end_seconds)) for r in readings]
        return ChildResult(readings, memories, sampler)

    return run
