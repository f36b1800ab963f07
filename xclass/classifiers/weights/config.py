"""How the class vectors of the softmax heads are kept. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from xclass.errors import ConfigError
from xclass.shapes import MAPPED, ProblemShape


class WeightDtype(StrEnum):
    """Format of one value."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    """Half the bytes; updates below half a unit in the last place need ``rounding=stochastic``."""


class WeightStorage(StrEnum):
    """Where the class vectors live while they are trained."""

    memory = "memory"
    memmap = "memmap"
    """In a file beside the model, mapped and shared: the kernel may write pages out and drop them."""


class Rounding(StrEnum):
    """How an updated value becomes bfloat16."""

    stochastic = "stochastic"
    """Up or down with the probability that makes it right on average."""
    nearest = "nearest"
    """To nearest: any update below half a unit in the last place (2**-9 of the value) is lost."""


HEAD_CLASSES = 1 << 16
"""Most frequent classes whose sums are kept in float32 while class means are taken into a bfloat16 table."""
VALUE_BYTES = {WeightDtype.float32: 4, WeightDtype.bfloat16: 2}


@dataclass(kw_only=True, slots=True)
class WeightsConfig:
    """The root section ``weights``, shared by the softmax heads that stream or sample."""

    dtype: WeightDtype = WeightDtype.float32
    """float32 or bfloat16."""
    storage: WeightStorage = WeightStorage.memory
    """memory, or memmap: larger than RAM, at the price of the disk."""
    folder: str | None = None
    """Where a mapped table lies while it is trained; null: where the run saves its models. A model saved on
    the same file system is that file, not a copy."""
    rounding: Rounding = Rounding.stochastic
    """stochastic or nearest; without effect on float32."""
    kahan_share: float = 0.0
    """Share of the classes, the most frequent ones, whose rounding error is carried on in a second bfloat16
    value (Kahan summation), 0 to 1; without effect on float32."""
    init_length: float = 0.0
    """Length that class vectors have which start from class means; 0: that at which inner products are log
    posteriors. With few examples per class that is so long that each example already has all probability in
    its own class and no step changes anything; at 20 the nearest other classes still have some (1e5 lemma
    classes of two forms, 64 dimensions, hard negatives, 1.5 epochs: P@1 from 94.1 to 95.3 %)."""

    def __post_init__(self) -> None:
        """Refuse values that cannot be used.

        Raises:
            ConfigError: naming key, value, allowed range and remedy.
        """
        if not 0.0 <= self.kahan_share <= 1.0:
            raise ConfigError(
                "weights.kahan_share",
                self.kahan_share,
                allowed="0 to 1",
                remedy="0.0625 compensates the most frequent sixteenth of the classes",
            )
        if not 0.0 <= self.init_length < float("inf"):
            raise ConfigError(
                "weights.init_length",
                self.init_length,
                allowed="0 or a positive number",
                remedy="0 takes the length of log posteriors, 20 leaves more to learn",
            )

    @property
    def value_bytes(self) -> int:
        """Bytes of one value."""
        return VALUE_BYTES[self.dtype]

    def num_kahan_classes(self, num_classes: int) -> int:
        """Classes, the first ones, that carry their rounding error along."""
        is_low = self.dtype is WeightDtype.bfloat16
        return min(num_classes, round(self.kahan_share * num_classes)) if is_low else 0

    def memory_terms(self, shape: ProblemShape) -> dict[str, int]:
        """Bytes held while training: ``4 C D`` or ``2 C D``, and ``2 K D`` for K compensated classes."""
        is_mapped = self.storage is WeightStorage.memmap
        terms = {f"class vectors{MAPPED if is_mapped else ''}": self.model_bytes(shape)}
        if kahan := self.num_kahan_classes(shape.num_classes):
            terms["rounding errors"] = VALUE_BYTES[WeightDtype.bfloat16] * kahan * shape.dim
        return terms

    def model_bytes(self, shape: ProblemShape) -> int:
        """Bytes of the saved class vectors."""
        return self.value_bytes * shape.num_classes * shape.dim
