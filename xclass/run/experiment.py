"""A whole run: prepare the data, plan, then one child after the other, each ending in records on disk.

Every record is written as soon as its child ended, so that whatever happens next - a kill, a full disk,
Ctrl-C - takes nothing away that was measured.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from xclass.config import RunConfig
from xclass.errors import XclassError
from xclass.measure.environment import pinned_environment
from xclass.measure.heap import render_flamegraph
from xclass.measure.limits import AvailableMemory, available_memory
from xclass.measure.machine import machine_facts
from xclass.records.record import Pass, Phase, Record, Verdict
from xclass.records.store import write_record
from xclass.run.launcher import ChildResult, run_child
from xclass.run.outcome import fill_record
from xclass.run.spec import ChildSpec
from xclass.shapes import ProblemShape
from xclass.sizing.plan import PhasePlan, explain_misfit, make_shape, plan_method
from xclass.units import MIB


class ProgressSink(Protocol):
    """Where a run shows how far it is; the terminal, or nothing."""

    def begin(self, method: str, phase: str, pass_: str) -> None:
        """A phase began."""
        ...

    def update(self, done: float, total: float | None, what: str = "") -> None:
        """It is this far."""
        ...

    def end(self, verdict: str, what: str = "") -> None:
        """It ended."""
        ...


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
    """Measured phases of a run if everything fits, both passes counted."""
    return 1 + 3 * len(config.methods) * (2 if config.measure.heap_pass else 1)


class Experiment:
    """One run of one configuration in one folder."""

    def __init__(
        self, config: RunConfig, *, run_dir: Path, progress: ProgressSink, invocation: str = ""
    ) -> None:
        """Keep the settings; the folder must exist. ``invocation`` is what the user typed."""
        self._config = config
        self._invocation = invocation
        # Through JSON, as the child will read it: enumerations become their values.
        self._config_json: dict[str, Any] = json.loads(json.dumps(asdict(config)))
        self._run_dir = run_dir.absolute()
        self._progress = progress
        self._machine = machine_facts()
        self._environment = pinned_environment(config.num_threads, config.measure.allocator.value)
        self._facts: dict[str, Any] = {}
        self._result = ExperimentResult()

    def run(self) -> ExperimentResult:
        """Carry the run out.

        Returns:
            Verdicts of all phases; every record is on disk.

        Raises:
            InvalidRequestError: the data set cannot give what was asked for, e.g. too many classes.
        """
        try:
            self._run_all()
        except KeyboardInterrupt:
            # Between two children; while one runs, the launcher turns Ctrl-C into that child's record.
            self._result.was_interrupted = True
        self._tidy_models()
        return self._result

    def _run_all(self) -> None:
        if not self._prepare():
            return
        shape = make_shape(self._config, self._facts["num_classes"])
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
        result = self._run_child(self._spec(name, [Phase.PREPARE], Pass.RSS, self._run_dir))
        if result.error is not None and result.error["kind"] == "config":
            raise InvalidRequestError(result.error["message"])
        outcome = result.outcomes.get(Phase.PREPARE, {})
        self._facts = outcome.get("data_facts", {})
        record = self._record(name, Phase.PREPARE, Pass.RSS)
        fill_record(record, result)
        self._keep(record)
        return record.verdict is Verdict.MEASURED and not self._result.was_interrupted

    def _run_method(self, method: str, shape: ProblemShape) -> None:
        plans = plan_method(self._config, method, shape)
        memory = available_memory()
        usable_bytes = int(memory.available_bytes * (1.0 - self._config.measure.reserve_share))
        free_disk_bytes = max(0, shutil.disk_usage(self._run_dir).free - 256 * MIB)
        for plan in plans:
            misfit = explain_misfit(
                self._config, plan, shape, usable_bytes=usable_bytes, free_disk_bytes=free_disk_bytes
            )
            if misfit is not None:
                self._refuse(method, plans, plan.phase, misfit, memory)
                return
        model_dir = self._run_dir / "models" / method
        fitted = self._measure(method, plans[:1], Pass.RSS, shape, model_dir, memory)
        if fitted:
            self._measure(method, plans[1:], Pass.RSS, shape, model_dir, memory)
        else:
            self._skip(method, plans[1:], memory)
        if self._config.measure.heap_pass and fitted:
            with self._scratch_folder() as scratch:
                self._measure(method, plans[:1], Pass.HEAP, shape, scratch / method, memory)
            self._measure(method, plans[1:], Pass.HEAP, shape, model_dir, memory)
        if not self._config.keep_models and method != self._config.lender:
            shutil.rmtree(model_dir, ignore_errors=True)

    def _tidy_models(self) -> None:
        """Delete the models that are not to be kept, and count those that are."""
        folder = self._run_dir / "models"
        if not self._config.keep_models:
            shutil.rmtree(folder, ignore_errors=True)
        self._result.model_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())

    def _measure(
        self,
        method: str,
        plans: list[PhasePlan],
        pass_: Pass,
        shape: ProblemShape,
        model_dir: Path,
        memory: AvailableMemory,
    ) -> bool:
        """Run one child over some phases and keep a record of each; True if all were measured."""
        if self._result.was_interrupted:
            return False
        spec = self._spec(method, [plan.phase for plan in plans], pass_, model_dir)
        spec.shape = asdict(shape)
        result = self._run_child(spec)
        verdicts = []
        for plan in plans:
            record = self._record(method, plan.phase, pass_, plan=plan, memory=memory)
            fill_record(record, result)
            self._keep(record)
            verdicts.append(record.verdict)
            if self._render_flamegraph(record):
                write_record(self._run_dir, record)
        return all(verdict is Verdict.MEASURED for verdict in verdicts)

    def _run_child(self, spec: ChildSpec) -> ChildResult:
        measure = self._config.measure
        current: list[str] = []

        def show(event: dict[str, Any]) -> None:
            if event["event"] == "phase_begin":
                current.append(event["phase"])
                self._progress.begin(spec.method, event["phase"], spec.pass_)
            elif event["event"] == "progress":
                self._progress.update(event["done"], event["total"], event["what"])
            elif event["event"] == "phase_end":
                self._progress.end(Verdict.MEASURED)
                current.clear()

        result = run_child(
            spec,
            environment=self._environment,
            sample_seconds=measure.sample_seconds,
            timeout_seconds=measure.timeout_minutes * 60,
            on_event=show,
        )
        if current:
            self._progress.end(Verdict.FAILED)
        self._result.was_interrupted |= result.ended_by == "interrupt"
        return result

    def _render_flamegraph(self, record: Record) -> bool:
        """Draw it, after the record is safe; True if the record has changed."""
        if record.heap is None:
            return False
        capture = self._run_dir / record.heap.capture
        graph = render_flamegraph(capture, capture.with_suffix(".html"))
        record.heap.flamegraph = str(graph.html.relative_to(self._run_dir)) if graph.html else None
        record.details |= {"flamegraph_failure": graph.reason} if graph.reason else {}
        return True

    def _refuse(
        self, method: str, plans: list[PhasePlan], phase: Phase, misfit: str, memory: AvailableMemory
    ) -> None:
        """Records for a method that is not started: the phase that does not fit, and those it takes along."""
        for plan in plans:
            record = self._record(method, plan.phase, Pass.RSS, plan=plan, memory=memory)
            record.verdict = Verdict.DOES_NOT_FIT
            record.cause = misfit if plan.phase is phase else f"not run: {phase} {misfit}"
            self._keep(record)
        self._progress.begin(method, phase, Pass.RSS)
        self._progress.end(Verdict.DOES_NOT_FIT, misfit)

    def _skip(self, method: str, plans: list[PhasePlan], memory: AvailableMemory) -> None:
        for plan in plans:
            record = self._record(method, plan.phase, Pass.RSS, plan=plan, memory=memory)
            record.cause = "not run: no model, because the phase before it did not end well"
            self._keep(record)

    def _spec(self, method: str, phases: list[Phase], pass_: Pass, model_dir: Path) -> ChildSpec:
        lender = self._config.lender if method == "nearest_neighbour" else None
        return ChildSpec(
            method=method,
            phases=phases,
            pass_=pass_,
            data_name=self._config.data.name,
            config=self._config_json,
            run_dir=str(self._run_dir),
            model_dir=str(model_dir),
            data_facts=self._facts,
            lender_dir=str(self._run_dir / "models" / lender) if lender else None,
        )

    def _record(
        self,
        method: str,
        phase: Phase,
        pass_: Pass,
        *,
        plan: PhasePlan | None = None,
        memory: AvailableMemory | None = None,
    ) -> Record:
        return Record(
            method=method,
            phase=phase,
            pass_=pass_,
            verdict=Verdict.FAILED,
            classes=self._facts.get("num_classes", self._config.classes or 0),
            dim=self._config.dim,
            data=self._config.data.name,
            seed=self._config.seed,
            predicted=plan.to_json() if plan else None,
            available_bytes=memory.available_bytes if memory else None,
            data_facts=self._facts,
            config=self._config_json,
            machine=self._machine,
            environment=self._environment,
            invocation=self._invocation,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _keep(self, record: Record) -> None:
        write_record(self._run_dir, record)
        self._result.verdicts.append(record.verdict)

    @contextmanager
    def _scratch_folder(self) -> Iterator[Path]:
        """Where the shortened pass saves its half-trained model; gone afterwards."""
        folder = self._run_dir / "models" / ".heap_pass"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
