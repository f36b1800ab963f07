"""A whole run: prepare the data, plan, then one child after the other, each ending in records on disk.

Every record is written as soon as its child ended, so that whatever happens next - a kill, a full disk,
Ctrl-C - takes nothing away that was measured.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from xclass.config import RunConfig
from xclass.errors import XclassError
from xclass.measure.environment import pinned_environment
from xclass.measure.limits import AvailableMemory
from xclass.records.record import Pass, Phase, Verdict
from xclass.run import interrupts
from xclass.run.launcher import ChildResult, run_child
from xclass.run.models import tidy_models
from xclass.run.neighbours import memory_alone, run_among
from xclass.run.other_machines import offer_other_machines
from xclass.run.outcome import add_blame, fill_record
from xclass.run.progress import ProgressSink
from xclass.run.recorder import Recorder
from xclass.run.room import room_here
from xclass.run.spec import ChildSpec
from xclass.shapes import ProblemShape
from xclass.sizing.capacity import explain_misfit
from xclass.sizing.plan import PhasePlan, make_shape, plan_method


class InvalidRequestError(XclassError):
    """What was asked for cannot exist (found out in a child): the user must change the command."""


@dataclass(kw_only=True, slots=True)
class ExperimentResult:
    """What a run came to; its records are on disk."""

    verdicts: list[Verdict] = field(default_factory=list)
    was_interrupted: bool = False
    model_bytes: int = 0
    """Bytes of the saved models that were kept."""


def count_phases(config: RunConfig) -> int:
    """Measured phases of a run if everything fits, every pass counted."""
    num_passes = config.measure.repeats + (2 if config.measure.heap_pass else 0)
    return 1 + 3 * len(config.methods) * num_passes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Subject:
    """A method that fits, and what its children are told."""

    method: str
    plans: list[PhasePlan]
    """Of its phases: fit, load, serve."""
    shape: ProblemShape
    memory: AvailableMemory


class Experiment:
    """One run of one configuration in one folder."""

    def __init__(
        self, config: RunConfig, *, run_dir: Path, invocation: str = "", is_resumed: bool = False
    ) -> None:
        """Keep the settings.

        Args:
            config: what to measure.
            run_dir: must exist.
            invocation: what the user typed.
            is_resumed: what the folder holds of the same config is not measured again.

        Raises:
            ConfigError: the folder holds records and the run is not resumed.
        """
        self._config = config
        self._run_dir = run_dir.absolute()
        self._environment = pinned_environment(config.num_threads, config.measure.allocator.value)
        self._result = ExperimentResult()
        self._recorder = Recorder(
            config,
            run_dir=self._run_dir,
            environment=self._environment,
            invocation=invocation,
            verdicts=self._result.verdicts,
            is_resumed=is_resumed,
        )
        self.num_phases = count_phases(config)
        self.num_found = self._recorder.num_found

    def run(self, progress: ProgressSink) -> ExperimentResult:
        """Carry the run out, and show there how far it is.

        Returns:
            Verdicts of all phases; every record is on disk.

        Raises:
            InvalidRequestError: the data set cannot give what was asked for, e.g. too many classes.
        """
        self._progress = progress
        with interrupts.held():
            try:
                interrupts.raise_pending()
                self._run_all()
            except KeyboardInterrupt:
                # Not while a child runs: the launcher turns Ctrl-C into that child's record.
                self._result.was_interrupted = True
            models = self._run_dir / "models"
            self._result.model_bytes = tidy_models(models, keep=self._config.keep_models)
            self._result.was_interrupted |= interrupts.has_come()
        return self._result

    def _run_all(self) -> None:
        if not self._prepare():
            return
        shape = make_shape(self._config, self._recorder.facts["num_classes"], self._recorder.facts)
        for method in self._ordered_methods():
            if self._result.was_interrupted:
                return
            self._run_method(method, shape)

    def _ordered_methods(self) -> list[str]:
        """Methods as asked for, but one that borrows from another comes after its lender."""
        methods = list(self._config.methods)
        lender = self._config.lender
        if lender in methods and "nearest_neighbour" in methods:
            methods.remove("nearest_neighbour")
            methods.insert(methods.index(lender) + 1, "nearest_neighbour")
        return methods

    def _prepare(self) -> bool:
        name = self._config.data.name
        record = self._recorder.recall(name, Phase.PREPARE, Pass.RSS)
        if record is None:
            result = self._run_child(self._spec(name, [Phase.PREPARE], Pass.RSS, self._run_dir), [])
            if result.error is not None and result.error["kind"] == "config":
                raise InvalidRequestError(result.error["message"])
            self._recorder.facts = result.outcomes.get(Phase.PREPARE, {}).get("data_facts", {})
            record = self._recorder.make(name, Phase.PREPARE, Pass.RSS, conditions=result.conditions)
            fill_record(record, result)
            self._recorder.keep(record)
        self._recorder.facts = record.data_facts
        return record.verdict is Verdict.MEASURED and not self._result.was_interrupted

    def _run_method(self, method: str, shape: ProblemShape) -> None:
        plans = plan_method(self._config, method, shape)
        memory = memory_alone()
        room = room_here(self._run_dir, memory, self._config.measure.reserve_share)
        for plan in plans:
            misfit = explain_misfit(self._config, plan, shape, room)
            if misfit is not None:
                spec = self._spec(method, [plan.phase], Pass.RSS, self._run_dir / "models" / method)
                misfit += offer_other_machines(spec, shape)
                self._refuse(method, plans, plan.phase, misfit, memory)
                return
        self._measure_passes(_Subject(method=method, plans=plans, shape=shape, memory=memory))

    def _measure_passes(self, subject: _Subject) -> None:
        """Every pass of a method: the measured one, its repeats, and the shortened ones, traced and not."""
        model_dir = self._run_dir / "models" / subject.method
        if not self._recorder.has_all(subject.method, subject.plans, self._passes()):
            fit, answer = subject.plans[:1], subject.plans[1:]
            needs_model = not model_dir.is_dir()
            if not self._measure(subject, fit, Pass.RSS, model_dir, anew=needs_model):
                self._skip(subject, answer)
                return
            self._measure(subject, answer, Pass.RSS, model_dir)
            with self._scratch_folder() as scratch:
                for pass_, repeat in self._passes()[1:]:
                    self._measure(subject, fit, pass_, scratch / subject.method, repeat=repeat)
                    self._measure(subject, answer, pass_, model_dir, repeat=repeat)
        if not self._config.keep_models and subject.method != self._config.lender:
            shutil.rmtree(model_dir, ignore_errors=True)

    def _passes(self) -> list[tuple[Pass, int]]:
        """Pass and number of the repeat, in order; the first is the one whose model is kept and served."""
        untraced = [(Pass.RSS, repeat) for repeat in range(self._config.measure.repeats)]
        return untraced + ([(Pass.HEAP, 0), (Pass.TWIN, 0)] if self._config.measure.heap_pass else [])

    def _measure(
        self,
        subject: _Subject,
        plans: list[PhasePlan],
        pass_: Pass,
        model_dir: Path,
        *,
        repeat: int = 0,
        anew: bool = False,
    ) -> bool:
        """Run one child over some phases and keep a record of each; True if all were measured.

        What is on record is not measured again, unless ``anew``: the model it left is gone.
        """
        if self._result.was_interrupted:
            return False
        interrupts.raise_pending()
        method = subject.method
        if not anew and self._recorder.has_all(method, plans, [(pass_, repeat)]):
            return True
        spec = self._spec(method, [plan.phase for plan in plans], pass_, model_dir, repeat)
        spec.shape = asdict(subject.shape)
        result = self._run_child(spec, plans)
        records = []
        for plan in plans:
            record = self._recorder.make(
                method, plan.phase, pass_, repeat,
                plan=plan, memory=subject.memory, conditions=result.conditions,
            )  # fmt: skip
            fill_record(record, result)
            self._recorder.keep(record)
            records.append(record)
        for record in records:
            if add_blame(record, self._run_dir):
                self._recorder.write(record)
        return all(record.verdict is Verdict.MEASURED for record in records)

    def _run_child(self, spec: ChildSpec, plans: Sequence[PhasePlan]) -> ChildResult:
        measure = self._config.measure
        current: list[str] = []

        def show(event: dict[str, Any]) -> None:
            if event["event"] == "phase_begin":
                current.append(event["phase"])
                self._progress.begin(spec.method, event["phase"], spec.note)
            elif event["event"] == "progress":
                self._progress.update(event["done"], event["total"], event["what"])
            elif event["event"] == "phase_end":
                self._progress.end(Verdict.MEASURED)
                current.clear()

        run = partial(
            run_child, spec, environment=self._environment, sample_seconds=measure.sample_seconds,
            timeout_seconds=measure.timeout_minutes * 60, on_event=show,
        )  # fmt: skip
        required_bytes = max((plan.required_bytes for plan in plans), default=0)
        result = run_among(spec, run, required_bytes=required_bytes, progress=self._progress)
        if current:
            self._progress.end(Verdict.FAILED)
        self._result.was_interrupted |= result.ended_by == "interrupt"
        return result

    def _refuse(
        self, method: str, plans: list[PhasePlan], phase: Phase, misfit: str, memory: AvailableMemory
    ) -> None:
        """Records for a method that is not started: the phase that does not fit, and those it takes along."""
        for plan in plans:
            record = self._recorder.make(method, plan.phase, Pass.RSS, plan=plan, memory=memory)
            record.verdict = Verdict.DOES_NOT_FIT
            record.cause = misfit if plan.phase is phase else f"not run: {phase} {misfit}"
            self._recorder.keep(record)
        self._progress.begin(method, phase)
        self._progress.end(Verdict.DOES_NOT_FIT, misfit)

    def _skip(self, subject: _Subject, plans: list[PhasePlan]) -> None:
        is_misfit = self._result.verdicts[-1] is Verdict.DOES_NOT_FIT
        for plan in plans:
            record = self._recorder.make(
                subject.method, plan.phase, Pass.RSS, plan=plan, memory=subject.memory
            )
            record.verdict = Verdict.DOES_NOT_FIT if is_misfit else Verdict.FAILED
            record.cause = "not run: no model, because the phase before it did not end well"
            self._recorder.keep(record)

    def _spec(
        self, method: str, phases: list[Phase], pass_: Pass, model_dir: Path, repeat: int = 0
    ) -> ChildSpec:
        lender = self._config.lender if method == "nearest_neighbour" else None
        return ChildSpec(
            method=method,
            phases=phases,
            pass_=pass_,
            repeat=repeat,
            data_name=self._config.data.name,
            config=self._recorder.config_json,
            run_dir=str(self._run_dir),
            model_dir=str(model_dir),
            data_facts=self._recorder.facts,
            lender_dir=str(self._run_dir / "models" / lender) if lender else None,
        )

    @contextmanager
    def _scratch_folder(self) -> Iterator[Path]:
        """Where the shortened pass saves its half-trained model; gone afterwards."""
        folder = self._run_dir / "models" / ".heap_pass"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
