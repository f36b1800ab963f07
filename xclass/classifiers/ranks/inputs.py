"""The inputs of a batch, encoded by all ranks together."""

from __future__ import annotations

import numpy as np

from xclass.classifiers.class_slices import class_slice, largest_slice
from xclass.classifiers.ranks.ranks import Ranks
from xclass.data.base import SparseRows, Texts, slice_inputs
from xclass.encoders.base import Encoded, Encoder, Features


def encode_together(encoder: Encoder, features: Features, num_examples: int, ranks: Ranks) -> Encoded:
    """Encode a share of the batch and exchange it: every rank gets all B x D inputs, bit for bit the same.

    Encoding can be most of a step (a text encoder takes milliseconds for each text), so it is shared out; and
    ranks on processors that round otherwise would see other inputs if each encoded all of them. The features
    themselves are made by every rank: one that trains its encoder needs them all for the update of its copy.

    Args:
        encoder: the same on all ranks.
        features: of the whole batch.
        num_examples: B.
        ranks: all of them call this.

    Memory:
        with several ranks ``8 B D``: what came in, and that without what filled up the smaller shares.
    """
    if ranks.size == 1:
        return encoder.encode(features)
    mine = class_slice(num_examples, ranks.rank, ranks.size)
    part_PD = np.zeros((largest_slice(num_examples, ranks.size), encoder.dim), dtype=np.float32)
    part_PD[: len(mine)] = encoder.encode(_rows(features, mine))
    parts_RPD = ranks.gather(part_PD)
    sizes = [len(class_slice(num_examples, rank, ranks.size)) for rank in range(ranks.size)]
    return np.concatenate([part[:size] for part, size in zip(parts_RPD, sizes, strict=True)])


def _rows(features: Features, rows: range) -> Features:
    if isinstance(features, Texts | SparseRows):
        return slice_inputs(features, rows.start, rows.stop)
    return features[rows.start : rows.stop]
