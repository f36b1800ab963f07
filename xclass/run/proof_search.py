"""Several trials of one phase: the least size that works, and speed against room for a mapped model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from xclass.errors import ConfigError
from xclass.records.proof import Proof, ProofVerdict
from xclass.records.record import Phase
from xclass.run.proof_source import ProofSource
from xclass.shapes import MAPPED

SHARES = (1.0, 0.5, 0.25, 0.1)
"""Of the mapped files, for which a curve leaves room."""
_SPARE_BYTES = 128 << 20
_STEP = 1.02
"""The least size is known to 2 %."""
_MOST_RAISES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Least:
    """The least size that works and the greatest that does not."""

    works: Proof
    fails: Proof | None


def find_least(source: ProofSource, attempt: Callable[[int], Proof], *, max_slowdown: float) -> Least | None:
    """Bisect between half of the recorded anonymous peak and what is certain to work.

    Args:
        source: what is repeated.
        attempt: one trial of a size in bytes.
        max_slowdown: a trial that took so many times the recorded seconds does not work: under too small a
            cap a mapped model is read again and again rather than killed.

    Returns:
        None where not even several times the recorded peak works.
    """
    memory = source.record.memory
    assert memory is not None, "a measured phase has one"
    upper, works, fails = int(memory.peak_rss_bytes * 1.1), None, None
    for _ in range(_MOST_RAISES):
        proof = attempt(upper)
        if is_working(proof, max_slowdown):
            works = proof
            break
        fails, upper = proof, int(upper * 1.5)
    if works is None:
        return None
    lower = fails.size_bytes if fails else memory.peak_anon_bytes // 2
    while works.size_bytes > lower * _STEP:
        proof = attempt(int(math.sqrt(works.size_bytes * lower)))
        if is_working(proof, max_slowdown):
            works = proof
        else:
            fails, lower = proof, proof.size_bytes
    return Least(works=works, fails=fails)


def is_working(proof: Proof, max_slowdown: float) -> bool:
    """Proven, and in no more than so many times the recorded seconds."""
    if proof.verdict is not ProofVerdict.PROVEN:
        return False
    recorded = proof.recorded.seconds
    return not recorded or not proof.seconds or proof.seconds <= max_slowdown * recorded


def trace_curve(source: ProofSource, attempt: Callable[[int, float], Proof]) -> Iterator[Proof]:
    """Serve with room to spare, then with room for less and less of the mapped files.

    Args:
        source: a serve phase.
        attempt: one trial of a size in bytes and of a share.

    Yields:
        The proof of each.

    Raises:
        ConfigError: nothing of the model is mapped.
    """
    mapped_bytes, memory = mapped_model_bytes(source), source.record.memory
    assert memory is not None, "a measured phase has one"
    spare_bytes = int(memory.peak_rss_bytes * 1.25) + mapped_bytes // 4 + _SPARE_BYTES
    free = attempt(spare_bytes, spare_bytes / mapped_bytes)
    yield free
    kernel_bytes = (free.highest or {}).get("kernel_bytes", 0)
    need_bytes = (free.peak_anon_bytes or 0) + free.taken_off_bytes + kernel_bytes
    for share in SHARES:
        yield attempt(need_bytes + int(share * mapped_bytes), share)


def mapped_model_bytes(source: ProofSource) -> int:
    """Bytes of the model's files that the server maps.

    Raises:
        ConfigError: none, or not a serve phase.
    """
    held = source.record.held or {}
    mapped = sum(num_bytes for name, num_bytes in held.items() if name.endswith(MAPPED))
    if source.record.phase is not Phase.SERVE or not mapped:
        raise ConfigError(
            "curve", "true", allowed="the serve phase of a model that is mapped",
            remedy="minimum=true finds the least size of any phase",
        )  # fmt: skip
    return mapped


def short_settings(source: ProofSource, num_queries: int) -> dict[str, Any]:
    """Fewer queries than recorded, so that a server that reads the disk for each comes to an end."""
    recorded = source.spec.config["evaluate"]
    wanted = {"num_queries": num_queries, "single_queries": 50, "single_seconds": 10.0}
    return {name: value for name, value in wanted.items() if value < recorded[name]}
