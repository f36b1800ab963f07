"""Closed-form bytes of every phase against what this machine has, before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from xclass.classifiers.ranks.memory import slice_shape
from xclass.classifiers.registry import METHOD_CONFIGS, MethodConfig
from xclass.config import RunConfig
from xclass.data.registry import DATA_CONFIGS
from xclass.encoders.kinds import EncoderKind, InputKind, encoder_kind
from xclass.encoders.memory import encoder_batches, encoder_files, encoder_imports, encoder_terms
from xclass.encoders.text_model import read_text_model
from xclass.records.record import Phase
from xclass.shapes import DATA_BATCHES, FLOAT32_BYTES, INT64_BYTES, MAPPED, ProblemShape, Regime
from xclass.sizing.engines import (
    ANSWERING_CODE_BYTES,
    BASE_BYTES,
    FITTING_CODE_BYTES,
    GLOO_BYTES,
    IMPORT_OVER_BASE_BYTES,
    IMPORTED_BYTES,
    OPENING_CODE_BYTES,
    PROGRAM_CODE,
)
from xclass.sizing.ranks import ONE_PROCESS, RankLayout, layout_of, rank_law, rank_threads, ranks_of

_OF_EVERY_CLASS = ("row state", "rounding errors")
"""Components that a checkpoint has beside the model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhasePlan:
    """What one phase of one method is expected to need."""

    method: str
    phase: Phase
    base_bytes: int
    regime: Regime
    """The moment of the peak."""
    disk_bytes: int
    """What the phase writes."""
    import_peak_bytes: int
    """What the process needs before the phase begins: no phase runs in less."""
    layout: RankLayout = ONE_PROCESS
    """Over how many processes and machines it is spread; all bytes but those of the machine and of the disk
    are of one process, the one with the most."""

    @property
    def mapped_bytes(self) -> int:
        """Part of the peak that is pages of files: reclaimable, so not needed to start."""
        return self.regime.mapped_bytes

    @property
    def over_base_bytes(self) -> int:
        """Closed-form peak over the base."""
        return self.regime.total_bytes

    @property
    def peak_bytes(self) -> int:
        """Closed-form peak, base included."""
        return self.base_bytes + self.over_base_bytes

    def on_machine(self, rank_bytes: int) -> int:
        """What a machine needs whose ranks each take so much."""
        return self.layout.on_machine(rank_bytes)

    @property
    def required_bytes(self) -> int:
        """Memory of the machine without which the phase cannot run."""
        return self.on_machine(max(self.peak_bytes - self.mapped_bytes, self.import_peak_bytes))

    def to_json(self) -> dict[str, Any]:
        """The ``predicted`` part of a record: of one rank, where there are several."""
        num_ranks = self.layout.num_ranks
        ranks = {"num_ranks": num_ranks} if num_ranks > 1 else {}
        return {
            "base_bytes": self.base_bytes,
            "regime": self.regime.name,
            "components": dict(self.regime.components),
            "over_base_bytes": self.over_base_bytes,
            "peak_bytes": self.peak_bytes,
            "mapped_bytes": self.mapped_bytes,
            "disk_bytes": self.disk_bytes,
        } | ranks


def make_shape(config: RunConfig, num_classes: int, facts: Mapping[str, Any] | None = None) -> ProblemShape:
    """The numbers that closed forms depend on.

    Args:
        config: of the run.
        num_classes: C.
        facts: what preparing the data found; of another number of classes they are left aside.
    """
    facts = facts if facts and facts.get("num_classes") == num_classes else {}
    num_features, features_per_example = _features(config, facts)
    return ProblemShape(
        num_examples=int(facts.get("num_examples") or config.data.num_train(num_classes)),
        num_features=num_features,
        features_per_example=features_per_example,
        feature_growth=_known(config, facts).get("feature_growth", 0.5),
        **_text_length(config, facts),
        classes_per_example=float(facts.get("classes_per_example") or 1.0),
        is_by_class=config.data.is_scanned_by_class,
        num_classes=num_classes,
        dim=config.dim,
        batch_size=config.batch_size,
        scan_batch_size=config.scan_batch_size,
        num_queries=config.evaluate.num_queries,
        query_batch_size=config.evaluate.batch_size,
        top_k=min(config.evaluate.top_k, num_classes),
        threads=config.num_threads,
    )


