"""What a child does: the only code that knows both the classifiers and the meters.

A classifier is imported, warmed up, and only then the base is read; each phase is measured around calls that
know nothing of it.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xclass.classifiers.base import Server, import_object
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import SealLevel, check_seal
from xclass.data.base import DataSource
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.base import Encoder
from xclass.encoders.factory import load_encoder
from xclass.evaluate.saved_answers import SavedAnswers
from xclass.measure.conditions import process_conditions
from xclass.measure.heap import trace_heap
from xclass.measure.session import MemorySession
from xclass.records.record import SHORT_CHUNKS, SHORT_STEPS, Pass, Phase
from xclass.run.encoding import open_encoder, warm_up_encoder
from xclass.run.events import EventWriter, rank_here
from xclass.run.feed import DataFeed, FeedLimits
from xclass.run.finishing import finish_model
from xclass.run.judging import judge
from xclass.run.questions import Questions
from xclass.run.rank_part import RankPart
from xclass.run.scrutiny import send_cautions
from xclass.run.spec import ChildSpec

Outcome = dict[str, Any]
"""What a phase says of itself; ``held`` is asked for after the meter has read."""


class Job:
    """One child's work on one spec."""

    def __init__(self, spec: ChildSpec, session: MemorySession, events: EventWriter) -> None:
        """Read the configuration; nothing heavy is imported yet."""
        self._spec = spec
        self._session = session
        self._events = events
        self._config = spec.run_config()
        self._is_short = spec.pass_ in (Pass.HEAP, Pass.TWIN)
        self._entry = importlib.import_module(DATA_CONFIGS[spec.data_name].entry)

    def run(self) -> None:
        """Carry out the phases of the spec."""
        if self._spec.phases == [Phase.PREPARE]:
            self._prepare()
        elif self._spec.phases == [Phase.LOAD, Phase.SERVE]:
            self._load_and_serve()
        else:
            self._fit(self._spec.phases[0])

    def _prepare(self) -> None:
        config = self._config
        self._set_base()
        facts: dict[str, Any] = {}

        def work(outcome: Outcome) -> None:
            outcome["data_facts"] = self._entry.prepare(
                config.data,
                num_classes=config.classes,
                dim=config.dim,
                seed=config.seed,
                progress=self._events.progress,
            )
            facts.update(outcome["data_facts"])

        self._measure(Phase.PREPARE, work)
        send_cautions(self._entry, config, facts, self._events)

    def _fit(self, phase: Phase) -> None:
        config, shape = self._config, self._spec.problem_shape()
        method_config = METHOD_CONFIGS[self._spec.method]
        classifier_class = import_object(method_config.implementation)
        toy_encoder = warm_up_encoder(self._spec, self._config)
        settings = getattr(config.method, self._spec.method)
        part = RankPart(self._spec)
        sections = self._spec.sections() | part.sections
        classifier_class(settings, shape=shape, encoder=toy_encoder, seed=config.seed, **sections).warm_up()
        self._set_base()

        def work(outcome: Outcome) -> None:
            encoder = open_encoder(self._spec, self._config, is_trainable=phase is Phase.TRAIN)
            classifier = classifier_class(
                settings, shape=shape, encoder=encoder, seed=config.seed, **sections
            )
            feed = self._open_feed(encoder, part)
            encoder.learn(feed.inputs())
            report = classifier.fit(feed)
            self._events.send("mark", name="saving")
            begun = time.perf_counter()
            with part.new_folder(Path(self._spec.model_dir)) as folder:
                classifier.save(folder)
                if part.is_first:
                    encoder.save(folder)
            report.facts["save_seconds"] = time.perf_counter() - begun
            outcome["examples_seen"] = report.examples_seen
            outcome["details"] = report.facts
            outcome.update(part.facts(is_trained=encoder.is_trainable))
            outcome["held"] = lambda: classifier.held_bytes() | encoder.held_bytes()

        self._measure(phase, work)
        if part.is_first:
            finish_model(self._spec, self._open_source)

    def _load_and_serve(self) -> None:
        config = self._config
        server_class = import_object(METHOD_CONFIGS[self._spec.method].server)
        server: Server = server_class(threads=config.num_threads)
        server.warm_up()
        warm_up_encoder(self._spec, self._config)
        self._set_base()
        opened: dict[str, Encoder] = {}
        answers = Path(self._spec.run_dir) / "answers" / f"{self._spec.method}.npz"

        def load(outcome: Outcome) -> None:
            folder = Path(self._spec.model_dir)
            fingerprint = check_seal(folder, level=SealLevel.sizes)
            server.load(folder)
            encoder = opened["encoder"] = load_encoder(folder)
            files = [path for path in folder.rglob("*") if path.is_file()]
            file_bytes = sum(path.stat().st_size for path in files)
            outcome["details"] = {"model_file_bytes": file_bytes, "model_fingerprint": fingerprint}
            outcome["held"] = lambda: server.held_bytes() | encoder.held_bytes()

        def serve(outcome: Outcome) -> None:
            encoder = opened["encoder"]
            questions = Questions(server, encoder, self._open_source(), config, self._events)
            if self._is_short:
                questions.ask_few()
            else:
                outcome.update(questions.ask_all(answers))
            outcome["held"] = lambda: server.held_bytes() | encoder.held_bytes()

        self._measure(Phase.LOAD, load)
        self._measure(Phase.SERVE, serve)
        if self._spec.is_judged:
            judge(SavedAnswers.load(answers), self._open_source(), server, config, self._events)

    def _set_base(self) -> None:
        if self._spec.pass_ is Pass.HEAP:
            # memray's own import must not count as the method's heap.
            importlib.import_module("memray")
        self._session.set_base()
        self._events.send("base")

    def _measure(self, phase: Phase, work: Callable[[Outcome], None]) -> None:
        """Do the work of a phase under this pass's instruments and report what it put into the outcome."""
        outcome: Outcome = {}
        self._events.send("phase_begin", phase=phase)

        def timed() -> None:
            begun = time.perf_counter()
            work(outcome)
            outcome["seconds"] = time.perf_counter() - begun

        with self._session.phase() as meter:
            if self._spec.pass_ is Pass.HEAP:
                outcome["heap"] = self._trace(phase, timed)
            else:
                timed()
        if self._spec.pass_ is Pass.HEAP:
            outcome["heap"]["traced_peak_over_base_bytes"] = meter.reading.over_base_bytes
        else:
            outcome["memory"] = meter.reading.to_json()
        outcome["conditions"] = process_conditions()
        # Counting what is held may itself take memory (a FAISS index is written to a sink): after the meter.
        held: Callable[[], dict[str, int]] | None = outcome.pop("held", None)
        outcome["held"] = held() if held else None
        self._events.send("phase_end", phase=phase, outcome=outcome)

    def _trace(self, phase: Phase, work: Callable[[], None]) -> dict[str, Any]:
        """Do the work under memray; what the record keeps of it."""
        number = f"-rank-{rank}" if (rank := rank_here()) else ""
        capture = Path(self._spec.run_dir) / "heap" / f"{self._spec.method}-{phase}{number}.bin"
        capture.parent.mkdir(exist_ok=True)
        capture.unlink(missing_ok=True)  # a repeat by hand replaces it; memray would refuse
        native_stacks = self._config.measure.native_stacks
        totals = trace_heap(work, capture, native_stacks=native_stacks)
        return asdict(totals) | {"capture": f"heap/{capture.name}", "has_native_stacks": native_stacks}

    def _open_source(self) -> DataSource:
        source: DataSource = self._entry.open_source(
            self._config.data,
            num_classes=self._spec.shape["num_classes"],
            dim=self._config.dim,
            seed=self._config.seed,
            facts=self._spec.data_facts,
        )
        return source

    def _open_feed(self, encoder: Encoder, part: RankPart) -> DataFeed:
        config = self._config
        limits = FeedLimits(minutes=config.budget.minutes, examples=config.budget.examples)
        if self._is_short:
            limits = FeedLimits(
                scan_examples=SHORT_CHUNKS * config.num_threads * config.scan_batch_size,
                steps=SHORT_STEPS,
                examples=config.budget.examples,
                minutes=config.budget.minutes,
            )
        return DataFeed(
            self._open_source(),
            encoder,
            batch_size=config.batch_size,
            scan_batch_size=config.scan_batch_size,
            threads=config.num_threads,
            limits=limits,
            progress=self._events.progress,
            mark=lambda name: self._events.send("mark", name=name),
            agree=part.ranks.agree,
        )
