"""From what is known of a child to the verdict, cause and readings of each of its phases."""

from __future__ import annotations

import math
import signal
from pathlib import Path
from typing import Any

from xclass.errors import MeasurementError
from xclass.evaluate.too_good import find_too_good
from xclass.measure.blame import top_allocations
from xclass.measure.heap import render_flamegraph
from xclass.measure.session import PhaseMemory, combine
from xclass.records.cautions import read_cautions
from xclass.records.metric import Metric
from xclass.records.pictures import Pictures
from xclass.records.record import Accuracy, HeapReading, Latency, Phase, Record, Verdict
from xclass.run import interrupts
from xclass.run.launcher import ChildResult
from xclass.run.neighbours import CROWDED, conditions_of
from xclass.run.rank_outcome import add_ranks, settle_ranks
from xclass.units import format_bytes

_MADE_AFTERWARDS = {Phase.PREPARE: {"cautions"}, Phase.SERVE: {"metrics", "pictures"}}
"""Keys of an outcome that come once the phase has been reported."""
_OF_ERRORS = {"out_of_memory": Verdict.OUT_OF_MEMORY, CROWDED: Verdict.DOES_NOT_FIT}
"""Verdict of each kind of error; failed for every other."""


def fill_record(record: Record, result: ChildResult) -> None:
    """Put what the child reported of ``record.phase``, or why it did not, into the record.

    Args:
        record: with everything set that does not come from the child.
        result: of the child that was to run the phase.
    """
    settled = settle_ranks(str(record.phase), result)
    _fill_as_one(record, result)
    if settled is not None:
        add_ranks(record, settled, result)


def _fill_as_one(record: Record, result: ChildResult) -> None:
    phase = str(record.phase)
    record.command = result.command
    record.conditions |= conditions_of(phase, result)
    outcome = result.outcomes.get(phase)
    if outcome is None:
        record.verdict, record.cause = _explain_end(phase, result)
        record.timeline = _timeline_until_end(phase, result)
        return
    record.verdict = Verdict.MEASURED
    record.seconds = outcome["seconds"]
    record.examples_seen = outcome.get("examples_seen")
    record.details = outcome.get("details", {})
    record.held = outcome["held"]
    record.conditions |= outcome.get("conditions", {})
    record.marks = _marks(phase, result)
    record.latencies = [Latency(**latency) for latency in outcome.get("latencies", [])]
    if "accuracy" in outcome:
        record.accuracy = Accuracy(**outcome["accuracy"])
        record.cautions = find_too_good(record.accuracy, record.data_facts)
    record.metrics = [Metric(**metric) for metric in outcome.get("metrics", [])]
    if "cautions" in outcome:
        record.cautions = read_cautions(outcome["cautions"]["found"])
        record.details["leakage"] = outcome["cautions"]["leakage"]
    if "pictures" in outcome:
        record.pictures = Pictures.from_json(outcome["pictures"])
    if result.exit_code or result.ended_by:
        # The phase had been reported: only what is made afterwards can have failed.
        missing = _MADE_AFTERWARDS.get(record.phase, set()) - set(outcome)
        record.details |= {f"{name}_failure": _child_end(result)[1] for name in sorted(missing)}
    if "heap" in outcome:
        record.heap = HeapReading(**outcome["heap"], flamegraph=None)
    if "memory" in outcome:
        _fill_memory(record, outcome["memory"], result)


def _marks(phase: str, result: ChildResult) -> list[tuple[float, str]]:
    """Marks between the beginning of this phase and that of the next."""
    begin = result.phase_begins[phase]
    end = min((at for at in result.phase_begins.values() if at > begin), default=math.inf)
    return [(round(at - begin, 4), name) for at, name in result.marks if begin <= at < end]


def add_blame(record: Record, run_dir: Path) -> bool:
    """Name and draw who held the heap, once the record is safe; True if it has changed.

    What cannot be drawn or named is a fact of the record, never an error: the measurement stands.

    Raises:
        KeyboardInterrupt: it takes seconds, and nothing is lost with it.
    """
    if record.heap is None:
        return False
    capture = run_dir / record.heap.capture
    with interrupts.let_through():
        graph = render_flamegraph(capture, capture.with_suffix(".html"))
    record.heap.flamegraph = str(graph.html.relative_to(run_dir)) if graph.html else None
    if graph.reason:
        record.details["flamegraph_failure"] = graph.reason
    try:
        record.heap.top = top_allocations(capture)
    except MeasurementError as error:
        record.details["blame_failure"] = str(error)
    return True


def _fill_memory(record: Record, document: dict[str, Any], result: ChildResult) -> None:
    reading = PhaseMemory.from_json(document)
    samples = result.sampler.between(reading.begin_seconds, reading.end_seconds)
    record.timeline = samples.timeline()
    if result.sampler.failure:
        record.details["timeline_failure"] = result.sampler.failure
    try:
        record.memory = combine(reading, samples)
    except MeasurementError as error:
        record.verdict, record.cause = Verdict.FAILED, f"the reading was refused: {error}"


def _timeline_until_end(phase: str, result: ChildResult) -> list[list[float]]:
    begin = result.phase_begins.get(phase)
    return [] if begin is None else result.sampler.between(begin).timeline()


def _explain_end(phase: str, result: ChildResult) -> tuple[Verdict, str]:
    verdict, cause = _child_end(result)
    if verdict is Verdict.DOES_NOT_FIT:
        return verdict, cause
    if phase in result.phase_begins:
        return verdict, f"{cause}{_last_seen(phase, result)}"
    if result.phase_begins:
        return verdict, f"not run: {list(result.phase_begins)[-1]} ended before it ({cause})"
    return verdict, f"{cause} before the phase began"


def _child_end(result: ChildResult) -> tuple[Verdict, str]:
    if result.ended_by == "interrupt":
        return Verdict.FAILED, "interrupted by the user"
    if result.ended_by == "timeout":
        return Verdict.FAILED, "killed after measure.timeout_minutes; raise it or lower the budget"
    if result.error is not None:
        return _OF_ERRORS.get(result.error["kind"], Verdict.FAILED), str(result.error["message"])
    if result.was_oom_killed:
        return Verdict.OUT_OF_MEMORY, "killed by the kernel's out-of-memory killer"
    if result.exit_code < 0:
        name = signal.Signals(-result.exit_code).name
        note = "; the kernel's count of out-of-memory kills did not rise" if name == "SIGKILL" else ""
        return Verdict.FAILED, f"killed by {name}{note}"
    last_words = result.stderr_tail.splitlines()[-1:] or ["nothing on standard error"]
    return Verdict.FAILED, f"ended with exit code {result.exit_code} without a result: {last_words[0]}"


def _last_seen(phase: str, result: ChildResult) -> str:
    maxima = result.sampler.between(result.phase_begins[phase], math.inf).maxima
    return f"; at most {format_bytes(maxima.rss_bytes)} resident was seen" if maxima.rss_bytes else ""
