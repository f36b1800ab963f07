"""Settings of the synthetic data and the closed form of what it adds to memory. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xclass.data.traits import DataTraits
from xclass.encoders.kinds import InputKind
from xclass.errors import check_range
from xclass.shapes import DATA_BATCHES, FLOAT32_BYTES, ProblemShape


@dataclass(kw_only=True, slots=True)
class SyntheticConfig(DataTraits):
    """Classes on the unit sphere in two-level clusters, with Zipf frequencies and Gaussian noise."""

    name: ClassVar[str] = "synthetic"
    entry: ClassVar[str] = "xclass.data.synthetic.entry"
    default_classes: ClassVar[int] = 100_000
    most_classes: ClassVar[int | None] = None
    inputs: ClassVar[InputKind] = InputKind.vectors

    bayes_accuracy: float = 0.95
    """Accuracy of the best possible classifier; the noise is solved for it. Between 0.05 and 0.999."""
    examples_per_class: int = 4
    """Training examples per class on average, 1 to 10000."""
    uniform_share: float = 0.5
    """Share of examples spread evenly over all classes (the catalogue itself); the rest follows Zipf's law.
    Each class has at least floor(examples_per_class * uniform_share) training examples."""
    zipf_exponent: float = 1.0
    """Exponent of the Zipf part, 0 (uniform) to 2."""
    classes_per_group: int = 100
    """Classes that share one cluster centre, at least 1."""
    group_share: float = 0.5
    """Share of a class vector's squared length that it has in common with its group, 0 to 0.95."""

    def __post_init__(self) -> None:
        """Refuse values that no data set can have.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        _check("bayes_accuracy", self.bayes_accuracy, 0.05, 0.999, "give a share such as 0.95")
        _check("examples_per_class", self.examples_per_class, 1, 10_000, "4 is the default")
        _check("uniform_share", self.uniform_share, 0.0, 1.0, "give a share such as 0.5")
        _check("zipf_exponent", self.zipf_exponent, 0.0, 2.0, "1.0 is Zipf's law")
        _check("classes_per_group", self.classes_per_group, 1, 10**9, "100 is the default")
        _check("group_share", self.group_share, 0.0, 0.95, "0 means no groups")

    def memory_terms(self, shape: ProblemShape, *, has_steps: bool) -> dict[str, int]:
        """Component -> bytes alive while examples are made: O(batch), whatever the number of classes.

        A chunk of ``b`` examples needs three float32 matrices (b, D): example, group centre, own direction.
        Each encoding thread holds the chunk it makes and one that waits to be taken.
        """
        chunk = max(shape.batch_size, shape.scan_batch_size)
        return {DATA_BATCHES: (3 + 1) * shape.threads * chunk * shape.dim * FLOAT32_BYTES}

    def num_train(self, num_classes: int) -> int:
        """Training examples."""
        return self.examples_per_class * num_classes

    def query_terms(self, shape: ProblemShape) -> dict[str, int]:
        """None: nothing is stored."""
        return {}


def _check(key: str, value: float, low: float, high: float, remedy: str) -> None:
    check_range(f"data.{key}", value, low, high, remedy=remedy)
