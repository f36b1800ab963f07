"""What takes time in each phase: closed-form work of a configuration, and the seconds that a record measured.

The work comes from the method's own config, as its bytes do; :mod:`xclass.projection.time_fit` joins the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xclass.classifiers.registry import MethodConfig
from xclass.classifiers.work import BATCH_QUERY, CLASS_MEANS, INDEX, LEARN, OPEN, QUERY, SAVE, STEP, Work
from xclass.config import RunConfig
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.shapes import ProblemShape

QUANTITIES = {
    Phase.TRAIN: (CLASS_MEANS, LEARN, STEP, SAVE),
    Phase.BUILD: (CLASS_MEANS, LEARN, INDEX, SAVE),
    Phase.LOAD: (OPEN,),
    Phase.SERVE: (QUERY, BATCH_QUERY),
}
"""What is timed in each phase, in order."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimeTerm:
    """One thing that a phase spends time on."""

    quantity: str
    """One of :data:`QUANTITIES`."""
    meaning: str
    """In words, with what it is of: ``a gradient step of 512 examples``."""
    work: float
    """Closed form; seconds are linear in it."""
    form: str
    """In words: ``linear in classes x dim x batch``."""
    count: float
    """How often the phase does it: steps of one epoch, queries of the evaluation, else once."""


def time_terms(
    config: RunConfig, method: str, shape: ProblemShape, facts: Mapping[str, Any]
) -> dict[Phase, list[TimeTerm]]:
    """The timed quantities of every phase of one method.

    Args:
        config: of the run.
        method: its name.
        shape: of the problem, at the size that is asked about.
        facts: of the data, where they are known; of another size they are not looked at.
    """
    settings: MethodConfig = getattr(config.method, method)
    num_examples = train_examples(config, shape, facts)
    works = settings.works(shape, num_examples, **config.sections_of(method))
    counts = {
        STEP: float(math.ceil(num_examples / shape.batch_size)),
        QUERY: float(min(config.evaluate.single_queries, shape.num_queries)),
        BATCH_QUERY: float(shape.num_queries),
    }
    return {
        phase: [
            _term(name, works[name], counts.get(name, 1.0)) for name in QUANTITIES[phase] if name in works
        ]
        for phase in (Phase(settings.fit_phase), Phase.LOAD, Phase.SERVE)
    }


def train_examples(config: RunConfig, shape: ProblemShape, facts: Mapping[str, Any]) -> int:
    """Training examples: counted, where the facts are of this size, else by the source's closed form."""
    if facts.get("num_classes") == shape.num_classes and facts.get("num_train"):
        return int(facts["num_train"])
    return int(config.data.num_train(shape.num_classes))


def measured_times(record: Record) -> dict[str, float]:
    """Quantity -> seconds of one; nothing of a record that is not an untraced measurement."""
    if record.verdict is not Verdict.MEASURED or record.pass_ is not Pass.RSS or record.seconds is None:
        return {}
    if record.phase is Phase.LOAD:
        return {OPEN: record.seconds}
    if record.phase is Phase.SERVE:
        return _answer_times(record)
    details = record.details
    own = {SAVE: "save_seconds", INDEX: "index_seconds", LEARN: "learn_seconds"}
    found = {name: details.get(key) for name, key in own.items()}
    is_of_means = details.get("init") == "means" if "init" in details else "vectors" not in details
    found[CLASS_MEANS] = details.get("init_seconds", details.get("means_seconds")) if is_of_means else None
    found[STEP] = _step_seconds(record)
    allowed = QUANTITIES.get(record.phase, ())
    return {name: float(seconds) for name in allowed if (seconds := found.get(name))}


def _answer_times(record: Record) -> dict[str, float]:
    """The median of single queries, and the mean rate of batches."""
    found = {}
    for latency in record.latencies:
        if latency.batch_size == 1:
            found[QUERY] = latency.p50_seconds
        else:
            found[BATCH_QUERY] = 1.0 / latency.queries_per_second
    return found


def _step_seconds(record: Record) -> float | None:
    """From the mark that steps begin to the one that saving does; records before marks say the rest.

    None of training that went on from a checkpoint: of its steps, some were taken before this phase.
    """
    steps, begun = record.details.get("steps"), {name: seconds for seconds, name in record.marks}
    if not steps or record.seconds is None or record.details.get("went_on_from"):
        return None
    if "steps" in begun and "saving" in begun:
        return (begun["saving"] - begun["steps"]) / float(steps)
    other = record.details.get("init_seconds", 0.0) + record.details.get("save_seconds", 0.0)
    return (record.seconds - float(other)) / float(steps)


def _term(quantity: str, work: Work, count: float) -> TimeTerm:
    return TimeTerm(quantity=quantity, meaning=work.meaning, work=work.amount, form=work.form, count=count)
