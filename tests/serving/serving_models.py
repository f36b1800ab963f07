"""Small saved models to be served, as a run leaves them."""

import numpy as np

from xclass.classifiers.class_names import save_class_names
from xclass.classifiers.model_folder import save_array, write_manifest
from xclass.classifiers.seal import seal
from xclass.classifiers.served_facts import ServedFacts
from xclass.encoders.config import NgramConfig
from xclass.encoders.factory import build_encoder
from xclass.encoders.kinds import EncoderKind, InputKind
from xclass.evaluate.saved_answers import SavedAnswers

NUM_CLASSES, DIM, NUM_FEATURES = 50, 8, 32
CENTRES = np.random.default_rng(0).standard_normal((NUM_CLASSES, DIM)).astype(np.float32)
CENTRES *= 3 / np.linalg.norm(CENTRES, axis=1, keepdims=True)
CONTEXTS = ("de", "en")
ENCODERS = {
    InputKind.vectors: EncoderKind.identity,
    InputKind.texts: EncoderKind.ngrams,
    InputKind.rows: EncoderKind.projection,
}


def save_head(folder, inputs=InputKind.vectors, *, weights=CENTRES, names=None, contexts=(), is_softmax=True):
    """A softmax head in ``RUN/models/dense_softmax``-like folder, sealed."""
    folder.mkdir(parents=True)
    save_array(folder / "weights.npy", weights)
    kind = ENCODERS[inputs]
    ngrams = NgramConfig(num_buckets=256)
    build_encoder(kind, ngrams=ngrams, dim=DIM, num_features=NUM_FEATURES).save(folder)
    shape = {"num_classes": len(weights), "dim": DIM}
    write_manifest(folder, kind="linear", shape=shape, facts={"dtype": "float32"})
    if names is not None:
        save_class_names(folder, names)
    num_features = NUM_FEATURES if inputs is InputKind.rows else 0
    ServedFacts(
        method="dense_softmax", inputs=inputs, num_features=num_features, contexts=contexts,
        is_softmax=is_softmax,
    ).save(folder)  # fmt: skip
    seal(folder)
    return folder


def save_answers(run_dir, method, *, num_queries=400):
    """Answers of a run: right where the lead of the first is large."""
    draw = np.random.default_rng(1)
    lead_Q = draw.uniform(0, 1, num_queries)
    is_right_Q = draw.uniform(0, 1, num_queries) < lead_Q
    classes_QK = np.tile(np.arange(5), (num_queries, 1))
    scores_QK = np.stack([1 + lead_Q, *[np.ones(num_queries)] * 4], axis=1).astype(np.float32)
    run_dir.mkdir(parents=True, exist_ok=True)
    SavedAnswers(
        classes_QK=classes_QK, scores_QK=scores_QK, truth_Q=np.where(is_right_Q, 0, 7), several=None
    ).save(run_dir / "answers" / f"{method}.npz")
