"""Taking the sample that an index is trained on: no more memory than its closed form says."""

import tracemalloc

import numpy as np
import pytest

from xclass.classifiers.nearest_neighbour.class_vectors import sample_rows
from xclass.classifiers.nearest_neighbour.config import ADD_CLASSES, NearestNeighbourConfig
from xclass.classifiers.nearest_neighbour.index_config import IndexConfig
from xclass.shapes import ProblemShape

C, D = 5 * ADD_CLASSES, 64


class Copies:
    """Class vectors whose blocks are read into memory of their own, as those in a file are."""

    def read(self, start, stop):
        return np.ones((stop - start, D), dtype=np.float32)

    def release(self, stop):
        """Nothing is kept."""


def test_the_peak_of_sampling_is_the_sample_and_the_blocks_beside_it():
    shape = ProblemShape(
        num_classes=C, dim=D, batch_size=1, scan_batch_size=1, num_queries=1, query_batch_size=1, top_k=1,
        threads=1,
    )  # fmt: skip
    index = IndexConfig(factory="SQ8")
    law = NearestNeighbourConfig().memory_law(shape, index=index)
    (sampling,) = [regime for regime in law.regimes if regime.name == "sampling"]
    parts = ("training sample", "classes being read")
    tracemalloc.start()
    sample_rows(Copies(), np.arange(C), C)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak == pytest.approx(sum(sampling.components[name] for name in parts), rel=0.05)
