"""How often a class is in a batch, estimated while the batches stream by; no counts are needed beforehand.

Source: Yi et al., "Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations", RecSys
2019, section 4 (algorithm 2): a moving average of the steps between two batches that hold the class; one over
it is the probability of being in a batch. Theirs hashes items into H slots; classes are numbered here, so
each has a slot of its own and none collide.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xclass.classifiers.sampled_softmax.alias import Float64Array
from xclass.data.base import IntArray


class StreamingFrequency:
    """Average number of steps between two batches that hold a class.

    The step at which a class is first seen is taken as its first gap: the waiting time for the first batch
    has the mean of every other gap. (Starting from a fixed gap would leave (1 - rate)^n of it for long.)

    Memory:
        8 bytes per class (average gap in float32, step last seen in int32); pages of classes that were never
        seen stay untouched.
    """

    def __init__(self, num_classes: int, rate: float, *, first_class: int = 0) -> None:
        """Start with no class seen.

        Args:
            num_classes: that it keeps: C, or those of one rank.
            rate: weight of the newest gap in the average, over 0 to 1.
            first_class: of them.
        """
        self._first_class = first_class
        self._rate = rate
        self.num_batches = 0
        """Seen so far."""
        self._gap_C: npt.NDArray[np.float32] = np.zeros(num_classes, dtype=np.float32)
        self._last_C: npt.NDArray[np.int32] = np.zeros(num_classes, dtype=np.int32)

    def observe(self, classes_U: IntArray) -> None:
        """Take in the distinct classes of the next batch, shape (U,); those that it keeps."""
        self.num_batches += 1
        classes_U = classes_U - self._first_class
        classes_U = classes_U[(classes_U >= 0) & (classes_U < len(self._gap_C))]
        last_U = self._last_C[classes_U]
        newest_U = (self.num_batches - last_U).astype(np.float32)
        old_U = self._gap_C[classes_U]
        average_U = old_U + np.float32(self._rate) * (newest_U - old_U)
        self._gap_C[classes_U] = np.where(last_U == 0, newest_U, average_U)
        self._last_C[classes_U] = self.num_batches

    def log_inclusion(self, classes_U: IntArray) -> Float64Array:
        """Log of the probability that a batch holds each class that it keeps; -inf for one never seen."""
        classes_U = classes_U - self._first_class
        with np.errstate(divide="ignore"):
            log_inclusion: Float64Array = -np.log(self._gap_C[classes_U].astype(np.float64))
        log_inclusion[np.isposinf(log_inclusion)] = -np.inf
        return np.minimum(log_inclusion, 0.0)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """File stem -> live array, for a checkpoint."""
        return {"streaming_gap": self._gap_C, "streaming_last": self._last_C}

    def held_bytes(self) -> int:
        """Both arrays."""
        return self._gap_C.nbytes + self._last_C.nbytes
