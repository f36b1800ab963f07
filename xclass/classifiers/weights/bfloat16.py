"""bfloat16 in numpy, as the upper 16 bits of a float32: for class means and for serving without torch.

Source: Intel, "BFLOAT16 - Hardware Numerics Definition", 2018.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xclass.data.base import FloatArray

BitsArray = npt.NDArray[np.uint16]


def to_float32(bits: BitsArray, out: FloatArray | None = None) -> FloatArray:
    """The values, exact.

    Args:
        bits: any shape, uint16.
        out: float32 of the same shape to write into; None: a new array.
    """
    values = np.empty(bits.shape, dtype=np.float32) if out is None else out
    np.left_shift(bits, 16, out=values.view(np.uint32), dtype=np.uint32)
    return values


def round_nearest(values: FloatArray) -> BitsArray:
    """To nearest, ties to even; finite values only."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded: BitsArray = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return rounded


def round_stochastic(values: FloatArray, generator: np.random.Generator) -> BitsArray:
    """Up or down such that each is right on average: the bits cut off are the chances to round up."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    chance = generator.integers(0, 1 << 16, bits.shape, dtype=np.uint32)
    rounded: BitsArray = ((bits + chance) >> 16).astype(np.uint16)
    return rounded
