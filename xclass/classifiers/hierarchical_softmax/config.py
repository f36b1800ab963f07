"""Settings of the hierarchical softmax, its closed forms of memory and work. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from xclass.classifiers.init import check_positive, check_share
from xclass.classifiers.schedule import Schedule
from xclass.classifiers.traits import MethodTraits
from xclass.classifiers.work import (
    BATCH_QUERY,
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
from xclass.errors import check_range
from xclass.shapes import FLOAT32_BYTES, INT64_BYTES, MAPPED, MemoryLaw, ProblemShape, Regime

KIND = "tree"
"""In the manifest of a saved model."""
VECTORS_FILE, CHILDREN_FILE = "questions.npy", "children.npy"
BLOCK_QUESTIONS = 1 << 12
"""Questions whose vectors and inputs are gathered at a time: 2 MiB at 64 dimensions."""
FIRST_KEPT = 8
"""Nodes of each level that the first descent of a search follows beside k."""
_TREE_BYTES_PER_CLASS = 8
"""Parents, or children: int32 of twice as many nodes as there are classes."""
_BUILD_BYTES_PER_CLASS = 52
"""Counts and weights of inner nodes (int64), and in the largest round 36 bytes per node that is paired."""
_BYTES_PER_QUESTION = 76
"""Example, question, side, code and place (int64); logit, error, loss, sign (float32); entries of the sparse
matrix of errors, twice (12 bytes each)."""
_QUESTION_VALUES = 60
"""Multiply-adds that a value of an asked question costs: gathered twice, its gradient, its update."""
_MAX_KEPT = 1 << 20


@dataclass(kw_only=True, slots=True)
class HierarchicalSoftmaxConfig(MethodTraits):
    """A path of yes/no questions to every class, short for frequent ones; for encoders that are trained."""

    name: ClassVar[str] = "hierarchical_softmax"
    implementation: ClassVar[str] = "xclass.classifiers.hierarchical_softmax.classifier:HierarchicalSoftmax"
    server: ClassVar[str] = "xclass.classifiers.hierarchical_softmax.server:TreeServer"
    learns_by_encoder: ClassVar[bool] = True
    engine: ClassVar[str] = "scipy"
    server_engine: ClassVar[str] = "scipy"
    fit_phase: ClassVar[str] = "train"
    sections: ClassVar[tuple[str, ...]] = ()

    learning_rate: float = 0.4
    """Step of row-wise Adagrad on the vectors of questions. On 1e4 classes of lemmas after 24 s 0.4
    gives 83.3 %, 0.1 76.7 %; with encoder.learning_rate=0.1 instead of 0.01 0.4 gives 94.3 %, 1.0 91.3 %."""
    schedule: Schedule = Schedule.constant
    """constant, linear or cosine: how the learning rate falls while the budget is spent."""
    warm_up_share: float = 0.0
    """Share of the budget during which the learning rate rises from 0, 0 to below 1."""
    num_kept: int = 256
    """Nodes of one level of the tree that a search follows at most, 1 to 2**20: answers are exact as long as
    fewer are more probable than the k-th best class."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        key = f"method.{self.name}"
        check_positive(f"{key}.learning_rate", self.learning_rate, remedy="0.4 is the default")
        check_share(f"{key}.warm_up_share", self.warm_up_share, remedy="0 starts at the full rate")
        check_range(f"{key}.num_kept", self.num_kept, 1, _MAX_KEPT, remedy="256 is the default")

    def memory_law(self, shape: ProblemShape, **_: Any) -> MemoryLaw:
        """Peak of the train phase: ``4 (C - 1) (D + 1) + 8 C``, and the questions of one step.

        Memory:
            a step has ``T = B (log2 C + 1)`` questions at most in the mean, of which U differ:
            ``76 T + 8 D U + 8 B D``, and ``8 D`` for each of a block of 4096.
        """
        num_classes, dim, batch = shape.num_classes, shape.dim, shape.batch_size
        tree = {"tree": _TREE_BYTES_PER_CLASS * (num_classes - 1)}
        held = tree | {
            "question vectors": FLOAT32_BYTES * (num_classes - 1) * dim,
            "question state": FLOAT32_BYTES * (num_classes - 1),
        }
        asked = batch * mean_depth(num_classes)
        vectors = min(asked, num_classes - 1) + min(asked, BLOCK_QUESTIONS) + batch
        scratch = _BYTES_PER_QUESTION * asked + 2 * FLOAT32_BYTES * dim * vectors
        building = tree | {"tree being built": _BUILD_BYTES_PER_CLASS * num_classes}
        saving = held | {"tree from its root": _TREE_BYTES_PER_CLASS * (num_classes - 1)}
        return MemoryLaw(
            regimes=(
                Regime(name="tree", components=building, is_fed=False),
                Regime(name="step", components=held | {"scratch of a step": round(scratch)}),
                Regime(name="save", components=saving, is_fed=False),
            )
        )

    def model_bytes(self, shape: ProblemShape, **_: Any) -> int:
        """Bytes of the saved questions and tree: ``(C - 1) (4 D + 8)``."""
        return sum(self.served_terms(shape).values())

    def served_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """The mapped questions and tree."""
        return {
            f"question vectors{MAPPED}": FLOAT32_BYTES * (shape.num_classes - 1) * shape.dim,
            f"tree{MAPPED}": _TREE_BYTES_PER_CLASS * (shape.num_classes - 1),
        }

    def opened_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Nothing of them is touched."""
        return dict.fromkeys(self.served_terms(shape), 0)

    def search_terms(self, shape: ProblemShape, **_: Any) -> dict[str, int]:
        """Nodes of two levels for each query of a batch, ``2 * 40`` bytes each, and a block of vectors.

        As many nodes as the first descent follows: a trained tree leaves the second fewer. One that was not
        trained can have up to ``num_kept`` instead, with the defaults 10 MB more.
        """
        followed = min(shape.num_classes, 2 * (shape.top_k + FIRST_KEPT))
        nodes = 2 * 5 * INT64_BYTES * shape.query_batch_size * followed
        return {"search scratch": nodes + 2 * FLOAT32_BYTES * shape.dim * BLOCK_QUESTIONS}

    def works(self, shape: ProblemShape, num_examples: int, **_: Any) -> dict[str, Work]:
        """Of a step ``60 B (log2 C + 1) D`` and its examples; of a query the nodes of a narrow descent."""
        depth, dim = mean_depth(shape.num_classes), shape.dim
        amount = _QUESTION_VALUES * shape.batch_size * depth * dim + example_values(shape, FLOAT32_BYTES)
        form = "linear in log classes x dim x batch"
        searched = depth * (shape.top_k + FIRST_KEPT) * dim
        return {
            STEP: Work(meaning=f"a gradient step of {shape.batch_size} examples", amount=amount, form=form),
            SAVE: save_work(self.model_bytes(shape)),
            OPEN: open_work(0),
            QUERY: query_work(searched, "linear in log classes x dim"),
            BATCH_QUERY: batch_work(shape, searched, "linear in log classes x dim"),
        }


def mean_depth(num_classes: int) -> float:
    """Most questions of a class in the mean over examples: ``log2 C + 1``.

    Source: Huffman's tree is within one question of the entropy of the classes, which is at most log2 C.
    """
    return math.log2(num_classes) + 1
