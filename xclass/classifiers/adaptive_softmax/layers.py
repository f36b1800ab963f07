"""The layers of an adaptive softmax as parts of one array, which is its file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from xclass.classifiers.adaptive_softmax.clusters import Clusters

Layer = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Layers:
    """Views of that array.

    Attributes:
        head_ND: vectors of the frequent classes, then of the clusters.
        tails: of each cluster the layer down to its W dimensions, shape (W, D), and its class vectors (N, W).
    """

    head_ND: Layer
    tails: tuple[tuple[Layer, Layer], ...]

    @classmethod
    def of(cls, weights: Layer, clusters: Clusters) -> Layers:
        """Look at all weights, shape (clusters.num_weights,), as layers."""
        place = clusters.num_head_rows * clusters.dim
        head_ND = weights[:place].reshape(-1, clusters.dim)
        tails = []
        for size, width in zip(clusters.sizes, clusters.dims, strict=True):
            middle, end = place + width * clusters.dim, place + width * (clusters.dim + size)
            down_WD = weights[place:middle].reshape(width, clusters.dim)
            tails.append((down_WD, weights[middle:end].reshape(size, width)))
            place = end
        return cls(head_ND=head_ND, tails=tuple(tails))

    def all(self) -> list[Layer]:
        """Head, then the two layers of each cluster: the order of torch's parameters."""
        return [self.head_ND, *(layer for tail in self.tails for layer in tail)]
