"""LightGBM's multi-class boosting: in every round one tree for each class, over all examples.

Source: Ke et al., "LightGBM", NeurIPS 2017; https://lightgbm.readthedocs.io/en/stable/Parameters.html.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.boosting.config import TREES, BoostingConfig
from xclass.classifiers.boosting.server import COLUMNS, KIND, MODEL, tree_bytes
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.whole_data import gather, select_columns, used_columns
from xclass.encoders.base import Encoder
from xclass.shapes import ProblemShape

_FEWEST_EXAMPLES = 2
"""That have a sparse feature which is used: what one example alone has says nothing of another."""

_FEWEST_SHARED_VALUES = 1 << 20
"""From which on threads share a tree: each of its many regions waits for all of them.

Source: 120 classes x 16 x 480 examples on 2 cores: 0.6 s with one thread, 1.4 s with two that sleep while
they wait; beside other load 26 s with two that spin, as OpenMP does by default.
"""


class Boosting:
    """The method ``boosting``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(self, config: BoostingConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed % 2**31
        self._booster: lightgbm.Booster | None = None
        self._columns: npt.NDArray[np.int32] | None = None

    def warm_up(self) -> None:
        """One round on a toy problem, so that LightGBM's threads and code are there."""
        rows = np.eye(4, dtype=np.float32)
        self._train(rows, np.array([0, 1, 0, 1]), num_classes=2, num_rounds=1)

    def fit(self, feed: Feed) -> FitReport:
        """Gather the examples, once for each of their classes, and boost."""
        begun = time.perf_counter()
        rows, classes = gather(feed).repeated()
        if issparse(rows):
            # A column costs 800 bytes and a look in every split, also one that tells no examples apart.
            self._columns = used_columns(rows, at_least=_FEWEST_EXAMPLES)
            rows = select_columns(rows, self._columns)
        self._booster = self._train(
            rows, classes, num_classes=self._shape.num_classes, num_rounds=self._config.num_rounds
        )
        seconds = time.perf_counter() - begun
        facts: dict[str, Any] = {"learn_seconds": seconds, "num_trees": self._booster.num_trees()}
        return FitReport(examples_seen=len(classes), facts=facts)

    def _train(self, rows: Any, classes: Any, *, num_classes: int, num_rounds: int) -> lightgbm.Booster:
        config = self._config
        values = rows.nnz if issparse(rows) else rows.size
        threads = 1 if values < _FEWEST_SHARED_VALUES else self._shape.threads
        settings = {
            "objective": "multiclass",
            "num_class": num_classes,
            "num_leaves": config.num_leaves,
            "learning_rate": config.learning_rate,
            "lambda_l2": config.regularisation,
            "min_data_in_leaf": config.min_examples,
            "min_data_in_bin": config.min_examples,
            "extra_trees": config.use_random_splits,
            "max_bin": config.num_bins,
            "num_threads": threads,
            "seed": self._seed,
            # Else rows or columns are tried for speed, and equal seeds give other trees.
            "deterministic": True,
            "force_col_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(rows, classes, params=settings)
        return lightgbm.train(settings, data, num_boost_round=num_rounds)

    def save(self, folder: Path) -> None:
        """Write LightGBM's own text file."""
        booster = self._booster
        assert booster is not None
        booster.save_model(str(folder / MODEL))
        if self._columns is not None:
            save_array(folder / COLUMNS, self._columns)
        shape = {"num_classes": self._shape.num_classes, "dim": self._encoder.dim}
        write_manifest(folder, kind=KIND, shape=shape, facts={"num_trees": booster.num_trees()})

    def held_bytes(self) -> dict[str, int]:
        """The trees, by the number of their leaves."""
        if self._booster is None:
            return {}
        columns = {} if self._columns is None else {"columns": self._columns.nbytes}
        return {TREES: tree_bytes(self._booster.model_to_string().encode())} | columns
