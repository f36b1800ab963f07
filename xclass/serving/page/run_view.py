"""All that the page shows besides answers: what can be had of the run, and in words why the rest cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from xclass.errors import XclassError
from xclass.serving.model import ServedModel
from xclass.serving.page.held_out import HeldOut
from xclass.serving.page.known_examples import KnownExamples
from xclass.serving.page.run_facts import RunFacts, find_run
from xclass.units import share_with_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class RunView:
    """What is known of a model here; each part, or the reason why it is missing."""

    run: RunFacts | str
    known: KnownExamples | str
    held_out: HeldOut | str

    @classmethod
    def of(cls, model: ServedModel) -> RunView:
        """Look for the run that a model lies in, its data and its answers.

        Memory: that of :class:`xclass.serving.page.held_out.HeldOut` and of the data source between batches.
        """
        try:
            run = find_run(model.folder)
        except XclassError as error:
            return cls(run=str(error), known=str(error), held_out=str(error))
        try:
            source = run.open_data()
        except XclassError as error:
            return cls(run=run, known=str(error), held_out=str(error))
        try:
            held_out: HeldOut | str = HeldOut(
                source, run.open_answers(), seed=run.record.seed, contexts=model.describe()["contexts"]
            )
        except XclassError as error:
            held_out = str(error)
        return cls(run=run, known=KnownExamples(source), held_out=held_out)

    def to_json(self) -> dict[str, Any]:
        """What the page shows before anything was asked."""
        held_out = self.held_out
        run = self.run if isinstance(self.run, RunFacts) else None
        counts = None
        if isinstance(held_out, HeldOut):
            counts = {"right": held_out.count(is_right=True), "wrong": held_out.count(is_right=False)}
        return {
            "data": run.record.data if run else None,
            "task": run.record.data_facts.get("task") if run else None,
            "accuracy": _accuracy(run) if run else None,
            "run_reason": None if run else self.run,
            # The context of a text is its group: the language of a word.
            "context_noun": "context" if isinstance(self.known, str) else self.known.group_noun,
            "known_reason": self.known if isinstance(self.known, str) else None,
            "held_out": counts,
            "held_out_reason": held_out if isinstance(held_out, str) else None,
        }


def _accuracy(run: RunFacts) -> dict[str, Any]:
    accuracy = run.record.accuracy
    assert accuracy is not None, "find_run has seen to it"
    share, low, high = share_with_interval(accuracy.at_1, accuracy.at_1_low, accuracy.at_1_high)
    return {"share": share, "low": low, "high": high, "num_queries": accuracy.num_queries}
