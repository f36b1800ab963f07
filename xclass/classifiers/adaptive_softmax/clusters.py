"""Where the clusters of an adaptive softmax begin, and how wide they are. Standard library only.

Source: Grave et al., "Efficient softmax approximation for GPUs", ICML 2017; torch/nn/modules/adaptive.py,
whose rule for the dimensions this follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Clusters:
    """A head of the most frequent classes and one vector for each cluster, and the clusters of the others."""

    num_classes: int
    """C."""
    dim: int
    """D."""
    cutoffs: tuple[int, ...]
    """First class of each cluster."""
    dims: tuple[int, ...]
    """Dimensions of each: ``D // div_value**i``, i from 1."""

    @classmethod
    def of(cls, num_classes: int, dim: int, *, shares: tuple[float, ...], div_value: float) -> Clusters:
        """Cutoffs at shares of the classes; those that would leave a cluster empty are left out.

        Args:
            num_classes: C, at least 2.
            dim: D.
            shares: rising, above 0 and below 1.
            div_value: see ``dims``.
        """
        cutoffs: list[int] = []
        for share in shares:
            cutoff = max(1, int(share * num_classes))
            if cutoff > (cutoffs[-1] if cutoffs else 0) and cutoff < num_classes:
                cutoffs.append(cutoff)
        return cls(
            num_classes=num_classes,
            dim=dim,
            cutoffs=tuple(cutoffs),
            dims=tuple(int(dim // div_value**number) for number in range(1, len(cutoffs) + 1)),
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Classes of each cluster."""
        ends = [*self.cutoffs[1:], self.num_classes]
        return tuple(end - start for start, end in zip(self.cutoffs, ends, strict=True))

    @property
    def example_shares(self) -> tuple[float, ...]:
        """Share of the examples that each cluster is expected to have: half evenly, half by Zipf's law.

        Source: the default law of data=synthetic; cutoffs at 0.1 and 0.4 leave the clusters 0.21 and 0.39 of
        the examples there, and 0.19 and 0.27 (1e5 classes) or 0.31 and 0.12 (all) of the lemmas.
        """
        ends, span = [*self.cutoffs[1:], self.num_classes], math.log(self.num_classes)
        return tuple(
            0.5 * size / self.num_classes + 0.5 * math.log(end / start) / span
            for start, end, size in zip(self.cutoffs, ends, self.sizes, strict=True)
        )

    @property
    def widths_per_example(self) -> tuple[float, ...]:
        """Logits of each cluster in the mean over all examples: only its own examples ask it."""
        pairs = zip(self.example_shares, self.sizes, strict=True)
        return tuple(share * size for share, size in pairs)

    @property
    def num_head_rows(self) -> int:
        """Frequent classes and clusters."""
        return self.cutoffs[0] + len(self.cutoffs)

    @property
    def num_rows(self) -> int:
        """Rows of all layers."""
        return self.num_head_rows + sum(self.sizes) + sum(self.dims)

    @property
    def num_weights(self) -> int:
        """Values of all layers."""
        tails = zip(self.sizes, self.dims, strict=True)
        return self.num_head_rows * self.dim + sum(width * (size + self.dim) for size, width in tails)
