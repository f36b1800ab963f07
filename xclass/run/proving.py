"""One trial: a recorded phase repeated in a child under a cap, and the judgement on it.

The child runs the recorded spec with the recorded environment; only its folders are others, so that nothing
that was recorded is overwritten.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xclass.measure.caps import Cap, CapChoice, GroupCap, memory_cap
from xclass.measure.cgroups import read_counters
from xclass.measure.eviction import Eviction, evict
from xclass.measure.group_watch import GroupWatch
from xclass.measure.machine import machine_facts
from xclass.records.proof import PROOFS_FOLDER, Proof, ProofVerdict, Recorded, proof_stem
from xclass.records.record import Latency, Phase, Verdict
from xclass.run.answers import compare_answers
from xclass.run.launcher import ChildResult, run_child
from xclass.run.neighbours import WaitCallback, conditions_of, place_for
from xclass.run.outcome import fill_record
from xclass.run.proof_source import ProofSource
from xclass.run.spec import ChildSpec
from xclass.units import format_count, format_seconds

MAX_CACHED_SHARE = 0.05
"""Of the files' bytes still cached after eviction: with more of them a proof shows nothing."""

_FULL_SHARE = 0.98
"""Of the cap in use, from which a failure is put down to it where the kernel counts no hits."""
_NOT_STARTED = (126, 127)
"""Exit codes of a shell that could not start the command."""
_EMPTY_MESSAGE = re.compile(r":(?= +before the phase began)")
"""Of a bare MemoryError."""

EventCallback = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One size to be tried."""

    size_bytes: int
    size_text: str
    timeout_seconds: float
    choice: CapChoice = CapChoice.auto
    settings: dict[str, Any] = field(default_factory=dict)
    """Of ``evaluate``, where other than recorded."""
    file_share: float | None = None


def prove(
    source: ProofSource,
    trial: Trial,
    on_event: EventCallback = lambda event: None,
    on_wait: WaitCallback = lambda what: None,
) -> Proof:
    """Repeat the phase under the cap.

    Args:
        source: what is repeated.
        trial: the size.
        on_event: called with every event of the child.
        on_wait: called while it waits for other measured children of this machine.

    Returns:
        The proof, not yet written.

    Raises:
        KeyboardInterrupt: the user ended it; nothing is left behind but the child's spec.
        MeasurementError: the cap that was asked for cannot be made, or a file cannot be evicted.
        CrowdedError: others left no room for as long as ``measure.wait_minutes`` of the recorded run.
    """
    phase = source.record.phase
    counters = _PhaseCounters(phase)

    def follow(event: dict[str, Any]) -> None:
        counters.take(event)
        on_event(event)

    with ExitStack() as stack:
        cap = stack.enter_context(memory_cap(trial.size_bytes, trial.choice))
        spec = stack.enter_context(_fresh_spec(source, trial))
        place = stack.enter_context(place_for(spec, _required_bytes(source, trial), on_wait))
        eviction = evict(source.files())
        watch = stack.enter_context(GroupWatch(cap)) if isinstance(cap, GroupCap) else None
        result = _run(spec, source, trial, cap, follow)
        place.close(result)
        proof = _proof(source, trial, cap, eviction)
        _fill(proof, cap, watch, result, counters)
        if phase is Phase.SERVE and phase in result.outcomes:
            compared = compare_answers(source.run_dir, Path(spec.run_dir), spec.method)
            proof.num_answers, proof.equal_share = compared
    proof.verdict, proof.cause = _judge(source, proof, result, counters)
    return proof


def _run(
    spec: ChildSpec, source: ProofSource, trial: Trial, cap: Cap, on_event: EventCallback
) -> ChildResult:
    result = run_child(
        spec,
        environment=source.record.environment,
        sample_seconds=spec.run_config().measure.sample_seconds,
        timeout_seconds=trial.timeout_seconds,
        on_event=on_event,
        prefix=cap.prefix,
    )
    if result.ended_by == "interrupt":
        raise KeyboardInterrupt
    return result


def _required_bytes(source: ProofSource, trial: Trial) -> int:
    """The promise, or what the phase took without one: of a generous promise the rest is never taken."""
    memory = source.record.memory
    return min(trial.size_bytes, memory.peak_anon_bytes if memory else trial.size_bytes)


@contextmanager
def _fresh_spec(source: ProofSource, trial: Trial) -> Iterator[ChildSpec]:
    """The recorded spec in a folder of its own; what a fit phase would save is deleted."""
    record = source.record
    stem = proof_stem(record.method, record.phase, trial.size_bytes, trial.settings)
    folder = source.run_dir / PROOFS_FOLDER / stem
    scratch = folder / "scratch"
    config = source.spec.config
    config = config | {"evaluate": config["evaluate"] | trial.settings}
    model_dir = source.spec.model_dir if record.phase is Phase.SERVE else str(scratch / record.method)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield replace(source.spec, run_dir=str(folder), model_dir=model_dir, config=config, is_proof=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _PhaseCounters:
    """What the kernel counted of the child during the phase, and how far it came."""

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self._begin: dict[str, int] = {}
        self._end: dict[str, int] = {}
        self.last_progress: str = ""

    def take(self, event: dict[str, Any]) -> None:
        """At the phase's beginning and end, and at its progress: a killed child has no end."""
        if event["event"] == "progress":
            total = f" of {format_count(int(event['total']))}" if event["total"] else ""
            self.last_progress = f" at {format_count(int(event['done']))}{total} {event['what']}".rstrip()
        elif event["event"] not in ("phase_begin", "phase_end") or event["phase"] != self._phase:
            return
        counts = _counts(event["pid"])
        if event["event"] == "phase_begin":
            self._begin, self._end, self.last_progress = counts, {}, ""
        else:
            self._end = counts or self._end

    def difference(self, name: str) -> int | None:
        """Counted in the phase; None where the kernel does not state it, or the child ended unheard."""
        if name not in self._begin or name not in self._end:
            return None
        return self._end[name] - self._begin[name]


