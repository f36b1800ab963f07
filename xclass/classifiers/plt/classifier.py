"""napkinXC's probabilistic label tree: the probability of a class is the product along its path.

Source: Jasinska-Kobus et al., "Probabilistic Label Trees for Extreme Multi-label Classification", 2020;
https://napkinxc.readthedocs.io.
"""

from __future__ import annotations

import ctypes
import shutil
import time
import weakref
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from napkinxc.models import PLT
from scipy.sparse import csr_matrix

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.model_folder import write_manifest
from xclass.classifiers.plt.config import PltConfig
from xclass.classifiers.plt.server import KIND
from xclass.classifiers.whole_data import Rows, gather
from xclass.data.base import ClassSets
from xclass.encoders.base import Encoder
from xclass.errors import ConfigError
from xclass.shapes import ProblemShape


class Plt:
    """The method ``plt``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(self, config: PltConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the settings."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._seed = seed % 2**31
        self._folder: Path | None = None

    def warm_up(self) -> None:
        """A tree over two classes."""
        sets = ClassSets.of_single(np.array([0, 1]))
        self._train(np.eye(2, dtype=np.float32), sets, num_classes=2)

    def fit(self, feed: Feed) -> FitReport:
        """Gather the examples and let napkinXC learn; it writes its weights as it goes."""
        begun = time.perf_counter()
        data = gather(feed)
        self._folder = self._train(data.rows_NM, data.sets, num_classes=self._shape.num_classes)
        facts: dict[str, Any] = {"learn_seconds": time.perf_counter() - begun}
        return FitReport(examples_seen=len(data), facts=facts)

    def _train(self, rows_NM: Rows, sets: ClassSets, *, num_classes: int) -> Path:
        config = self._config
        folder = _temporary_folder(self, config.folder)
        tree = PLT(
            str(folder),
            arity=config.num_children,
            max_leaves=config.leaf_classes,
            liblinear_c=config.regularisation,
            weights_threshold=config.prune_below,
            liblinear_max_iter=config.max_iterations,
            seed=self._seed,
            threads=self._shape.threads,
        )
        # Its LIBLINEAR shuffles with the C library's rand, which napkinXC's seed does not reach.
        ctypes.CDLL(None).srand(self._seed)
        ones = np.ones(len(sets.classes), dtype=np.float32)
        parts = (ones, sets.classes.astype(np.int32), sets.starts.astype(np.int32))
        tree.fit(csr_matrix(rows_NM), csr_matrix(parts, shape=(len(sets), num_classes)))
        return folder

    def save(self, folder: Path) -> None:
        """Copy napkinXC's own files."""
        assert self._folder is not None
        for path in sorted(self._folder.iterdir()):
            shutil.copyfile(path, folder / path.name)
        shape = {"num_classes": self._shape.num_classes, "dim": self._encoder.dim}
        write_manifest(folder, kind=KIND, shape=shape, facts={})

    def held_bytes(self) -> dict[str, int]:
        """Nothing in memory: the weights are in files by then."""
        return {}


def _temporary_folder(owner: object, parent: str | None) -> Path:
    """One that is deleted with its owner, or at the end of the process; a killed one leaves it in TMPDIR.

    Raises:
        ConfigError: no folder can be made there.
    """
    try:
        folder = mkdtemp(prefix="xclass-plt-", dir=parent)
    except OSError as error:
        raise ConfigError(
            "method.plt.folder", parent, allowed=f"a folder that can be written ({error.strerror})",
            remedy="choose one on a local disk with room for the model",
        ) from error  # fmt: skip
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
