"""The configurations of benchmarks/projection.py: small ones that are fitted, large ones that are held out.

Classes, dimensions and batch vary independently of each other, so that no factor can hide in another (Source:
arXiv 2605.08541, where collinear designs make coefficients unidentifiable).
"""

from __future__ import annotations

from dataclasses import dataclass

_LEAN = ("measure.heap_pass=false", "keep_models=false", "budget.minutes=null")
_FEW = ("evaluate.num_queries=768", "evaluate.single_queries=40")
_SIZES = {
    "fit1": (8e3, 128, 512, 256),
    "fit2": (1.6e4, 32, 1024, 64),
    "fit3": (3.3e4, 64, 128, 256),
    "fit4": (6e4, 96, 256, 256),
    "fit5": (1.25e5, 64, 512, 128),
    "held1": (1e6, 64, 256, 256),
    "held2": (1e6, 32, 1024, 128),
    "held3": (1e6, 96, 128, 256),
    "wide": (2.5e5, 512, 512, 256),
}
"""Classes, dim, batch, queries of a batch. The held-out ones are 8x the largest that is fitted, and 30x of
``fit1`` to ``fit3`` alone; ``wide`` is so in two axes, 2x the classes and 4x the dimensions."""
FITTED = ("fit1", "fit2", "fit3", "fit4", "fit5")
FITTED_SMALL = FITTED[:3]
_SMALL_FACTOR = 4
"""More steps at sizes that are fitted: the first one compiles products and allocates."""
_EXAMPLES_PER_CLASS = {"fit4": 3, "held3": 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A method and its settings, measured at these sizes."""

    method: str
    words: tuple[str, ...] = ()
    class_scale: float = 1.0
    """Multiplies the classes: what is slow is measured smaller."""
    batch_scale: float = 1.0
    num_steps: int = 24
    is_wide: bool = False
    """The wide size too."""

    def sizes(self) -> list[str]:
        """Of this variant, those to be fitted first."""
        return [name for name in _SIZES if self.is_wide or name != "wide"]

    def words_at(self, size: str, scale: float) -> list[str]:
        """Words of the command line at one size; ``scale`` multiplies the classes."""
        classes, dim, batch, queries = _SIZES[size]
        batch = max(1, round(batch * self.batch_scale))
        return [
            f"+classes={classes * self.class_scale * scale:g}",
            f"dim={dim}",
            f"batch_size={batch}",
            f"evaluate.batch_size={queries}",
            f"methods=[{self.method}]",
            *self.words,
            f"data.examples_per_class={_EXAMPLES_PER_CLASS.get(size, 1)}",
            f"budget.examples={self.num_steps * batch * (_SMALL_FACTOR if size in FITTED else 1)}",
            *_FEW,
            *_LEAN,
        ]


def _index(*words: str, class_scale: float = 1.0, is_wide: bool = False) -> Variant:
    return Variant(method="nearest_neighbour", words=words, class_scale=class_scale, is_wide=is_wide)


_BFLOAT16 = "weights.dtype=bfloat16"
_SHORT_TRAINING = "index.training_points=20000"
"""Some seconds of k-means; the closed forms know it."""
VARIANTS = {
    "dense": Variant(method="dense_softmax", is_wide=True),
    "sampled": Variant(method="sampled_softmax", num_steps=100, is_wide=True),
    "flat": _index("index=flat", is_wide=True),
    "sq8": _index("index=sq8", is_wide=True),
    "ivf_sq8": _index("index=ivf_sq8", _SHORT_TRAINING, is_wide=True),
    "dense_bfloat16": Variant(method="dense_softmax", words=(_BFLOAT16,), is_wide=True),
    "sampled_bfloat16": Variant(method="sampled_softmax", words=(_BFLOAT16,), num_steps=100, is_wide=True),
    "autograd_adam": Variant(method="dense_softmax_autograd", batch_scale=0.125),
    "ivf_flat": _index("index=ivf_flat", _SHORT_TRAINING),
    "pq_fast_scan": _index("index.factory=PQ32x4fs", _SHORT_TRAINING),
    "rabitq4": _index("index=rabitq4"),
    "rabitq2_rerank": _index("index=rabitq2", "index.rerank=200"),
    "hnsw": _index("index=hnsw", class_scale=0.25),
    "dense_mapped": Variant(method="dense_softmax", words=("weights.storage=memmap",)),
}
ARMS = {f"{variant}-{size}": (variant, size) for variant in VARIANTS for size in VARIANTS[variant].sizes()}
