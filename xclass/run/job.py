"""What a child does: the only code that knows both the classifiers and the meters.

A classifier is imported, warmed up, and only then the base is read; each phase is measured around calls that
know nothing of it.
"""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from xclass.classifiers.base import Server, import_object
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.data.base import Batch, DataSource, Texts
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.base import Encoder
from xclass.encoders.factory import build_encoder, load_encoder
from xclass.evaluate.metrics import accuracy, latency
from xclass.measure.heap import HeapTrace
from xclass.measure.session import MemorySession
from xclass.records.record import Pass, Phase
from xclass.run.events import EventWriter
from xclass.run.feed import DataFeed, FeedLimits
from xclass.run.spec import ChildSpec

_SHORT_CHUNKS = 4
"""Scan chunks of the shortened heap pass: every buffer has been allocated after as many."""
_SHORT_STEPS = 2
"""Steps of the shortened heap pass: Adam's state exists from the second on."""


class Job:
    """One child's work on one spec."""

    def __init__(self, spec: ChildSpec, session: MemorySession, events: EventWriter) -> None:
        """Read the configuration; nothing heavy is imported yet."""
        self._spec = spec
        self._session = session
        self._events = events
        self._config = spec.run_config()
        self._is_short = spec.pass_ is Pass.HEAP
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
        with self._phase(Phase.PREPARE) as outcome:
            outcome["data_facts"] = self._entry.prepare(
                config.data,
                num_classes=config.classes,
                dim=config.dim,
                seed=config.seed,
                progress=self._events.progress,
            )

    def _fit(self, phase: Phase) -> None:
        config, shape = self._config, self._spec.problem_shape()
        method_config = METHOD_CONFIGS[self._spec.method]
        classifier_class = import_object(method_config.implementation)
        toy_encoder = self._toy_encoder()
        settings = getattr(config.method, self._spec.method)
        sections = self._spec.sections()
        classifier_class(settings, shape=shape, encoder=toy_encoder, seed=config.seed, **sections).warm_up()
        self._set_base()
        with self._phase(phase) as outcome:
            encoder = self._open_encoder(is_trainable=phase is Phase.TRAIN)
            classifier = classifier_class(
                settings, shape=shape, encoder=encoder, seed=config.seed, **sections
            )
            feed = self._open_feed(encoder)
            report = classifier.fit(feed)
            begun = time.perf_counter()
            with _new_folder(Path(self._spec.model_dir)) as folder:
                classifier.save(folder)
                encoder.save(folder)
            report.facts["save_seconds"] = time.perf_counter() - begun
            outcome["examples_seen"] = report.examples_seen
            outcome["details"] = report.facts
            outcome["held"] = lambda: classifier.held_bytes() | encoder.held_bytes()

    def _load_and_serve(self) -> None:
        config = self._config
        server_class = import_object(METHOD_CONFIGS[self._spec.method].server)
        server: Server = server_class(threads=config.num_threads)
        server.warm_up()
        self._toy_encoder()
        self._set_base()
        folder = Path(self._spec.model_dir)
        with self._phase(Phase.LOAD) as outcome:
            server.load(folder)
            encoder = load_encoder(folder)
            files = [path for path in folder.iterdir() if path.is_file()]
            outcome["details"] = {"model_file_bytes": sum(path.stat().st_size for path in files)}
            outcome["held"] = lambda: server.held_bytes() | encoder.held_bytes()
        with self._phase(Phase.SERVE) as outcome:
            self._serve(server, encoder, outcome)
            outcome["held"] = lambda: server.held_bytes() | encoder.held_bytes()

    def _serve(self, server: Server, encoder: Encoder, outcome: dict[str, Any]) -> None:
        settings = self._config.evaluate
        source = self._open_source()
        num_queries = min(settings.num_queries, source.num_test)
        if self._is_short:
            num_queries = min(num_queries, 2 * settings.batch_size)
        queries = source.queries(num_queries, self._config.seed)
        k = min(settings.top_k, source.num_classes)
        begun = time.perf_counter()
        _answer(server, encoder, queries, 0, 1, k)
        first_answer_seconds = time.perf_counter() - begun
        classes_QK = np.full((num_queries, k), -1, dtype=np.int64)
        scores_QK = np.zeros((num_queries, k), dtype=np.float32)

        def ask(start: int, stop: int) -> None:
            answers = _answer(server, encoder, queries, start, stop, k)
            classes_QK[start:stop], scores_QK[start:stop] = answers.classes_QK, answers.scores_QK
            self._events.progress(stop, num_queries, "queries")

        size = settings.batch_size
        batch_seconds = _time_each(
            ask, [(at, min(at + size, num_queries)) for at in range(0, num_queries, size)]
        )
        limit = 2 if self._is_short else settings.single_queries
        singles = [(at, at + 1) for at in range(min(limit, num_queries))]
        single_seconds = _time_each(ask, singles, settings.single_seconds)
        if self._is_short:
            return  # times under a tracer and the accuracy of a few queries are no results
        outcome["latencies"] = [
            latency(1, single_seconds),
            latency(size, batch_seconds, num_queries=num_queries),
        ]
        outcome["accuracy"] = accuracy(classes_QK, queries.classes_B)
        outcome["details"] = {"first_answer_seconds": first_answer_seconds}
        self._write_answers(classes_QK, scores_QK, queries.classes_B)

    def _write_answers(self, classes_QK: Any, scores_QK: Any, truth_Q: Any) -> None:
        """Keep the raw answers: a new metric needs no new run."""
        folder = Path(self._spec.run_dir) / "answers"
        folder.mkdir(exist_ok=True)
        np.savez(
            folder / f"{self._spec.method}.npz", classes_QK=classes_QK, scores_QK=scores_QK, truth_Q=truth_Q
        )

    def _set_base(self) -> None:
        if self._is_short:
            # memray's own import must not count as the method's heap.
            importlib.import_module("memray")
        self._session.set_base()
        self._events.send("base")

    @contextmanager
    def _phase(self, phase: Phase) -> Iterator[dict[str, Any]]:
        """Measure the block with this pass's instrument and report what the block put into the outcome."""
        outcome: dict[str, Any] = {}
        self._events.send("phase_begin", phase=phase)
        begun = time.perf_counter()
        if self._spec.pass_ is Pass.HEAP:
            name = f"{self._spec.method}-{phase}.bin"
            capture = Path(self._spec.run_dir) / "heap" / name
            capture.parent.mkdir(exist_ok=True)
            capture.unlink(missing_ok=True)  # a repeat by hand replaces it; memray would refuse
            with HeapTrace(capture) as trace:
                yield outcome
                outcome["seconds"] = time.perf_counter() - begun
            outcome["heap"] = {
                "peak_heap_bytes": trace.totals.peak_heap_bytes,
                "num_allocations": trace.totals.num_allocations,
                "capture": f"heap/{name}",
            }
        else:
            with self._session.phase() as meter:
                yield outcome
                outcome["seconds"] = time.perf_counter() - begun
            outcome["memory"] = meter.reading.to_json()
        # Counting what is held may itself take memory (a FAISS index is written to a sink): after the meter.
        held: Callable[[], dict[str, int]] | None = outcome.pop("held", None)
        outcome["held"] = held() if held else None
        self._events.send("phase_end", phase=phase, outcome=outcome)

    def _toy_encoder(self) -> Encoder:
        """Encode two toy texts or vectors, so that the encoder's own imports are part of the base."""
        kind = DATA_CONFIGS[self._spec.data_name].encoder
        tiny = type(self._config.encoder)(num_buckets=256)
        encoder = build_encoder(kind, config=tiny, dim=self._config.dim, seed=0, is_trainable=False)
        if kind != "identity":
            toy = Texts(
                bytes_=np.frombuffer(b"ab", dtype=np.uint8),
                offsets=np.array([0, 1, 2]),
                contexts=np.zeros(2, dtype=np.uint32),
            )
            encoder.encode(encoder.features(toy))
        return encoder

    def _open_encoder(self, *, is_trainable: bool) -> Encoder:
        if (lender := self._spec.borrowed_encoder()) is not None:
            return load_encoder(lender)
        return build_encoder(
            DATA_CONFIGS[self._spec.data_name].encoder,
            config=self._config.encoder,
            dim=self._config.dim,
            seed=self._config.seed,
            is_trainable=is_trainable,
        )

    def _open_source(self) -> DataSource:
        source: DataSource = self._entry.open_source(
            self._config.data,
            num_classes=self._spec.shape["num_classes"],
            dim=self._config.dim,
            seed=self._config.seed,
            facts=self._spec.data_facts,
        )
        return source

    def _open_feed(self, encoder: Encoder) -> DataFeed:
        config = self._config
        limits = FeedLimits(minutes=config.budget.minutes, examples=config.budget.examples)
        if self._is_short:
            limits = FeedLimits(
                scan_examples=_SHORT_CHUNKS * config.num_threads * config.scan_batch_size,
                steps=_SHORT_STEPS,
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
        )


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """A folder that appears whole or not at all; one that was there (a repeat by hand) is replaced."""
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _answer(server: Server, encoder: Encoder, queries: Batch, start: int, stop: int, k: int) -> Any:
    """Answer queries start to stop from their raw inputs, encoding included."""
    return server.search(encoder.encode(encoder.features(_slice(queries, start, stop))), k)


def _slice(queries: Batch, start: int, stop: int) -> Any:
    inputs = queries.inputs
    if not isinstance(inputs, Texts):
        return inputs[start:stop]
    first, last = inputs.offsets[start], inputs.offsets[stop]
    return Texts(
        bytes_=inputs.bytes_[first:last],
        offsets=inputs.offsets[start : stop + 1] - first,
        contexts=inputs.contexts[start:stop],
    )


def _time_each(
    ask: Callable[[int, int], None], ranges: list[tuple[int, int]], max_seconds: float = float("inf")
) -> list[float]:
    """Seconds of each range, in order, until ``max_seconds`` are over; at least one."""
    seconds: list[float] = []
    begun = time.perf_counter()
    for start, stop in ranges:
        before = time.perf_counter()
        ask(start, stop)
        after = time.perf_counter()
        seconds.append(after - before)
        if after - begun > max_seconds:
            break
    return seconds
