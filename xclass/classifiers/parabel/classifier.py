"""omikuji's Parabel: balanced trees over the classes, a linear classifier for every child of every node.

Source: Prabhu et al., "Parabel", WWW 2018; https://github.com/tomtung/omikuji.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import omikuji
from scipy.sparse import csr_matrix

from xclass.classifiers.base import Feed, FitReport
from xclass.classifiers.model_folder import write_manifest
from xclass.classifiers.nameless_file import NamelessFile
from xclass.classifiers.parabel.config import TREES, ParabelConfig
from xclass.classifiers.parabel.server import KIND, tree_bytes
from xclass.classifiers.silence import silenced
from xclass.data.base import ClassSets
from xclass.encoders.base import Encoded, Encoder
from xclass.shapes import ProblemShape

_TOY = b"2 2 2\n0 0:1\n1 1:1\n"


class Parabel:
    """The method ``parabel``; a :class:`xclass.classifiers.base.Classifier`."""

    def __init__(self, config: ParabelConfig, *, shape: ProblemShape, encoder: Encoder, seed: int) -> None:
        """Keep the settings; omikuji draws by itself, whatever the seed."""
        self._config = config
        self._shape = shape
        self._encoder = encoder
        self._model: Any = None
        self._held: dict[str, int] = {}

    def warm_up(self) -> None:
        """A tree over two classes."""
        self._train(iter([_TOY]))

    def fit(self, feed: Feed) -> FitReport:
        """Write the examples as omikuji reads them, and let it learn."""
        begun = time.perf_counter()
        self._model, text_bytes = self._train(self._text(feed))
        facts: dict[str, Any] = {
            "learn_seconds": time.perf_counter() - begun,
            "num_trees": self._model.n_trees,
            "text_bytes": text_bytes,
        }
        return FitReport(examples_seen=feed.num_examples, facts=facts)

    def _text(self, feed: Feed) -> Iterator[bytes]:
        """The XMC repository's text; a header of its own says how much there is."""
        yield f"{feed.num_examples} {self._encoder.dim} {self._shape.num_classes}\n".encode()
        for encoded, sets in feed.examples():
            yield xmc_lines(encoded, sets)

    def _train(self, text: Iterator[bytes]) -> tuple[Any, int]:
        config = self._config
        file, end = NamelessFile(config.folder or ".", key="method.parabel.folder"), 0
        for part in text:
            end = file.write(np.frombuffer(part, dtype=np.uint8), end)
        settings = omikuji.Model.default_hyper_param()
        settings.n_trees = config.num_trees
        settings.min_branch_size = config.leaf_classes
        settings.linear_c = config.regularisation
        settings.linear_weight_threshold = config.prune_below
        settings.linear_max_iter = config.max_iterations
        settings.cluster_k = config.num_children
        settings.train_trees_1_by_1 = True
        with silenced():
            return omikuji.Model.train_on_data(file.path, settings, self._shape.threads), end

    def save(self, folder: Path) -> None:
        """Write omikuji's own files: a tree each, as CBOR."""
        assert self._model is not None
        with silenced():
            self._model.save(str(folder))
        shape = {"num_classes": self._shape.num_classes, "dim": self._encoder.dim}
        facts = {"num_trees": self._model.n_trees, "beam_size": self._config.beam_size}
        write_manifest(folder, kind=KIND, shape=shape, facts=facts)
        self._held = {TREES: tree_bytes(folder)}

    def held_bytes(self) -> dict[str, int]:
        """The trees, by their files once they were saved: omikuji does not say what it holds."""
        return dict(self._held)


def xmc_lines(encoded: Encoded, sets: ClassSets) -> bytes:
    """Examples as lines of ``class,class place:value ...``, seven digits each.

    Source: http://manikvarma.org/downloads/XC/XMLRepository.html, "Dataset format".
    """
    rows = csr_matrix(encoded)
    names = [str(class_id) for class_id in sets.classes.tolist()]
    starts, lengths = sets.starts.tolist(), np.diff(rows.indptr).tolist()
    classes = [",".join(names[start:stop]) for start, stop in pairwise(starts)]
    lines = [
        names_of_one + " %d:%.7g" * length for names_of_one, length in zip(classes, lengths, strict=True)
    ]
    pairs: list[float] = [0] * (2 * rows.nnz)
    pairs[::2], pairs[1::2] = rows.indices.tolist(), rows.data.tolist()
    return ("\n".join(lines) + "\n" if lines else "").encode() % tuple(pairs)