def plan_method(
    config: RunConfig, method: str, shape: ProblemShape, *, num_machines: int = 1
) -> list[PhasePlan]:
    """The plan of each phase of one method, in order: fit, load, serve.

    Args:
        config: of the run.
        method: name of one.
        shape: of the problem, all classes.
        num_machines: that the ranks of the fit phase are spread over, where it has several.
    """
    settings: MethodConfig = getattr(config.method, method)
    kind, sections = encoder_of(config, method), config.sections_of(method)
    tables = _encoder_files(config, method, shape)
    is_read = {name: 0 if name.endswith(MAPPED) else size for name, size in tables.items()}
    opened = settings.opened_terms(shape, **sections) | is_read
    served = settings.served_terms(shape, **sections) | tables
    asked = settings.search_terms(shape, **sections) | config.data.query_terms(shape)
    asked |= encoder_batches(kind)
    engine = settings.server_engine
    load, serve = _load(method, engine, opened), _serve(method, engine, served | asked, shape)
    return [
        _with_imports(_fit(config, method, shape, num_machines), encoder_imports(kind, settings.engine)),
        *(_with_imports(plan, encoder_imports(kind, engine)) for plan in (load, serve)),
    ]


def _fit(config: RunConfig, method: str, shape: ProblemShape, num_machines: int) -> PhasePlan:
    """Training or building: data and encoder are whole in every rank, the head is sliced."""
    settings: MethodConfig = getattr(config.method, method)
    fit_phase = Phase(settings.fit_phase)
    layout = layout_of(config, method, num_machines)
    of_rank = replace(shape, threads=rank_threads(shape.threads, layout.ranks_here))
    is_trainable = fit_phase is Phase.TRAIN
    data = config.data.memory_terms(of_rank, has_steps=is_trainable)
    kind = encoder_of(config, method)
    encoder = encoder_terms(kind, of_rank, ngrams=config.encoder, bag=config.bag, is_trainable=is_trainable)
    law = rank_law(config, method, of_rank, layout.num_ranks)
    law = law.plus({name: size for name, size in data.items() if name == DATA_BATCHES}, only_fed=True)
    kept = {name: size for name, size in data.items() if name != DATA_BATCHES}
    law = law.plus(kept | encoder | {PROGRAM_CODE: FITTING_CODE_BYTES[settings.engine]})
    imported = IMPORTED_BYTES.get(method, 0) + (GLOO_BYTES if layout.num_ranks > 1 else 0)
    sections = config.sections_of(method)
    scratch_bytes = sections["index"].scratch_bytes(shape) if "index" in sections else 0
    saved = saved_bytes(config, method, shape)
    return PhasePlan(
        method=method,
        phase=fit_phase,
        base_bytes=BASE_BYTES[settings.engine] + imported,
        import_peak_bytes=_import_peak_bytes(settings.engine) + imported,
        regime=law.peak,
        # The shortened heap pass saves a model of its own, without names, beside the first, and deletes it.
        disk_bytes=saved
        + (saved - _names_bytes(config, shape) if config.measure.heap_pass else 0)
        + scratch_bytes
        + _checkpoints_bytes(config, method, shape),
        layout=layout,
    )


def _with_imports(plan: PhasePlan, num_bytes: int) -> PhasePlan:
    """The same with a library in its base."""
    peak_bytes = plan.import_peak_bytes + num_bytes
    return replace(plan, base_bytes=plan.base_bytes + num_bytes, import_peak_bytes=peak_bytes)


def saved_bytes(config: RunConfig, method: str, shape: ProblemShape) -> int:
    """Bytes of the saved model of a method, its encoder's table and the names of its classes included."""
    settings: MethodConfig = getattr(config.method, method)
    tables = sum(_encoder_files(config, method, shape).values())
    return settings.model_bytes(shape, **config.sections_of(method)) + tables + _names_bytes(config, shape)


