"""Walker's alias table: a draw from any law over C classes costs two look-ups, whatever C is.

Built in float64 with prefix sums instead of Vose's two work lists: his loop takes minutes in Python at 5
million classes, the sums below a second.

Source: Walker, ACM TOMS 3 (1977); Vose, IEEE TSE 17 (1991); the sweep written as prefix sums:
Huebschle-Schneider & Sanders, "Parallel Weighted Random Sampling", ACM TOMS 48 (2022), section 4.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xclass.data.base import IntArray

Float64Array = npt.NDArray[np.float64]

_CHUNK = 1 << 20
_BLOCK = 1 << 12


class AliasTable:
    """C buckets of equal mass; bucket c holds class c up to its threshold and one other class above it.

    A light class (below the average) leaves room in its bucket, a heavy one overflows its own. Both are
    walked through in order: the room before light i is the sum of deficits so far, what heavy classes up to j
    can give is the sum of their excesses, so that the heavy class which fills light bucket i is the first j
    whose sum of excesses reaches the room before i; and heavy j keeps in its own bucket what is left of it
    when the sum of deficits passes its sum of excesses.

    Memory:
        12 C bytes held: threshold and probability (float32), alias (int32). While it is built 28 C more: the
        given weights, their prefix sums and one copy of a part (float64 each), and positions (int32).
    """

    def __init__(self, weights_C: Float64Array) -> None:
        """Build the table.

        Args:
            weights_C: shape (C,), float64, not negative; overwritten. A class with 0 is never drawn.

        Raises:
            ValueError: no positive weight, or more classes than the table can name.
        """
        num_classes = len(weights_C)
        if num_classes >= 1 << 31:
            raise ValueError("an alias table names its classes in 32 bits: at most 2147483647")
        total = float(weights_C.sum())
        if not total > 0.0:
            raise ValueError("a frequency sampler needs at least one class with examples")
        weights_C *= 1.0 / total
        self.probability_C = weights_C.astype(np.float32)
        weights_C *= num_classes
        # float32 keeps a threshold to 6e-8 of itself: the law that is drawn is the law that is stated.
        self._threshold_C = weights_C.astype(np.float32)
        self._alias_C = np.arange(num_classes, dtype=np.int32)
        is_light_C = weights_C < 1.0
        light = np.flatnonzero(is_light_C).astype(np.int32)
        heavy = np.flatnonzero(~is_light_C).astype(np.int32)
        del is_light_C
        if len(light) and len(heavy):
            self._fill(weights_C, light, heavy)

    def _fill(
        self, relative_C: Float64Array, light: npt.NDArray[np.int32], heavy: npt.NDArray[np.int32]
    ) -> None:
        excess = _prefix_sums(relative_C[heavy] - 1.0)
        deficit = np.zeros(len(light) + 1)
        np.subtract(1.0, relative_C[light], out=deficit[1:])
        _prefix_sums(deficit)
        last = len(heavy) - 1
        for start in range(0, len(light), _CHUNK):
            stop = min(start + _CHUNK, len(light))
            giver = np.searchsorted(excess, deficit[start:stop], side="left")
            # Rounding may leave a last bucket with room that no excess reaches: the last heavy fills it.
            self._alias_C[light[start:stop]] = heavy[np.minimum(giver, last)]
        for start in range(0, last, _CHUNK):
            stop = min(start + _CHUNK, last)
            passed = np.searchsorted(deficit, excess[start:stop], side="right")
            is_passed = passed < len(deficit)
            left = 1.0 + excess[start:stop] - deficit[np.minimum(passed, len(deficit) - 1)]
            mine = heavy[start:stop]
            self._threshold_C[mine] = np.where(is_passed, np.clip(left, 0.0, 1.0), 1.0)
            self._alias_C[mine] = heavy[start + 1 : stop + 1]

    def draw(self, num_samples: int, generator: np.random.Generator) -> IntArray:
        """Draw classes with replacement, shape (S,), int64."""
        bucket = generator.integers(0, len(self._alias_C), num_samples, dtype=np.int64)
        is_own = generator.random(num_samples) < self._threshold_C[bucket]
        classes: IntArray = np.where(is_own, bucket, self._alias_C[bucket])
        return classes

    @property
    def nbytes(self) -> int:
        """Bytes of the three arrays."""
        return self.probability_C.nbytes + self._threshold_C.nbytes + self._alias_C.nbytes


def _prefix_sums(values: Float64Array) -> Float64Array:
    """In place, by blocks: a single running sum over 17 million values is wrong by 1.5e-3 of a bucket."""
    whole = len(values) // _BLOCK * _BLOCK
    blocks = values[:whole].reshape(-1, _BLOCK)
    np.cumsum(blocks, axis=1, out=blocks)
    before = np.concatenate(([0.0], np.cumsum(blocks[:, -1])))
    blocks += before[:-1, None]
    rest = values[whole:]
    np.cumsum(rest, out=rest)
    rest += before[-1]
    return values
