"""How long an experiment will take: every pass of every phase, and every process that is started for it.

From the times of single things - a step, a query, saving - and how often a run does each: the same passes
as :class:`xclass.run.experiment.Experiment` makes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.work import BATCH_QUERY, CLASS_MEANS, INDEX, LEARN, OPEN, QUERY, SAVE, STEP
from xclass.config import RunConfig
from xclass.projection.reference import Reference
from xclass.projection.time_forms import TimeTerm
from xclass.records.record import SHORT_BATCHES, SHORT_CHUNKS, SHORT_SINGLES, SHORT_STEPS, Phase
from xclass.shapes import ProblemShape

TRACE_SECONDS = 0.3
"""What a child of the heap pass takes besides: memray's import, the flamegraph.

Source: benchmarks/records/main_1e5, from the first child's start to the last one's end.
"""
SEEN_RATIOS = (0.9, 2.0)
"""Seconds of runs that were made over those that are estimated for their settings: the least, the most.

Source: benchmarks/records/{main_1e5, synthetic_5e6, measure/repeats, lemmas_all}, from the first start to the
last end: 0.93 to 1.92; tests/projection/test_duration.py.
"""
_ASKED = {Phase.LOAD: (OPEN,), Phase.SERVE: (QUERY, BATCH_QUERY)}
"""Times without which a phase is not known."""
Seconds = Mapping[str, float]
"""Quantity -> seconds of one, of all phases of a method."""
Terms = Mapping[str, TimeTerm]
"""Quantity -> how often a phase does it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodDuration:
    """Seconds that the children of one method take, their starts included."""

    method: str
    fit_seconds: float
    """Of one untraced fit phase."""
    serve_seconds: float
    """Of one untraced load and serve phase."""
    untraced_seconds: float
    """Of all repeats of both."""
    shortened_seconds: float
    """Of the shortened passes, traced and not; 0 with measure.heap_pass=false."""

    @property
    def total_seconds(self) -> float:
        """Of all children."""
        return self.untraced_seconds + self.shortened_seconds


def prepare_seconds(config: RunConfig, reference: Reference) -> float:
    """Of the child that prepares the data; texts that were never prepared take minutes more, once."""
    return reference.start_seconds["faiss"] + reference.prepare_seconds.get(config.data.name, 0.0)


def method_duration(
    config: RunConfig,
    method: str,
    shape: ProblemShape,
    *,
    seconds: Seconds,
    terms: Terms,
    start_seconds: Mapping[str, float],
) -> MethodDuration:
    """Seconds of every child that a run starts for one method.

    Args:
        config: of the run.
        method: its name.
        shape: of the problem.
        seconds: of one of each quantity.
        terms: of the same quantities.
        start_seconds: engine -> from the start of a child to its first phase; one that was never timed counts
            as the slowest of the others.
    """
    fit = _fit_seconds(config, shape, seconds, terms)
    serve = _serve_seconds(config, seconds)
    engines = METHOD_CONFIGS[method].engine, METHOD_CONFIGS[method].server_engine
    starts = sum(start_seconds.get(engine, max(start_seconds.values())) for engine in engines)
    shortened = 0.0
    if config.measure.heap_pass:
        short = _short_fit_seconds(config, shape, seconds, terms)
        short += _short_serve_seconds(config, seconds)
        shortened = 2 * (starts + short) + 2 * TRACE_SECONDS
    return MethodDuration(
        method=method,
        fit_seconds=fit,
        serve_seconds=serve,
        untraced_seconds=config.measure.repeats * (starts + fit + serve),
        shortened_seconds=shortened,
    )


def untimed_phases(terms: Mapping[Phase, Sequence[TimeTerm]], known: Collection[str]) -> tuple[str, ...]:
    """Phases that have no closed form of their time, or one whose seconds nobody has measured, by name.

    Args:
        terms: of every phase of a method.
        known: quantities whose seconds are known.
    """
    found = []
    for phase, ones in terms.items():
        needed = {term.quantity for term in ones} | set(_ASKED.get(phase, ()))
        if not ones or not needed <= set(known):
            found.append(str(phase))
    return tuple(found)


def _fit_seconds(config: RunConfig, shape: ProblemShape, one: Seconds, terms: Terms) -> float:
    whole = sum(one.get(name, 0.0) for name in (CLASS_MEANS, LEARN, INDEX, SAVE))
    if STEP not in one:
        return whole
    return whole + one[STEP] * budget_steps(config, shape, one[STEP], terms[STEP])


def budget_steps(config: RunConfig, shape: ProblemShape, step_seconds: float, term: TimeTerm) -> int:
    """Gradient steps until the first limit of the budget, or of one epoch without any.

    A step that has begun is finished.
    """
    minutes, examples = config.budget.minutes, config.budget.examples
    limits = []
    if minutes is not None:
        limits.append(math.ceil(minutes * 60 / step_seconds))
    if examples is not None:
        limits.append(math.ceil(examples / shape.batch_size))
    return min(limits, default=math.ceil(term.count))


def _serve_seconds(config: RunConfig, one: Seconds) -> float:
    evaluate = config.evaluate
    first_and_singles = one[QUERY] + min(
        min(evaluate.single_queries, evaluate.num_queries) * one[QUERY], evaluate.single_seconds + one[QUERY]
    )
    return one[OPEN] + first_and_singles + evaluate.num_queries * one[BATCH_QUERY]


def _short_fit_seconds(config: RunConfig, shape: ProblemShape, one: Seconds, terms: Terms) -> float:
    """A few chunks of the scan and two steps, but every class vector is made and saved.

    Making class vectors that were never seen is a walk over their bytes as saving them is: 1.1 s (heads) and
    4.0 s (index) against 2.9 s and 3.1 s at 5e6 classes x 64. Source: benchmarks/records/synthetic_5e6, twin
    passes.
    """
    walks = 2 * one.get(SAVE, 0.0) + one.get(INDEX, 0.0)
    scanned = SHORT_CHUNKS * config.num_threads * config.scan_batch_size
    num_examples = max(1, int(config.data.num_train(shape.num_classes)))
    passes = one.get(CLASS_MEANS, 0.0) + one.get(LEARN, 0.0)
    means = passes * min(1.0, scanned / num_examples)
    num_steps = 0 if config.budget.minutes == 0 or config.budget.examples == 0 else SHORT_STEPS
    steps = num_steps * one[STEP] if STEP in terms and STEP in one else 0.0
    return walks + means + steps


def _short_serve_seconds(config: RunConfig, one: Seconds) -> float:
    evaluate = config.evaluate
    num_batched = min(SHORT_BATCHES * evaluate.batch_size, evaluate.num_queries)
    return one[OPEN] + (1 + SHORT_SINGLES) * one[QUERY] + num_batched * one[BATCH_QUERY]