def _checkpoints_bytes(config: RunConfig, method: str, shape: ProblemShape) -> int:
    """Disk for two checkpoints, the second of which is being written; 0 where none are.

    Each is a model without names, and what else training keeps of every class.
    """
    settings: MethodConfig = getattr(config.method, method)
    if config.checkpoint.minutes is None or not settings.can_shard:
        return 0
    kept = settings.memory_law(shape, **config.sections_of(method)).peak.components
    model_bytes = saved_bytes(config, method, shape) - _names_bytes(config, shape)
    return 2 * (model_bytes + sum(kept.get(name, 0) for name in _OF_EVERY_CLASS))


def _names_bytes(config: RunConfig, shape: ProblemShape) -> int:
    num_bytes: int = config.data.names_bytes(shape.num_classes)
    return num_bytes


def gpu_bytes(config: RunConfig, method: str, shape: ProblemShape) -> int:
    """What fitting a method takes on the GPU, of each rank on its own; 0 where it stays on the CPU."""
    settings: MethodConfig = getattr(config.method, method)
    of_rank = slice_shape(shape, ranks_of(config, method))
    return settings.gpu_bytes(of_rank, **config.sections_of(method))


def refusal_of(config: RunConfig, method: str, shape: ProblemShape) -> str | None:
    """Why a method cannot bear this size although the memory is there, as a predicate; None: it can."""
    settings: MethodConfig = getattr(config.method, method)
    return settings.refusal(shape, **config.sections_of(method))


def encoder_of(config: RunConfig, method: str) -> EncoderKind:
    """The encoder between the data of a run and a method."""
    kind = encoder_kind(DATA_CONFIGS[config.data.name].inputs, METHOD_CONFIGS[method].takes)
    if kind is EncoderKind.ngrams and config.encoder.model is not None:
        return read_text_model(config.encoder.model).kind
    return kind


def _encoder_files(config: RunConfig, method: str, shape: ProblemShape) -> dict[str, int]:
    kind = encoder_of(config, method)
    return encoder_files(kind, shape, ngrams=config.encoder, bag=config.bag)


def _known(config: RunConfig, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts of a run's data, and before it those of what is prepared."""
    return {**(config.data.known_facts() or {}), **facts}


def _features(config: RunConfig, facts: Mapping[str, Any]) -> tuple[int, float]:
    """Columns of the features of an example, and how many of them it has."""
    inputs, facts = DATA_CONFIGS[config.data.name].inputs, _known(config, facts)
    if inputs is InputKind.vectors:
        return config.dim, float(config.dim)
    if inputs is InputKind.texts:
        characters = facts.get("characters_per_text")
        # The encoder puts a boundary before and one behind.
        per_text = config.bag.features_per_text(*([float(characters) + 2.0] if characters else []))
        return config.bag.num_buckets, per_text
    return int(facts.get("num_features", 0)), float(facts.get("features_per_example", 0.0))


def _text_length(config: RunConfig, facts: Mapping[str, Any]) -> dict[str, float]:
    """The mean length of a text with its two boundaries, where it is known."""
    characters = _known(config, facts).get("characters_per_text")
    return {"characters_per_text": float(characters) + 2} if characters else {}


def _import_peak_bytes(engine: str) -> int:
    return BASE_BYTES[engine] + IMPORT_OVER_BASE_BYTES[engine]


def _load(method: str, engine: str, opened: dict[str, int]) -> PhasePlan:
    """The model is open, and nobody has asked yet."""
    return PhasePlan(
        method=method,
        phase=Phase.LOAD,
        base_bytes=BASE_BYTES[engine],
        import_peak_bytes=_import_peak_bytes(engine),
        regime=Regime(name="open", components=opened | {PROGRAM_CODE: OPENING_CODE_BYTES}),
        disk_bytes=0,
    )


def _serve(method: str, engine: str, terms: dict[str, int], shape: ProblemShape) -> PhasePlan:
    """Every page of the model has been touched, and a batch is being answered."""
    asked = {
        "queries": FLOAT32_BYTES * shape.num_queries * shape.dim,
        "answers": (INT64_BYTES + FLOAT32_BYTES) * shape.num_queries * shape.top_k,
    }
    return PhasePlan(
        method=method,
        phase=Phase.SERVE,
        base_bytes=BASE_BYTES[engine],
        import_peak_bytes=_import_peak_bytes(engine),
        regime=Regime(name="answering", components=terms | asked | {PROGRAM_CODE: ANSWERING_CODE_BYTES}),
        disk_bytes=0,
    )
