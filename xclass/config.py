"""The whole configuration of a run as plain dataclasses: every default lives here or beside its owner.

Standard library only: the child reads its configuration without Hydra or OmegaConf.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints

from xclass.classifiers.device import Device
from xclass.classifiers.nearest_neighbour.config import PROJECTION
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig, VectorSource
from xclass.classifiers.ranks.config import CheckpointConfig
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.weights.config import WeightsConfig, WeightStorage
from xclass.data.synthetic.config import SyntheticConfig
from xclass.encoders.bag_config import BagConfig
from xclass.encoders.config import NgramConfig
from xclass.encoders.kinds import InputKind
from xclass.encoders.text_model import read_text_model
from xclass.errors import ConfigError, check_range
from xclass.evaluate.config import EvaluateConfig
from xclass.measure.config import MeasureConfig
from xclass.objective.config import ObjectiveConfig

MAX_CLASSES, MAX_RANKS, DEFAULT_DIM = 10**12, 4096, 64

MethodsConfig = make_dataclass(
    "MethodsConfig",
    [(name, config, field(default_factory=config)) for name, config in METHOD_CONFIGS.items()],
    kw_only=True,
    slots=True,
)
"""One field per registered method, holding its settings."""
MethodsConfig.__module__ = __name__  # else "types": launchers pickle it by its place


@dataclass(kw_only=True, slots=True)
class BudgetConfig:
    """When gradient steps end; the pass that takes class means is always whole."""

    minutes: float | None = 0.3
    """Wall clock of the gradient steps of each softmax head; null: no limit."""
    examples: int | None = None
    """Examples that gradient steps may consume, per head; null: no limit. Without both: one epoch."""

    def __post_init__(self) -> None:
        """Refuse budgets that cannot be kept.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        if self.minutes is not None and not 0.0 <= self.minutes < 60 * 24 * 365:
            raise ConfigError(
                "budget.minutes",
                self.minutes,
                allowed="0 or more, or null",
                remedy="0 keeps the initial model",
            )
        if self.examples is not None and self.examples < 0:
            raise ConfigError(
                "budget.examples", self.examples, allowed="0 or more, or null", remedy="null means no limit"
            )