def _counts(pid: int) -> dict[str, int]:
    """``read_bytes`` and ``major_faults`` of a process.

    Source: man proc_pid_io(5); man proc_pid_stat(5), field 12.
    """
    counts = read_counters(Path(f"/proc/{pid}/io"))
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return counts
    return counts | {"major_faults": int(text.rpartition(")")[2].split()[9])}


def _proof(source: ProofSource, trial: Trial, cap: Cap, eviction: Eviction) -> Proof:
    record = source.record
    memory = record.memory
    return Proof(
        verdict=ProofVerdict.NOT_PROVEN,
        method=record.method,
        phase=record.phase,
        classes=record.classes,
        dim=record.dim,
        data=record.data,
        size_bytes=trial.size_bytes,
        size_text=trial.size_text,
        cap_kind=cap.kind,
        cap_reason=cap.reason,
        cap_bytes=cap.limit_bytes,
        file_bytes=eviction.file_bytes,
        cached_bytes=eviction.cached_bytes,
        recorded=Recorded(
            record=source.record_name,
            started_at=record.started_at,
            seconds=record.seconds,
            peak_rss_bytes=memory.peak_rss_bytes if memory else None,
            peak_anon_bytes=memory.peak_anon_bytes if memory else None,
            examples_seen=record.examples_seen,
            latencies=record.latencies,
            processor=record.machine.get("processor"),
        ),
        settings=trial.settings,
        file_share=trial.file_share,
        timeout_seconds=trial.timeout_seconds,
        machine=machine_facts(),
        environment=record.environment,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _fill(
    proof: Proof, cap: Cap, watch: GroupWatch | None, result: ChildResult, counters: _PhaseCounters
) -> None:
    """What was measured."""
    maxima = result.sampler.between(0.0).maxima
    outcome = result.outcomes.get(proof.phase, {})
    memory = outcome.get("memory")
    proof.peak_anon_bytes = maxima.anon_bytes
    if isinstance(cap, GroupCap) and watch is not None:
        readings = cap.readings()
        proof.cap_bytes, proof.taken_off_bytes = cap.limit_bytes, watch.taken_off_bytes
        proof.peak_bytes, proof.stat = readings["peak_bytes"], readings["stat"]
        proof.num_limit_hits = readings["num_limit_hits"]
        proof.num_oom_kills = readings["num_oom_kills"]
        proof.peak_anon_bytes = max(watch.peak_anon_bytes, maxima.anon_bytes)
        proof.highest = asdict(watch.highest) if watch.highest else None
    else:
        proof.peak_bytes = max(maxima.rss_bytes, memory["peak_rss_bytes"] if memory else 0)
    proof.command = [*cap.prefix, *result.command]
    proof.conditions = conditions_of(proof.phase, result)
    proof.seconds = outcome.get("seconds")
    proof.examples_seen = outcome.get("examples_seen")
    proof.latencies = [Latency(**latency) for latency in outcome.get("latencies", [])]
    proof.read_bytes = counters.difference("read_bytes")
    proof.num_major_faults = counters.difference("major_faults")


def _judge(
    source: ProofSource, proof: Proof, result: ChildResult, counters: _PhaseCounters
) -> tuple[ProofVerdict, str | None]:
    if proof.phase not in result.outcomes:
        return _explain_failure(source, proof, result, counters)
    if proof.equal_share is not None and proof.equal_share < 1.0:
        differ = 1.0 - proof.equal_share
        return ProofVerdict.REFUTED, f"{differ:.2%} of its answers differ from those recorded"
    if proof.file_bytes and proof.cached_bytes / proof.file_bytes > MAX_CACHED_SHARE:
        share = proof.cached_bytes / proof.file_bytes
        return ProofVerdict.NOT_PROVEN, (
            f"{share:.0%} of the files' bytes stayed in the page cache, charged to others; "
            "end the processes that have them open"
        )
    return ProofVerdict.PROVEN, None


def _explain_failure(
    source: ProofSource, proof: Proof, result: ChildResult, counters: _PhaseCounters
) -> tuple[ProofVerdict, str]:
    where = counters.last_progress
    if result.ended_by == "timeout":
        limit = format_seconds(proof.timeout_seconds)
        return ProofVerdict.REFUTED, f"it did not come to an end within {limit}{where}"
    if proof.num_oom_kills:
        phases = list(result.phase_begins)
        began = f"in {phases[-1]}{where}" if phases else "before its work began, importing its libraries"
        return ProofVerdict.REFUTED, f"killed by the kernel {began}: it needed more than the cap"
    ended = replace(source.record)
    fill_record(ended, result)
    cause = _EMPTY_MESSAGE.sub("", str(ended.cause))
    is_at_limit = proof.num_limit_hits or (proof.peak_bytes or 0) >= _FULL_SHARE * proof.cap_bytes
    is_memory = ended.verdict is Verdict.OUT_OF_MEMORY or is_at_limit
    # The same command ended well without this limit; libraries fail in many ways when malloc does.
    has_begun = result.exit_code not in _NOT_STARTED and (result.error or {}).get("kind") != "config"
    is_limited = proof.cap_kind == "RLIMIT_DATA" and has_begun
    verdict = ProofVerdict.REFUTED if is_memory or is_limited else ProofVerdict.NOT_PROVEN
    return verdict, cause
