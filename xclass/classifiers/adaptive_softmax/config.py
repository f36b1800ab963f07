"""Settings of the adaptive softmax, its closed forms of memory and work. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from xclass.classifiers.adaptive_softmax.clusters import Clusters
from xclass.classifiers.init import check_positive, check_share
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
    LOGIT_VALUES,
    OPEN,
    QUERY,
    SAVE,
    STEP,
    Work,
    batch_work,
    example_values,
    open_work,
    query_work,
    save_work,
)
from xclass.errors import ConfigError
from xclass.shapes import FLOAT32_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime

KIND = "adaptive"
"""In the manifest of a saved model."""
NORMALISED_CLASSES = 1 << 12
"""Classes whose logits are summed up at a time while a batch is answered."""
_PASSES = 3
"""Products of a linear layer: forward, gradient at its inputs, gradient at its weights."""


@dataclass(kw_only=True, slots=True)
class AdaptiveSoftmaxConfig(MethodTraits):
    """torch.nn.AdaptiveLogSoftmaxWithLoss, trained by row-wise Adagrad, served without torch."""

    name: ClassVar[str] = "adaptive_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.adaptive_softmax.classifier:AdaptiveSoftmax"
    server: ClassVar[str] = "xclass.classifiers.adaptive_softmax.server:AdaptiveServer"
    learns_by_encoder: ClassVar[bool] = True
    is_estimate: ClassVar[bool] = True
    engine: ClassVar[str] = "torch"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ()

    cutoff_shares: list[float] = field(default_factory=lambda: [0.1, 0.4])
    """Rising shares of the classes, in order of falling frequency, at which clusters begin: before the first
    is the head."""
    div_value: float = 2.0
    """Each cluster has so many times fewer dimensions than the one before it; 1 or more."""
    learning_rate: float = 0.4
    """Step of row-wise Adagrad on all layers."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which the learning rate rises from 0, 0 to below 1."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key, shares = f"method.{self.name}", list(self.cutoff_shares)
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="0.4 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        if not 1.0 <= self.div_value < float("inf"):
            raise ConfigError(
                f"{key}.div_value", self.div_value, allowed="1 or more", remedy="2.0 is the default"
            )
        is_rising = all(low < high for low, high in zip([0.0, *shares], [*shares, 1.0], strict=True))
        if not shares or not is_rising:
            raise ConfigError(
                f"{key}.cutoff_shares",
                shares,
                allowed="rising shares above 0 and below 1",
                remedy="[0.1, 0.4] is the default",
            )

    def clusters(self, num_classes: int, dim: int) -> Clusters:
        """Where the clusters begin, and how many dimensions each has."""
        return Clusters.of(num_classes, dim, shares=tuple(self.cutoff_shares), div_value=self.div_value)

    def refusal(self, shape: ProblemShape, **_: Any) -> str | None:
        """A cluster that would have no dimension left."""
        clusters = self.clusters(shape.num_classes, shape.dim)
        if min(clusters.dims) > 0:
            return None
        power = len(clusters.dims)
        return (
            f"has a cluster of {shape.dim} // {self.div_value}**{power} = 0 dimensions (dim // div_value**i)"
        )

    def memory_law(self, shape: ProblemShape, **_: Any) -> MemoryLaw:
        """Peak of the train phase: ``8 W`` for W weights and their gradient, and logits.

        Memory:
            with cutoffs at c0 < c1 < ... of C classes and clusters of d1, d2, ... dimensions
            ``W = c0 D + sum_i ((c_i+1 - c_i) d_i + d_i D)``; logits ``4 B (L + 2 max_i l_i)`` for
            ``l_0 = c0``, ``l_i = e_i (c_i+1 - c_i)`` and their sum L, where e_i is a cluster's share of the
            examples: an estimate, see :meth:`Clusters.example_shares`.

        Source: torch/nn/modules/adaptive.py, ``forward``: autograd keeps the log-softmax of the head over all
            examples and of each cluster over its own; going back, one of them has two gradients beside it.
        """
        clusters, batch = self.clusters(shape.num_classes, shape.dim), shape.batch_size
        weights = FLOAT32_BYTES * clusters.num_weights
        held = {"class vectors of clusters": weights, "row state": FLOAT32_BYTES * clusters.num_rows}
        widths = [float(clusters.num_head_rows), *clusters.widths_per_example]
        step = {
            "gradient of class vectors": weights,
            "logits": round(FLOAT32_BYTES * batch * (sum(widths) + 2 * max(widths))),
            "inputs and their gradient": 3 * FLOAT32_BYTES * batch * shape.dim,
        }
        return MemoryLaw(regimes=(Regime(name="step", components=held | step),))

    def model_bytes(self, shape: ProblemShape, **_: Any) -> int:
        """Bytes of the saved layers."""
        return FLOAT32_BYTES * self.clusters(shape.num_classes, shape.dim).num_weights

    def served_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """The mapped layers."""
        return {f"class vectors of clusters{MAPPED}": self.model_bytes(shape)}

    def opened_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Nothing of them is touched."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Logits of a batch for a block of classes, twice, and its inputs in each cluster."""
        block = min(NORMALISED_CLASSES, shape.num_classes)
        return {"search scratch": FLOAT32_BYTES * shape.query_batch_size * (2 * block + 2 * shape.dim)}

    def works(self, shape: ProblemShape, num_examples: int, **_: Any) -> dict[str, Work]:
        """Of a step the head for all examples and each cluster for its own; of a query all layers."""
        clusters, batch, dim = self.clusters(shape.num_classes, shape.dim), shape.batch_size, shape.dim
        amount = float(batch) * clusters.num_head_rows * (_PASSES * dim + LOGIT_VALUES)
        for logits, width in zip(clusters.widths_per_example, clusters.dims, strict=True):
            amount += batch * logits * (_PASSES * width + LOGIT_VALUES)
        asked = float(clusters.num_weights + LOGIT_VALUES * shape.num_classes)
        return {
            STEP: Work(
                meaning=f"a gradient step of {batch} examples",
                amount=amount + 2.0 * clusters.num_weights + example_values(shape, FLOAT32_BYTES),
                form="linear in classes x batch x the dimensions of their clusters",
            ),
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(asked, "linear in classes x the dimensions of their clusters"),
            BATCH_QUERY: batch_work(shape, asked, "linear in classes x the dimensions of their clusters"),
        }