@dataclass(kw_only=True, slots=True)
class RunConfig:
    """One comparison: some methods, one problem, one machine."""

    classes: int | None = None
    """Number of classes; null: the data source's default (synthetic 100000, lemmas all 3.03 million)."""
    methods: list[str] = field(
        default_factory=lambda: ["dense_softmax", "sampled_softmax", "nearest_neighbour"]
    )
    """Methods to compare, in this order."""
    dim: int = 0
    """Dimensions of an encoded example, 4 to 65536; 0: those of data that is vectors already, else 64."""
    seed: int = 0
    """Seed of data, sampling and initial values."""
    threads: int | None = None
    """Threads of every child; null: the cores this process may use."""
    ranks: int = 1
    """Processes that a softmax head is trained in, each with a slice of the classes; 1: one, with all."""
    device: Device = Device.cpu
    """cpu, or cuda: softmax heads are trained on the GPU; all else, serving too, stays on the CPU."""
    batch_size: int = 512
    """Examples of one gradient step."""
    scan_batch_size: int = 1024
    """Examples of one chunk of the pass that takes class means."""
    keep_models: bool = True
    """Keep the saved models under the run's folder; false deletes each after it was served."""
    data: Any = None
    """Hydra group: synthetic, lemmas, text, xmc or embeddings; null: synthetic with its defaults."""
    method: Any = field(default_factory=MethodsConfig)
    """Settings of each method: method.<name>.<setting>."""
    weights: WeightsConfig = field(default_factory=WeightsConfig)
    """How dense_softmax and sampled_softmax keep their class vectors."""
    index: IndexConfig = field(default_factory=IndexConfig)
    """The index of nearest_neighbour; Hydra group: flat, sq8, ivf_flat, ivf_sq8, ivf_pq, hnsw, rabitq4 ..."""
    encoder: NgramConfig = field(default_factory=NgramConfig)
    """Settings of the text encoder; without effect on synthetic data."""
    bag: BagConfig = field(default_factory=BagConfig)
    """Settings of the sparse features of texts, for methods that learn from features."""
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)

    def __post_init__(self) -> None:
        """Refuse values that no run can have.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        if self.data is None:
            # Not a default_factory: Hydra would then refuse to put another source's schema in its place.
            self.data = SyntheticConfig()
        if self.classes is not None:
            check_range("classes", self.classes, 2, MAX_CLASSES, remedy="try +classes=1e5")
        self._take_text_model()
        self.dim = self.dim or self.data.vector_dim() or DEFAULT_DIM
        check_range("dim", self.dim, 4, 1 << 16, remedy=f"{DEFAULT_DIM} is the default")
        check_range("seed", self.seed, 0, (1 << 63) - 1, remedy="0 is the default")
        check_range("batch_size", self.batch_size, 1, 1 << 20, remedy="512 is the default")
        check_range("scan_batch_size", self.scan_batch_size, 1, 1 << 20, remedy="1024 is the default")
        if self.threads is not None:
            check_range("threads", self.threads, 1, 4096, remedy=f"this process may use {usable_cores()}")
        check_range("ranks", self.ranks, 1, MAX_RANKS, remedy="1 is the default")
        if self.device is not Device.cpu and self.weights.storage is WeightStorage.memmap:
            raise ConfigError(
                "weights.storage",
                self.weights.storage.value,
                allowed=f"memory with device={self.device}",
                remedy="mapped class vectors are trained on the CPU: device=cpu",
            )
        self._check_methods()

    def _take_text_model(self) -> None:
        """The dimensions are those of ``encoder.model``, where texts go through one."""
        if self.encoder.model is None or self.data.inputs is not InputKind.texts:
            return
        model = read_text_model(self.encoder.model)
        # Absolute, so that a child or a repeat by hand finds it from any folder.
        self.encoder.model = str(Path(model.folder).expanduser().absolute())
        if self.dim not in (0, model.dim):
            raise ConfigError(
                "dim", self.dim, allowed=f"{model.dim}, as encoder.model has it", remedy="leave dim out"
            )
        self.dim = model.dim

    def _check_methods(self) -> None:
        allowed = ", ".join(METHOD_CONFIGS)
        if not self.methods:
            raise ConfigError("methods", "[]", allowed=f"a list of {allowed}", remedy="name at least one")
        for name in self.methods:
            if name not in METHOD_CONFIGS:
                raise ConfigError(
                    "methods", name, allowed=allowed, remedy="e.g. methods=[dense_softmax,nearest_neighbour]"
                )
        if len(set(self.methods)) != len(self.methods):
            raise ConfigError(
                "methods", ",".join(self.methods), allowed="each method once", remedy="remove the repetition"
            )
        self._check_ranks()
        if self.objective.method not in (None, *self.methods):
            raise ConfigError(
                "objective.method",
                self.objective.method,
                allowed=f"null, or one of {', '.join(self.methods)}",
                remedy="null takes the best of them",
            )
        self._check_lender()

    def _check_ranks(self) -> None:
        if self.classes is not None and self.ranks > self.classes:
            allowed = f"1 to {self.classes}, the number of classes"
            raise ConfigError("ranks", self.ranks, allowed=allowed, remedy="take fewer")
        if self.ranks > 1 and not any(METHOD_CONFIGS[name].can_shard for name in self.methods):
            able = " or ".join(name for name, method in METHOD_CONFIGS.items() if method.can_shard)
            raise ConfigError(
                "ranks",
                self.ranks,
                allowed=f"1 with methods=[{','.join(self.methods)}]: each is fitted in one process",
                remedy=f"add {able}, or leave ranks out",
            )

    def _check_lender(self) -> None:
        encoder, vectors = self.method.nearest_neighbour.encoder, self.index.vectors
        lenders = [name for name in self.methods if METHOD_CONFIGS[name].is_head]
        allowed = f"a trained method of this run ({', '.join(lenders) or 'none here'})"
        if encoder != PROJECTION and encoder not in lenders:
            raise ConfigError(
                "method.nearest_neighbour.encoder",
                encoder,
                allowed=f"projection, or {allowed}",
                remedy="add that method to methods=[...] or use projection",
            )
        if vectors is VectorSource.means and self.index.model is not None:
            raise ConfigError(
                "index.model",
                self.index.model,
                allowed="null with index.vectors=means",
                remedy="add index.vectors=dense_softmax or sampled_softmax",
            )
        if vectors is VectorSource.means or "nearest_neighbour" not in self.methods:
            return
        if vectors not in lenders and self.index.model is None:
            raise ConfigError(
                "index.vectors",
                vectors.value,
                allowed=f"means, or {allowed}",
                remedy="add that method to methods=[...], or name a saved model with index.model=FOLDER",
            )
        if encoder not in (PROJECTION, vectors):
            raise ConfigError(
                "method.nearest_neighbour.encoder",
                encoder,
                allowed=f"{vectors}, whose class vectors are indexed",
                remedy="leave it out",
            )

    @property
    def lender(self) -> str | None:
        """The trained method of this run that nearest_neighbour borrows an encoder or class vectors from."""
        if self.index.vectors is not VectorSource.means and self.index.model is None:
            return self.index.vectors.value
        encoder = self.method.nearest_neighbour.encoder
        return None if encoder == PROJECTION else str(encoder)

    def sections_of(self, method: str) -> dict[str, Any]:
        """Root sections that a method takes, by name."""
        return {name: getattr(self, name) for name in METHOD_CONFIGS[method].sections}

    @property
    def num_threads(self) -> int:
        """Threads of a child."""
        return self.threads or usable_cores()


def usable_cores() -> int:
    """Cores that this process may run on; macOS binds no process to cores."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def from_dict(cls: type[Any], values: dict[str, Any]) -> Any:
    """Rebuild a configuration dataclass from JSON values; unknown keys are an error of ours.

    Args:
        cls: RunConfig, or the class of one of its sections.
        values: what ``dataclasses.asdict`` gave, through JSON.
    """
    hints = get_type_hints(cls)
    assert set(values) <= set(hints), f"unknown keys {set(values) - set(hints)} for {cls.__name__}"
    return cls(**{f.name: _rebuild(hints[f.name], values[f.name]) for f in fields(cls) if f.name in values})


def _rebuild(hint: Any, value: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return from_dict(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return value
