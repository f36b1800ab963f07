"""A saved model opened for answering, whatever method made it: its server and its encoder, without torch."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from xclass.classifiers.base import Answers, NormalisingServer, Server, import_object
from xclass.classifiers.model_folder import MANIFEST
from xclass.classifiers.registry import METHOD_CONFIGS
from xclass.classifiers.seal import Progress, SealLevel, check_seal
from xclass.data.base import FloatArray, Inputs
from xclass.encoders.base import Encoded
from xclass.encoders.factory import load_encoder
from xclass.errors import ModelError
from xclass.json_object import read_json_object

SERVERS: dict[str, str] = {
    "linear": "xclass.classifiers.linear_server:LinearServer",
    "faiss": "xclass.classifiers.nearest_neighbour.server:FaissServer",
    "adaptive": METHOD_CONFIGS["adaptive_softmax"].server,
    "tree": METHOD_CONFIGS["hierarchical_softmax"].server,
    "hashed": METHOD_CONFIGS["mach"].server,
    "frozen": METHOD_CONFIGS["frozen_vectors"].server,
    "knn": METHOD_CONFIGS["knn"].server,
    "sparse_means": METHOD_CONFIGS["sparse_means"].server,
    "prior": METHOD_CONFIGS["prior"].server,
    "omikuji": METHOD_CONFIGS["parabel"].server,
    "napkinxc": METHOD_CONFIGS["plt"].server,
    "lightgbm": METHOD_CONFIGS["boosting"].server,
    "linear_by_feature": METHOD_CONFIGS["linear_svm"].server,
}
"""Value of ``kind`` in a model's manifest -> ``module:class`` of the server that opens it."""


class OpenedModel:
    """Answers queries from their raw inputs.

    Memory: that of the server and of the encoder; what they map lies in ``folder``, on the disk.
    """

    def __init__(
        self,
        folder: Path,
        *,
        threads: int,
        check: SealLevel | None = SealLevel.contents,
        progress: Progress | None = None,
    ) -> None:
        """Check the seal, warm the engine up and open the model.

        Args:
            folder: of the saved model and its encoder.
            threads: of the server.
            check: how closely the folder is compared with its seal; None: not at all, for a folder that
                this very process has just written into a place of its own.
            progress: of the check.

        Raises:
            ModelError: the folder is not sealed, incomplete, damaged, or of a kind that this xclass does not
                know.
        """
        if check is not None:
            check_seal(folder, level=check, progress=progress)
        self.folder = folder
        manifest = _read(folder / MANIFEST)
        self.kind = str(manifest.get("kind"))
        if self.kind not in SERVERS:
            raise ModelError(
                f"{folder / MANIFEST}: kind={self.kind}: this xclass opens {', '.join(SERVERS)}; "
                "use the xclass that saved it"
            )
        self._server: Server = import_object(SERVERS[self.kind])(threads=threads)
        self._server.warm_up()
        self._server.load(folder)
        self._encoder = load_encoder(folder)
        self.num_classes = int(manifest["num_classes"])
        self.dim = int(manifest["dim"])
        self._turn = threading.Lock()

    def answer(self, inputs: Inputs, k: int) -> Answers:
        """The k best classes of each query, by their numbers.

        One caller at a time: the search of an inverted index adds up scores in room that it keeps (of 24
        calls of knn in 8 threads 23 answered other than one call alone, of sparse_means 14). Each answer has
        the threads of the server.
        """
        with self._turn:
            return self._server.search(self.encode(inputs), k)

    def encode(self, inputs: Inputs) -> Encoded:
        """Queries, or examples to compare them with, as the method takes them; safe in several threads."""
        return self._encoder.encode(self._encoder.features(inputs))

    def log_totals(self, inputs: Inputs) -> FloatArray:
        """By what a softmax head divides, as logarithms, shape (Q,): of models of kind ``linear`` only."""
        assert isinstance(self._server, NormalisingServer), self.kind
        with self._turn:
            return self._server.log_totals(self.encode(inputs))

    def held_bytes(self) -> dict[str, int]:
        """Component -> bytes of model and encoder when every page of them is resident."""
        return self._server.held_bytes() | self._encoder.held_bytes()


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a readable model manifest ({error}); give a folder of a run's models/"
        ) from error
